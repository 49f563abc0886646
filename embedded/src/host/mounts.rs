//! The mount namespace of containerd, kubelet and all containers.
//!
//! Everything that they mount (volumes, root file systems, pods' network namespaces) is visible to them only, and
//! disappears with the last of them, however they ended. Fixed paths such as `/run/containerd` are bind-mounted from the
//! data folder in there.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::data_dir::layout::Layout;
use crate::error::Error;
use crate::files;
use crate::pods_disk::MOUNT_OPTIONS;
use crate::process::command;

/// The folder in which the node's volumes are mounted. It is empty after each start, so that a pod whose volume is not
/// mounted yet waits instead of writing into the folder below.
pub(crate) const VOLUMES: &str = "/run/lectern-volumes";

/// The fixed paths of containerd 1.6, libmount, kubelet and the CNI library, with the names of our folders for them.
const FIXED_PATHS: [(&str, &str); 6] = [
    ("/run/containerd", "run-containerd"),
    ("/run/mount", "run-mount"),
    (VOLUMES, "run-volumes"),
    (KUBELET, "disk/kubelet"),
    ("/var/lib/cni", "cni"),
    ("/var/log/containers", "log-containers"),
];

/// The folder in which kubelet keeps pods' files such as emptyDirs; it lies on the pods' disk.
const KUBELET: &str = "/var/lib/kubelet";

/// Returns the folders that must be created as mount points, parents first.
pub(crate) fn missing_mount_points() -> Vec<PathBuf> {
    let mut missing: Vec<PathBuf> = FIXED_PATHS
        .iter()
        .flat_map(|(place, _)| Path::new(place).ancestors().take_while(|folder| !folder.exists()))
        .map(Path::to_owned)
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

/// Keeps the namespace alive.
#[derive(Debug)]
pub(crate) struct MountNamespace(File);

impl MountNamespace {
    /// Creates the namespace, with the pods' disk mounted. Clears the state that a reboot would clear.
    pub(crate) fn create(layout: &Layout) -> Result<Self, Error> {
        // pods' files and logs must not be readable for other users of the machine
        let node = layout.node_root();
        files::create_private_dir(&node)?;
        fs::set_permissions(&node, fs::Permissions::from_mode(0o700)).map_err(Error::file("close", &node))?;
        let mut binds = Vec::new();
        for (place, name) in FIXED_PATHS {
            let own = layout.node(name);
            if place.starts_with("/run/") {
                files::remove_tree(&own)?;
            }
            files::create_dir(Path::new(place), 0o755)?;
            binds.push((own, place));
        }
        let (image, disk) = (layout.pods_disk_image(), layout.pods_disk());
        files::create_dir(&disk, 0o755)?;
        // unshare affects the calling thread only; this one ends, and the open file keeps the namespace
        let made = std::thread::spawn(move || -> Result<File, Error> {
            unshare(CloneFlags::CLONE_NEWNS).map_err(Error::system("make a mount namespace"))?;
            let change = |flags: MsFlags, what: &str| {
                mount(None::<&str>, "/", None::<&str>, flags | MsFlags::MS_REC, None::<&str>)
                    .map_err(Error::system(format!("make the mounts {what}")))
            };
            // receives the machine's mounts, sends none back, and shares them with its own children
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

    /// Returns the arguments of `nsenter` that start a program in the namespace, without the program.
    pub(crate) fn enter_args(&self) -> Vec<String> {
        vec![format!("--mount=/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()), "--".to_owned()]
    }
}

/// Mounts the pods' disk with a loop device, which is released with its last mount.
fn mount_disk(image: &Path, disk: &Path) -> Result<(), Error> {
    let output = Command::new("mount")
        .env("PATH", command::PATH)
        // without an entry in the machine's table of mounts
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
