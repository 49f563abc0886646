//! A whole Lectern for one run of tests: its own data folder, its own ports, and no trace afterwards.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::context::Context;
use crate::external::External;
use crate::interrupt;
use crate::plan;
use crate::render;
use crate::steps::Step;

const READY_WITHIN: Duration = Duration::from_secs(300);
const STOPPED_WITHIN: Duration = Duration::from_secs(90);
/// Beside a `lectern up` on the same machine, which has other addresses by default.
const NETWORK: [&str; 6] =
    ["--bridge", "lectern-test", "--pod-cidr", "10.91.0.0/16", "--service-cidr", "10.92.0.0/16"];
/// What the embedded cluster's volumes are asked for by, so that tests keep homes as `lectern up` does.
const STORAGE_CLASS: &str = "lectern-local";
const POLL_EVERY: Duration = Duration::from_millis(100);
/// Before the number of the process whose folder it is.
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
    /// Whether there is anything to start, beside what somebody else provides.
    pub fn is_there(self, external: &External) -> bool {
        match self {
            Self::Parts => external.postgres && external.kubernetes,
            Self::Everything => false,
        }
    }

    /// The command of `lectern` for it.
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

/// A running Lectern. Dropping it stops it and removes its data.
pub struct Platform {
    child: Child,
    folder: PathBuf,
    ready: Value,
    stopped: bool,
}

impl Platform {
    /// Starts it and waits until it says that it is ready. Its output is the step's log.
    pub fn start(context: &Context, step: &Step, extent: Extent, external: &External) -> Result<Self> {
        Self::start_with_images(context, step, extent, external, &plan::images_folder(&context.bundle))
    }

