//! The pods' disk: a file system of its own size in a file of the data folder, for what pods and images write without a
//! volume: layers, emptyDirs, logs.
//!
//! However fast they fill it, the file system on which etcd and Postgres write keeps its room: the file has all of its
//! blocks from the start. It is mounted in the node's mount namespace only.
//!
//! Everything on it can be had again, so it is written without waiting for the machine's disk. In exchange it is kept
//! over a boot only if the last run was stopped in order.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;
use serde::{Deserialize, Serialize};

use crate::command::Helper;
use crate::error::Error;
use crate::files;
use crate::layout::Layout;
use crate::machine;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// What the databases and the volumes should find free in any case; etcd alone may take 8 GiB.
const KEPT_FREE: u64 = 12 * GIB;
/// More is taken only when asked for.
const LARGEST: u64 = 32 * GIB;
/// The smallest that holds the images of a cluster without labs.
pub(crate) const SMALLEST: u64 = 512 * MIB;

/// How the file system is mounted. A part of it is reserved for those who may exceed limits, which containerd may and a
/// container's root may not; the user is one that nobody is, because root would be every container's.
pub(crate) const MOUNT_OPTIONS: &str = "loop,noatime,barrier=0,resuid=2147483646";

/// How long the mount of an ended run may take to go.
const DETACH_LIMIT: Duration = Duration::from_secs(30);
/// How long a stop waits for the disk; if it is not written by then, it is recreated after a boot.
const SEAL_LIMIT: Duration = Duration::from_secs(5);

/// What is known about the file beside what stands in it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    /// The boot in which it was last mounted.
    boot_id: String,
    /// Whether all of it had reached the machine's disk after that.
    sealed: bool,
}

/// Makes sure that there is a whole file system to mount. `wanted` is its size in bytes when it has to be made.
pub(crate) async fn settle(layout: &Layout, wanted: Option<u64>) -> Result<(), Error> {
    let image = layout.pods_disk_image();
    if image.exists() {
        wait_detached(&image, DETACH_LIMIT).await?;
        if is_whole(layout, &image).await? {
            return note(layout, false);
        }
        tracing::warn!(
            image = %image.display(),
            "the pods' disk was in use when the machine went down and is made anew; images are fetched again"
        );
        files::remove_file(&image)?;
    }
    make(layout, &image, wanted).await?;
    note(layout, false)
}

async fn is_whole(layout: &Layout, image: &Path) -> Result<bool, Error> {
    let stamp: Option<Stamp> = files::read_json(&layout.pods_disk_stamp())?;
    let trusted = stamp.is_some_and(|stamp| stamp.sealed || stamp.boot_id == machine::boot_id());
    let header = Helper::new("dumpe2fs").arg("-h").arg(image).run().await;
    Ok(trusted && header.is_ok_and(|header| !header.contains("needs_recovery")))
}

async fn make(layout: &Layout, image: &Path, wanted: Option<u64>) -> Result<(), Error> {
    for folder in layout.superseded_by_pods_disk() {
        files::remove_tree(&folder)?;
    }
    let free = statvfs(layout.root()).map_err(Error::system("measure the data folder"))?;
    let free = free.blocks_available() * free.fragment_size();
    let size = wanted.unwrap_or_else(|| usual_size(free)).max(SMALLEST) / MIB * MIB;
    if size > free {
        let (free_mib, needed_mib) = (free / MIB, size / MIB);
        return Err(Error::DiskFull { folder: layout.root().to_owned(), free_mib, needed_mib });
    }
    let half = image.with_extension("new");
    files::remove_file(&half)?;
    let path = half.clone();
    let reserving = tokio::task::spawn_blocking(move || reserve(&path, size));
    reserving.await.map_err(|_| Error::Task { task: "the pods' disk" })??;
    // the tables are zero as they are
    Helper::new("mkfs.ext4")
        .args(["-q", "-F", "-m", "2", "-J", "size=64"])
        .args(["-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"])
        .arg(&half)
        .run()
        .await?;
    fs::rename(&half, image).map_err(Error::file("create", image))
}

/// Makes a file that has all of its blocks.
fn reserve(path: &Path, size: u64) -> Result<(), Error> {
    files::replace(path, [])?;
    let file = fs::OpenOptions::new().write(true).open(path).map_err(Error::file("open", path))?;
    match fallocate(&file, FallocateFlags::empty(), 0, size.try_into().unwrap_or(i64::MAX)) {
        Ok(()) => Ok(()),
        Err(Errno::EOPNOTSUPP) => {
            tracing::warn!(
                path = %path.display(),
                "this file system cannot reserve room, so pods may fill the disk of the databases"
            );
            file.set_len(size).map_err(Error::file("enlarge", path))
        }
        Err(error) => Err(Error::system(format!("reserve {} MiB for {}", size / MIB, path.display()))(error)),
    }
}

