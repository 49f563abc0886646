//! The pods' disk: a file system of a fixed size in a file of the data folder, for everything that pods and images write
//! outside volumes: layers, emptyDirs, logs.
//!
//! However full it gets, the file system of etcd and Postgres keeps its free space, because all blocks of the file are
//! allocated from the start. It is mounted in the node's mount namespace only.
//!
//! Everything on it can be fetched again, so it is written without waiting for the machine's disk. In return, it survives
//! a reboot only if the last run was stopped in order.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;
use serde::{Deserialize, Serialize};

use crate::data_dir::layout::Layout;
use crate::error::Error;
use crate::files;
use crate::host::machine;
use crate::process::command::Helper;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// The space that is left to the databases and volumes in any case; etcd alone may take 8 GiB.
const KEPT_FREE: u64 = 12 * GIB;
/// The largest default size.
const LARGEST: u64 = 32 * GIB;
/// The smallest size that holds the images of a cluster without labs.
pub(crate) const SMALLEST: u64 = 512 * MIB;

/// The mount options. Part of the file system is reserved for processes with the capability to exceed limits, which
/// containerd has and root in a container does not. The reserved user is one that nobody has: root would be the root of
/// every container.
pub(crate) const MOUNT_OPTIONS: &str = "loop,noatime,barrier=0,resuid=2147483646";

/// How long the mount of an earlier run may take to disappear.
const DETACH_LIMIT: Duration = Duration::from_secs(30);
/// How long a stop waits for the disk to be written. If it takes longer, the disk is recreated after a reboot.
const SEAL_LIMIT: Duration = Duration::from_secs(5);

/// What is known about the disk in addition to its content.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    /// The boot in which it was last mounted.
    boot_id: String,
    /// Whether everything was written to the machine's disk after that.
    sealed: bool,
}

/// Ensures that there is an intact file system to mount. `wanted` is its size in bytes if it has to be created.
pub(crate) async fn settle(layout: &Layout, wanted: Option<u64>) -> Result<(), Error> {
    let image = layout.pods_disk_image();
    if image.exists() {
        wait_detached(&image, DETACH_LIMIT).await?;
        if is_whole(layout, &image).await? {
            return write_stamp(layout, false);
        }
        tracing::warn!(
            image = %image.display(),
            "the pods' disk was in use when the machine went down and is recreated; images are fetched again"
        );
        files::remove_file(&image)?;
    }
    create(layout, &image, wanted).await?;
    write_stamp(layout, false)
}

async fn is_whole(layout: &Layout, image: &Path) -> Result<bool, Error> {
    let stamp: Option<Stamp> = files::read_json(&layout.pods_disk_stamp())?;
    let trusted = stamp.is_some_and(|stamp| stamp.sealed || stamp.boot_id == machine::boot_id());
    let header = Helper::new("dumpe2fs").arg("-h").arg(image).run().await;
    Ok(trusted && header.is_ok_and(|header| !header.contains("needs_recovery")))
}

async fn create(layout: &Layout, image: &Path, wanted: Option<u64>) -> Result<(), Error> {
    for folder in layout.superseded_by_pods_disk() {
        files::remove_tree(&folder)?;
    }
    let free = statvfs(layout.root()).map_err(Error::system("measure the data folder"))?;
    let free = free.blocks_available() * free.fragment_size();
    let size = wanted.unwrap_or_else(|| default_size(free)).max(SMALLEST) / MIB * MIB;
    if size > free {
        let (free_mib, needed_mib) = (free / MIB, size / MIB);
        return Err(Error::DiskFull { folder: layout.root().to_owned(), free_mib, needed_mib });
    }
    let half = image.with_extension("new");
    files::remove_file(&half)?;
    let path = half.clone();
    let reserving = tokio::task::spawn_blocking(move || reserve(&path, size));
    reserving.await.map_err(|_| Error::Task { task: "the pods' disk" })??;
    // the inode tables are zero already, because the file is new
    Helper::new("mkfs.ext4")
        .args(["-q", "-F", "-m", "2", "-J", "size=64"])
        .args(["-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"])
        .arg(&half)
        .run()
        .await?;
    fs::rename(&half, image).map_err(Error::file("create", image))
}

/// Creates a file with all of its blocks allocated.
fn reserve(path: &Path, size: u64) -> Result<(), Error> {
    files::replace(path, [])?;
    let file = fs::OpenOptions::new().write(true).open(path).map_err(Error::file("open", path))?;
    match fallocate(&file, FallocateFlags::empty(), 0, size.try_into().unwrap_or(i64::MAX)) {
        Ok(()) => Ok(()),
        Err(Errno::EOPNOTSUPP) => {
            tracing::warn!(
                path = %path.display(),
                "this file system cannot reserve space, so pods may fill the disk of the databases"
            );
            file.set_len(size).map_err(Error::file("enlarge", path))
        }
        Err(error) => Err(Error::system(format!("reserve {} MiB for {}", size / MIB, path.display()))(error)),
    }
}

/// Returns half of the free space beyond what is kept free. On a small disk, a third of it is kept free.
fn default_size(free: u64) -> u64 {
    ((free - KEPT_FREE.min(free / 3)) / 2).clamp(SMALLEST, LARGEST)
}

/// Writes the file to the machine's disk once it is no longer mounted, so that it survives a reboot.
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
        Ok(outcome) => outcome.and_then(|()| write_stamp(layout, true)),
        Err(_) => {
            tracing::info!(
                "the pods' disk is not written out yet; it is recreated if the machine goes down now"
            );
            Ok(())
        }
    }
}

fn write_stamp(layout: &Layout, sealed: bool) -> Result<(), Error> {
    files::replace_json(&layout.pods_disk_stamp(), &Stamp { boot_id: machine::boot_id(), sealed })
}

/// Waits until no loop device uses the file any more: its mount disappears with the last process in the namespace.
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
            let left = free - default_size(free);
            assert!(left >= KEPT_FREE.min(free / 3), "{left} of {free}");
            assert!(default_size(free) <= LARGEST);
        }
        assert_eq!(default_size(72 * GIB), 30 * GIB);
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
