//! A mount namespace for containerd, kubelet and all containers.
//!
//! Whatever they mount (volumes, root file systems, pods' network namespaces) is seen by them alone and vanishes with
//! the last of them, however they ended. Fixed places such as `/run/containerd` are laid onto the data folder in there.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::command;
use crate::error::Error;
use crate::files;
use crate::layout::Layout;
use crate::pods_disk::MOUNT_OPTIONS;

/// Where the volumes of the node are mounted: empty after each start, so that a pod whose volume is not there yet waits
/// instead of writing into the folder below.
pub(crate) const VOLUMES: &str = "/run/lectern-volumes";

/// The fixed places of containerd 1.6, libmount, kubelet and the CNI library, with the names of their folders of our own.
const PLACES: [(&str, &str); 6] = [
    ("/run/containerd", "run-containerd"),
    ("/run/mount", "run-mount"),
    (VOLUMES, "run-volumes"),
    (KUBELET, "disk/kubelet"),
    ("/var/lib/cni", "cni"),
    ("/var/log/containers", "log-containers"),
];

/// Where kubelet keeps the pods' folders, emptyDirs among them: on the pods' disk.
const KUBELET: &str = "/var/lib/kubelet";

/// The places that are not there and have to be made to be mounted on, those above them first.
pub(crate) fn missing_places() -> Vec<PathBuf> {
    let mut missing: Vec<PathBuf> = PLACES
        .iter()
        .flat_map(|(place, _)| Path::new(place).ancestors().take_while(|folder| !folder.exists()))
        .map(Path::to_owned)
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Keeps the namespace in being.
#[derive(Debug)]
pub(crate) struct MountNamespace(File);

impl MountNamespace {
    /// Makes the namespace, with the pods' disk in it. The state that a boot would clear is cleared.
    pub(crate) fn create(layout: &Layout) -> Result<Self, Error> {
        // pods' files and logs are nobody else's on the machine
        let node = layout.node_root();
        files::create_private_dir(&node)?;
        fs::set_permissions(&node, fs::Permissions::from_mode(0o700)).map_err(Error::file("close", &node))?;
        let mut binds = Vec::new();
        for (place, name) in PLACES {
            let own = layout.node(name);
            if place.starts_with("/run/") {
                files::remove_tree(&own)?;
            }
            files::create_dir(Path::new(place), 0o755)?;
            binds.push((own, place));
        }
        let (image, disk) = (layout.pods_disk_image(), layout.pods_disk());
        files::create_dir(&disk, 0o755)?;
        // unsharing concerns one thread; this one ends and leaves the namespace to the file
        let made = std::thread::spawn(move || -> Result<File, Error> {
            unshare(CloneFlags::CLONE_NEWNS).map_err(Error::system("make a mount namespace"))?;
            let change = |flags: MsFlags, what: &str| {
                mount(None::<&str>, "/", None::<&str>, flags | MsFlags::MS_REC, None::<&str>)
                    .map_err(Error::system(format!("make the mounts {what}")))
            };
            // hears of the machine's mounts, tells it of none, and shares them with its own children
            change(MsFlags::MS_SLAVE, "slaves")?;
            change(MsFlags::MS_SHARED, "shared")?;
            mount_disk(&image, &disk)?;
            for (own, place) in binds {
                files::create_dir(&own, 0o755)?;
                mount(Some(&own), place, None::<&str>, MsFlags::MS_BIND, None::<&str>)
                    .map_err(Error::system(format!("mount {} on {place}", own.display())))?;
            }
            let path = "/proc/thread-self/ns/mnt";
            fs::File::open(path).map_err(Error::file("open", path))
        });
        made.join().map_err(|_| Error::Task { task: "the mount namespace" })?.map(Self)
    }

    /// What starts a program inside: `nsenter`'s arguments before the program.
    pub(crate) fn enter_args(&self) -> Vec<String> {
        vec![format!("--mount=/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()), "--".to_owned()]
    }
}

/// Mounts the pods' disk through a loop device, which is released with the last mount of it.
fn mount_disk(image: &Path, disk: &Path) -> Result<(), Error> {
    let output = Command::new("mount")
        .env("PATH", command::PATH)
        // the machine's table of mounts is not told
        .args(["-n", "-t", "ext4", "-o", MOUNT_OPTIONS])
        .args([image, disk])
        .output()
        .map_err(|source| Error::Spawn { program: "mount".to_owned(), source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Command {
        command: format!("mount {} {}", image.display(), disk.display()),
        status: output.status.to_string(),
        message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