    /// Like [`Platform::start`], with images of another folder in the cluster's registry.
    pub fn start_with_images(
        context: &Context,
        step: &Step,
        extent: Extent,
        external: &External,
        images: &Path,
    ) -> Result<Self> {
        step.announce();
        let folder = std::env::temp_dir().join(format!("{FOLDER_PREFIX}{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        let ready_file = folder.join("ready.json");
        let log = step.open_log()?;

        // should this process die, the kernel asks Lectern to stop: nobody else would
        let mut command = context.command("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(plan::lectern_program(&context.bundle));
        command.args(extent.arguments(external)?);
        // what the user set for a Lectern of their own is not meant for this one
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("LECTERN_"))
        {
            command.env_remove(name);
        }
        command.arg("--data-dir").arg(folder.join("data")).arg("--ready-file").arg(&ready_file);
        if !external.kubernetes {
            command.args(NETWORK);
        }
        for (option, value) in plan::lectern_options(context, external) {
            match option {
                "--labs-dir" => {}
                "--images-dir" => {
                    command.arg(option).arg(images);
                }
                _ => {
                    command.arg(option).arg(value);
                }
            }
        }
        if extent == Extent::Everything {
            // a copy, because tests add labs and break them
            let labs = folder.join("labs");
            let copied =
                context.command("cp").arg("-r").arg(context.checkout.join("labs")).arg(&labs).status()?;
            if !copied.success() {
                bail!("could not copy the labs to {}", labs.display());
            }
            command.arg("--labs-dir").arg(labs);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .context("could not start setpriv, which is part of Debian's util-linux")?;
        let mut platform = Self { child, folder, ready: Value::Null, stopped: false };
        platform.ready = platform.wait_until_ready(step, &ready_file)?;
        remove_abandoned(&std::env::temp_dir());
        Ok(platform)
    }

    /// What the tests' runners learn of it.
    pub fn environment(&self, context: &Context, external: &External) -> Vec<(&'static str, String)> {
        let mut environment = Vec::new();
        for (variable, field) in [
            ("DATABASE_URL", "database_url"),
            ("KUBECONFIG", "kubeconfig"),
            ("LECTERN_URL", "url"),
            ("LECTERN_SIGN_IN_URL", "sign_in_url"),
        ] {
            if let Some(value) = self.ready[field].as_str() {
                environment.push((variable, value.to_owned()));
            }
        }
        let mut add = |variable, path: &Path| environment.push((variable, path.display().to_string()));
        add("LECTERN_PROGRAM", &plan::lectern_program(&context.bundle));
        add("LECTERN_LABS_DIR", &self.folder.join("labs"));
        if !external.kubernetes {
            add("LECTERN_CLUSTER_PROGRAM", &context.bundle.join("lectern-cluster"));
            add("LECTERN_IMAGES_DIR", &plan::images_folder(&context.bundle));
            environment.push(("LECTERN_HOME_STORAGE_CLASS", STORAGE_CLASS.to_owned()));
        }
        environment
    }

    /// The administrator's kubeconfig of its cluster.
    pub fn kubeconfig(&self) -> Result<&str> {
        self.ready["kubeconfig"].as_str().context("lectern names no kubeconfig of its cluster")
    }

    /// Its data folder, where it notes the processes of its parts.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Stops it, and fails when it left something behind.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn wait_until_ready(&mut self, step: &Step, ready_file: &Path) -> Result<Value> {
        let started = Instant::now();
        loop {
            interrupt::check()?;
            if let Some(status) = self.child.try_wait()? {
                bail!("lectern ended with {status} before it was ready");
            }
            // a half-written file is no JSON yet
            if let Some(ready) = fs::read(ready_file).ok().and_then(|text| serde_json::from_slice(&text).ok())
            {
                return Ok(ready);
            }
            if started.elapsed() > READY_WITHIN {
                bail!("lectern was not ready after {} s", READY_WITHIN.as_secs());
            }
            if let Some(line) =
                render::last_lines(&fs::read_to_string(step.log()).unwrap_or_default(), 1).first()
            {
                step.say(line);
            }
            thread::sleep(POLL_EVERY);
        }
    }

    fn end(&mut self) -> Result<()> {
        if self.stopped {
            return Ok(());
        }
        self.stopped = true;
        let pid = Pid::from_raw(self.child.id().cast_signed());
        let mut by_force = false;
        if self.child.try_wait()?.is_none() {
            let _ = kill(pid, Signal::SIGTERM);
            let asked = Instant::now();
            while self.child.try_wait()?.is_none() {
                if asked.elapsed() > STOPPED_WITHIN {
                    by_force = true;
                    self.child.kill()?;
                    self.child.wait()?;
                }
                thread::sleep(POLL_EVERY);
            }
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let left = mounts_below(&mounts, &self.folder);
        if !left.is_empty() {
            // removing a folder with something mounted in it could remove what is mounted there
            bail!("lectern left mounts behind, so {} stays: {}", self.folder.display(), left.join(", "));
        }
        fs::remove_dir_all(&self.folder)
            .with_context(|| format!("could not remove {}", self.folder.display()))?;
        if by_force {
            bail!("lectern did not stop within {} s of SIGTERM", STOPPED_WITHIN.as_secs());
        }
        Ok(())
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
/// has just started does that for every data folder, and takes its record away.
fn remove_abandoned(temporary: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for folder in fs::read_dir(temporary).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let owner =
            folder.file_name().and_then(|name| name.to_str()?.strip_prefix(FOLDER_PREFIX)?.parse().ok());
        let gone = owner.is_some_and(|pid: u32| !Path::new("/proc").join(pid.to_string()).exists());
        let cleared = folder.join("data").is_dir() && !folder.join("data/run/leftovers.json").exists();
        if gone && cleared && mounts_below(&mounts, &folder).is_empty() {
            // what cannot be removed costs room and nothing else
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0").context("there is no free port")?.local_addr()?.to_string())
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
        assert!(Extent::Parts.is_there(&both) && !Extent::Everything.is_there(&both));
        assert!(!Extent::Parts.is_there(&own));
    }

    #[test]
    fn a_killed_runs_folder_goes_and_one_that_may_still_be_needed_stays() {
        let temporary = std::env::temp_dir().join(format!("xtask-abandoned-{}", std::process::id()));
        let folder = |pid: u32| temporary.join(format!("{FOLDER_PREFIX}{pid}"));
        let (dead, uncleared, foreign) = (u32::MAX, u32::MAX - 1, u32::MAX - 2);
        for pid in [dead, uncleared, std::process::id()] {
            fs::create_dir_all(folder(pid).join("data/run")).unwrap();
        }
        fs::write(folder(uncleared).join("data/run/leftovers.json"), "{}").unwrap();
        fs::create_dir_all(folder(foreign).join("else")).unwrap();

        remove_abandoned(&temporary);

        assert!(!folder(dead).exists());
        for pid in [uncleared, foreign, std::process::id()] {
            assert!(folder(pid).exists(), "{pid}");
        }
        fs::remove_dir_all(temporary).unwrap();
    }

    #[test]
    fn only_mounts_inside_the_folder_are_its_leftovers() {
        let mounts = "overlay /tmp/lectern-test-1/data/rootfs overlay rw 0 0\n\
                      tmpfs /tmp/lectern-test-12 tmpfs rw 0 0\n/dev/vda / ext4 rw 0 0\n";
        let left = mounts_below(mounts, Path::new("/tmp/lectern-test-1"));
        assert_eq!(left, ["/tmp/lectern-test-1/data/rootfs"]);
    }
}
