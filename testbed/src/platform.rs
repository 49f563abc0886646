//! A whole Lectern for one run of tests: its own data folder, its own ports, and no trace afterwards.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::external::External;
use crate::files::copy_tree;
use crate::lectern::{Lectern, Ready, free_address};

const READY_WITHIN: Duration = Duration::from_secs(300);
const STOPPED_WITHIN: Duration = Duration::from_secs(90);
/// Differs from the defaults, which a `lectern up` on the same machine uses.
const NETWORK: [&str; 6] =
    ["--bridge", "lectern-test", "--pod-cidr", "10.91.0.0/16", "--service-cidr", "10.92.0.0/16"];
/// The storage class of the embedded cluster's volumes, so that tests keep homes as `lectern up` does.
const STORAGE_CLASS: &str = "lectern-local";
/// Stands before the id of the process that a folder belongs to.
const FOLDER_PREFIX: &str = "lectern-test-";

/// How much of Lectern a run of tests needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// A database and a cluster.
    Parts,
    /// Everything, with the server.
    Everything,
}

impl Extent {
    /// Whether external services provide all of it, so that nothing has to be started.
    pub fn is_external(self, external: &External) -> bool {
        self == Self::Parts && external.postgres && external.kubernetes
    }

    /// Returns the arguments of `lectern` for it.
    fn arguments(self, external: &External) -> Result<Vec<String>> {
        if self == Self::Everything {
            return Ok(vec!["up".to_owned(), "--listen".to_owned(), free_address()?]);
        }
        let mut arguments = vec!["parts"];
        if external.kubernetes {
            arguments.push("--no-cluster");
        }
        if external.postgres {
            arguments.push("--no-postgres");
        }
        Ok(arguments.into_iter().map(str::to_owned).collect())
    }
}

/// The programs and files that a Lectern is started from.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The server.
    pub lectern: PathBuf,
    /// Kubernetes as one program.
    pub cluster: PathBuf,
    /// The storage of the image registry.
    pub images: PathBuf,
    /// The labs that ship.
    pub labs: PathBuf,
}

impl Programs {
    /// Returns the options with which `lectern` finds them.
    pub fn options(&self, extent: Extent, external: &External) -> Vec<(&'static str, &Path)> {
        let mut options: Vec<(&'static str, &Path)> = Vec::new();
        if extent == Extent::Everything {
            options.push(("--labs-dir", &self.labs));
        }
        if !external.kubernetes {
            options.push(("--cluster-program", &self.cluster));
            options.push(("--images-dir", &self.images));
        }
        options
    }
}

/// A running Lectern. Dropping it stops it and removes its data.
pub struct Platform {
    lectern: Lectern,
    folder: PathBuf,
    ready: Ready,
    programs: Programs,
    external: External,
    stopped: bool,
}

impl Platform {
    /// Starts it and waits until it is ready. `setpriv` is a command for that program in the environment that Lectern is to
    /// have. The output goes to `log`; `while_waiting` runs again and again until Lectern is ready, and its error ends the
    /// wait.
    pub fn start(
        mut setpriv: Command,
        extent: Extent,
        programs: &Programs,
        external: &External,
        log: &Path,
        while_waiting: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("{FOLDER_PREFIX}{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let mut programs = programs.clone();
        if extent == Extent::Everything {
            // a copy, because tests add labs and break them
            let labs = folder.join("labs");
            copy_tree(&programs.labs, &labs)?;
            programs.labs = labs;
        }
        let ready_file = folder.join("ready.json");
        // should this process die, the kernel asks Lectern to stop: nobody else would
        setpriv.args(["--pdeathsig", "TERM", "--"]).arg(&programs.lectern).args(extent.arguments(external)?);
        // what the user set for a Lectern of their own is not meant for this one
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LECTERN_"))
        {
            setpriv.env_remove(name);
        }
        setpriv.arg("--data-dir").arg(folder.join("data")).arg("--ready-file").arg(&ready_file);
        if !external.kubernetes {
            setpriv.args(NETWORK);
        }
        for (option, value) in programs.options(extent, external) {
            setpriv.arg(option).arg(value);
        }
        setpriv.process_group(0);
        let lectern = Lectern::spawn(setpriv, &ready_file, log, READY_WITHIN)
            .context("setpriv is part of Debian's util-linux")?;
        let ready = Ready::default();
        let mut platform = Self { lectern, folder, ready, programs, external: *external, stopped: false };
        platform.ready = platform.lectern.wait_until_ready(while_waiting)?;
        remove_abandoned(&std::env::temp_dir());
        Ok(platform)
    }

    /// Returns the environment in which tests find it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let reported = [
            ("DATABASE_URL", &self.ready.database_url),
            ("KUBECONFIG", &self.ready.kubeconfig),
            ("LECTERN_URL", &self.ready.url),
            ("LECTERN_SIGN_IN_URL", &self.ready.sign_in_url),
        ];
        let mut environment: Vec<(&'static str, String)> =
            reported.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        let mut add = |variable, path: &Path| environment.push((variable, path.display().to_string()));
        add("LECTERN_PROGRAM", &self.programs.lectern);
        add("LECTERN_LABS_DIR", &self.programs.labs);
        if !self.external.kubernetes {
            add("LECTERN_CLUSTER_PROGRAM", &self.programs.cluster);
            add("LECTERN_IMAGES_DIR", &self.programs.images);
            environment.push(("LECTERN_HOME_STORAGE_CLASS", STORAGE_CLASS.to_owned()));
        }
        environment
    }