/// Half of what is free beyond what is kept, which on a small disk is a third.
fn usual_size(free: u64) -> u64 {
    ((free - KEPT_FREE.min(free / 3)) / 2).clamp(SMALLEST, LARGEST)
}

/// Brings the file to the machine's disk once it is mounted no more, so that it survives a boot.
pub(crate) async fn seal(layout: &Layout) -> Result<(), Error> {
    let image = layout.pods_disk_image();
    if !image.exists() {
        return Ok(());
    }
    let path = image.clone();
    let sealing = async {
        wait_detached(&image, SEAL_LIMIT).await?;
        let syncing = tokio::task::spawn_blocking(move || fs::File::open(path)?.sync_all());
        syncing
            .await
            .map_err(|_| Error::Task { task: "the pods' disk" })?
            .map_err(Error::file("sync", &image))
    };
    match tokio::time::timeout(SEAL_LIMIT, sealing).await {
        Ok(outcome) => outcome.and_then(|()| note(layout, true)),
        Err(_) => {
            tracing::info!(
                "the pods' disk is not written out yet; it is made anew if the machine goes down now"
            );
            Ok(())
        }
    }
}

fn note(layout: &Layout, sealed: bool) -> Result<(), Error> {
    files::replace_json(&layout.pods_disk_stamp(), &Stamp { boot_id: machine::boot_id(), sealed })
}

/// Waits until no loop device serves the file any more: its mount goes with the last process that saw it.
async fn wait_detached(image: &Path, limit: Duration) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        let users = Helper::new("losetup").arg("-j").arg(image).run().await?;
        if users.trim().is_empty() {
            return Ok(());
        }
        if began.elapsed() > limit {
            return Err(Error::Remains { what: vec![users.trim().to_owned()] });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn workplace() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::new(folder.path());
        (folder, layout)
    }

    #[test]
    fn the_databases_keep_room_on_small_and_large_disks() {
        for free in [2 * GIB, 6 * GIB, 20 * GIB, 80 * GIB, 4096 * GIB] {
            let left = free - usual_size(free);
            assert!(left >= KEPT_FREE.min(free / 3), "{left} of {free}");
            assert!(usual_size(free) <= LARGEST);
        }
        assert_eq!(usual_size(72 * GIB), 30 * GIB);
    }

    #[tokio::test]
    async fn all_blocks_are_there_from_the_start() {
        let (_folder, layout) = workplace();
        settle(&layout, Some(SMALLEST)).await.expect("disk");
        let found = fs::metadata(layout.pods_disk_image()).expect("image");
        assert_eq!(found.len(), SMALLEST);
        assert!(found.blocks() * 512 >= SMALLEST, "{} of {SMALLEST} bytes", found.blocks() * 512);
    }

    #[tokio::test]
    async fn a_disk_is_kept_unless_the_machine_went_down_with_it() {
        let (_folder, layout) = workplace();
        settle(&layout, Some(SMALLEST)).await.expect("disk");
        let inode = || fs::metadata(layout.pods_disk_image()).expect("image").ino();
        let first = inode();
        let _keeps_the_number = fs::hard_link(layout.pods_disk_image(), layout.root().join("first"));
        settle(&layout, None).await.expect("disk");
        assert_eq!(inode(), first, "the same boot");

        let earlier_boot = |sealed| Stamp { boot_id: "earlier".to_owned(), sealed };
        files::replace_json(&layout.pods_disk_stamp(), &earlier_boot(true)).expect("stamp");
        settle(&layout, None).await.expect("disk");
        assert_eq!(inode(), first, "stopped in order before the boot");

        files::replace_json(&layout.pods_disk_stamp(), &earlier_boot(false)).expect("stamp");
        settle(&layout, Some(SMALLEST)).await.expect("disk");
        assert_ne!(inode(), first, "in use when the machine went down");
    }

    #[tokio::test]
    async fn a_sealed_disk_is_marked_as_such() {
        let (_folder, layout) = workplace();
        settle(&layout, Some(SMALLEST)).await.expect("disk");
        seal(&layout).await.expect("seal");
        let stamp: Option<Stamp> = files::read_json(&layout.pods_disk_stamp()).expect("stamp");
        assert_eq!(stamp, Some(Stamp { boot_id: machine::boot_id(), sealed: true }));
    }

    #[tokio::test]
    async fn a_disk_larger_than_what_is_free_is_refused() {
        let (_folder, layout) = workplace();
        let error = settle(&layout, Some(1 << 60)).await.expect_err("nobody has an exbibyte");
        assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    }
}
