//! The pods' cgroups, which lie below one of our own in every hierarchy, with cgroups version 1 or 2.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::error::Error;
use crate::process::table::{self, ProcessId};

/// The root of the hierarchy on a machine with version 2 only.
const UNIFIED: &str = "/sys/fs/cgroup";
/// The controllers that kubelet needs below its cgroup. Version 2 delegates a controller only on request.
const NEEDED: [&str; 6] = ["cpuset", "cpu", "io", "memory", "hugetlb", "pids"];

/// Returns the controllers that version 2 delegates to cgroups below the root. Empty with version 1.
pub(crate) fn delegated() -> Vec<String> {
    words(&Path::new(UNIFIED).join("cgroup.subtree_control"))
}

fn words(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Makes version 2 delegate the controllers that kubelet needs and the kernel has.
fn delegate() -> Result<(), Error> {
    let root = Path::new(UNIFIED);
    let control = root.join("cgroup.subtree_control");
    for controller in missing(&words(&root.join("cgroup.controllers")), &delegated()) {
        fs::write(&control, format!("+{controller}")).map_err(Error::file("write", &control))?;
    }
    Ok(())
}

fn missing(available: &[String], present: &[String]) -> Vec<String> {
    let needed = available.iter().filter(|controller| NEEDED.contains(&controller.as_str()));
    needed.filter(|controller| !present.contains(controller)).cloned().collect()
}

/// Revokes the controllers that were not delegated before. Those that others use by now stay.
pub(crate) fn revoke(before: &[String]) {
    for controller in delegated().iter().filter(|controller| !before.contains(controller)) {
        let taken = fs::write(Path::new(UNIFIED).join("cgroup.subtree_control"), format!("-{controller}"));
        if let Err(error) = taken {
            tracing::debug!(controller, error = %error, "a cgroup controller stays in use");
        }
    }
}

/// Returns the folders on which hierarchies are mounted.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (folder, kind) = (fields.next()?, fields.next()?);
            matches!(kind, "cgroup" | "cgroup2").then(|| PathBuf::from(folder))
        })
        .collect()
}

/// Creates a cgroup of this name at the top of every hierarchy.
pub(crate) fn create(name: &str) -> Result<(), Error> {
    delegate()?;
    for hierarchy in hierarchies() {
        let folder = hierarchy.join(name);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Error::file("create", folder)(error));
            }
            _ => {}
        }
        // with version 1, a new cpuset is empty, so that nothing could run in it
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let target = folder.join(file);
            if let (Ok(given), Ok(present)) =
                (fs::read_to_string(hierarchy.join(file)), fs::read_to_string(&target))
                && present.trim().is_empty()
                && !given.trim().is_empty()
            {
                fs::write(&target, given.trim()).map_err(Error::file("write", target))?;
            }
        }
    }
    Ok(())
}

/// Returns the processes in the cgroups of this name and below.
pub(crate) fn processes(name: &str) -> Vec<ProcessId> {
    let mut pids: Vec<u32> = folders(name)
        .iter()
        .flat_map(|folder| {
            let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<_>>()
        })
        .collect();
    pids.sort_unstable();
    pids.dedup();
    pids.into_iter().filter_map(ProcessId::of).collect()
}

/// Returns the folders of the cgroups of this name and below, the deepest first.
fn folders(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for hierarchy in hierarchies() {
        collect(&hierarchy.join(name), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), found);
        }
    }
    found.push(folder.to_owned());
}

/// Asks the processes to exit and kills those that have not after `patience`.
pub(crate) async fn end_processes(name: &str, patience: Duration) {
    let present = processes(name);
    for process in &present {
        process.signal(Signal::SIGTERM);
    }
    table::wait_gone(&present, patience).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let present = processes(name);
        if present.is_empty() || Instant::now() >= deadline {
            return;
        }
        for process in &present {
            process.signal(Signal::SIGKILL);
        }
        table::wait_gone(&present, Duration::from_millis(200)).await;
    }
}

/// Removes the cgroups. Returns those that could not be removed within two seconds.
pub(crate) async fn remove(name: &str) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let failed: Vec<_> = folders(name)
            .into_iter()
            .filter_map(|folder| {
                Some(format!("cgroup {}: {}", folder.display(), fs::remove_dir(&folder).err()?))
            })
            .collect();
        if failed.is_empty() || Instant::now() >= deadline {
            return failed;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_controllers_that_exist_are_wanted_and_not_yet_there_are_delegated() {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let missing = missing(&list("cpuset cpu io memory hugetlb pids rdma misc"), &list("cpu memory pids"));
        assert_eq!(missing, ["cpuset", "io", "hugetlb"]);
    }
}