    /// Returns the administrator's kubeconfig of its cluster.
    pub fn kubeconfig(&self) -> Result<&str> {
        self.ready.kubeconfig.as_deref().context("lectern names no kubeconfig of its cluster")
    }

    /// Returns its data folder, where it records the processes of its parts.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Stops it.
    ///
    /// # Errors
    ///
    /// Fails if it had to be killed, or left something behind.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        if self.stopped {
            return Ok(());
        }
        self.stopped = true;
        let stopped = self.lectern.stop(STOPPED_WITHIN);
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let left = mounts_below(&mounts, &self.folder);
        if !left.is_empty() {
            // removing a folder with something mounted in it could remove what is mounted there
            bail!("lectern left mounts behind, so {} stays: {}", self.folder.display(), left.join(", "));
        }
        fs::remove_dir_all(&self.folder)
            .with_context(|| format!("could not remove {}", self.folder.display()))?;
        stopped
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            println!("  {error:#}");
        }
    }
}

/// Removes the folders of runs that were killed, once what they left on the machine has been cleared: the Lectern that
/// has just started does that for every data folder, and removes its record.
fn remove_abandoned(temporary: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for folder in fs::read_dir(temporary).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let owner =
            folder.file_name().and_then(|name| name.to_str()?.strip_prefix(FOLDER_PREFIX)?.parse().ok());
        let gone = owner.is_some_and(|pid: u32| !Path::new("/proc").join(pid.to_string()).exists());
        let cleared = folder.join("data").is_dir() && !folder.join("data/run/leftovers.json").exists();
        if gone && cleared && mounts_below(&mounts, &folder).is_empty() {
            // what cannot be removed only takes up space
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

fn mounts_below(mounts: &str, folder: &Path) -> Vec<String> {
    mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|place| Path::new(place).starts_with(folder))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_started() {
        let own = External { postgres: false, kubernetes: false };
        assert_eq!(Extent::Parts.arguments(&own).unwrap(), ["parts"]);
        assert_eq!(Extent::Everything.arguments(&own).unwrap()[..2], ["up", "--listen"]);

        let both = External { postgres: true, kubernetes: true };
        assert_eq!(
            Extent::Parts.arguments(&External { kubernetes: true, ..own }).unwrap(),
            ["parts", "--no-cluster"]
        );
        assert!(Extent::Parts.is_external(&both) && !Extent::Everything.is_external(&both));
        assert!(!Extent::Parts.is_external(&own));
    }

    #[test]
    fn a_killed_runs_folder_goes_and_one_that_may_still_be_needed_stays() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = |pid: u32| temporary.path().join(format!("{FOLDER_PREFIX}{pid}"));
        let (dead, uncleared, foreign) = (u32::MAX, u32::MAX - 1, u32::MAX - 2);
        for pid in [dead, uncleared, std::process::id()] {
            fs::create_dir_all(folder(pid).join("data/run")).unwrap();
        }
        fs::write(folder(uncleared).join("data/run/leftovers.json"), "{}").unwrap();
        fs::create_dir_all(folder(foreign).join("else")).unwrap();

        remove_abandoned(temporary.path());

        assert!(!folder(dead).exists());
        for pid in [uncleared, foreign, std::process::id()] {
            assert!(folder(pid).exists(), "{pid}");
        }
    }

    #[test]
    fn only_mounts_inside_the_folder_are_its_leftovers() {
        let mounts = "overlay /tmp/lectern-test-1/data/rootfs overlay rw 0 0\n\
                      tmpfs /tmp/lectern-test-12 tmpfs rw 0 0\n/dev/vda / ext4 rw 0 0\n";
        let left = mounts_below(mounts, Path::new("/tmp/lectern-test-1"));
        assert_eq!(left, ["/tmp/lectern-test-1/data/rootfs"]);
    }
}
