//! A mount namespace for containerd, kubelet and all containers.
//!
//! Whatever they mount (volumes, root file systems, pods' network namespaces) is seen by them alone and vanishes with
//! the last of them, however they ended. Fixed places such as `/run/containerd` are laid onto the data folder in there.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::error::Error;
use crate::files;
use crate::layout::Layout;

/// Where the volumes of the node are mounted: empty after each start, so that a pod whose volume is not there yet waits
/// instead of writing into the folder below.
pub(crate) const VOLUMES: &str = "/run/lectern-volumes";

/// The fixed places of containerd 1.6, libmount, kubelet and the CNI library, with the names of their folders of our own.
const PLACES: [(&str, &str); 6] = [
    ("/run/containerd", "run-containerd"),
    ("/run/mount", "run-mount"),
    (VOLUMES, "run-volumes"),
    ("/var/lib/kubelet", "kubelet"),
    ("/var/lib/cni", "cni"),
    ("/var/log/containers", "log-containers"),
];

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
    /// Makes the namespace. The state that a boot would clear is cleared.
    pub(crate) fn create(layout: &Layout) -> Result<Self, Error> {
        let mut binds = Vec::new();
        for (place, name) in PLACES {
            let own = layout.node(name);
            if place.starts_with("/run/") {
                files::remove_tree(&own)?;
            }
            files::create_dir(&own, 0o755)?;
            files::create_dir(Path::new(place), 0o755)?;
            binds.push((own, place));
        }
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
            for (own, place) in binds {
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
