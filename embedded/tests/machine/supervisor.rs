//! The supervisor as a process that can be killed, and the namespaces that it runs in.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lectern_embedded::{ClusterOptions, Embedded, Options, Progress};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

const PROGRAM: &str = "LECTERN_CLUSTER_PROGRAM";
const DATA_DIR: &str = "LECTERN_TEST_DATA_DIR";
const IMAGES: &str = "LECTERN_TEST_IMAGES";

/// Folders that start out empty, so that anything left in them is noticed.
pub const EMPTIED: [&str; 3] = ["/run", "/var/lib", "/var/log"];

/// Returns the cluster program. Panics if the test cannot run, instead of skipping it silently.
pub fn cluster_program() -> PathBuf {
    assert!(geteuid().is_root(), "this test starts a whole cluster and needs root");
    let program =
        std::env::var_os(PROGRAM).unwrap_or_else(|| panic!("set {PROGRAM} to the built cluster program"));
    let program = PathBuf::from(program);
    assert!(program.is_file(), "{PROGRAM} names {}, which is not there", program.display());
    program
}

/// Moves this thread, and the processes that it starts, to namespaces in which others change no interfaces or mounts.
pub fn enter_own_namespaces() {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("namespaces");
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
    for folder in EMPTIED {
        mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), None::<&str>).expect("an empty folder");
    }
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("ip");
    assert!(up.success(), "the loopback interface did not come up");
}

pub fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().expect("pid")), signal).expect("signal");
}

/// A running supervisor. If it is dropped in a failing test, it is stopped in order.
pub struct Supervisor {
    child: Child,
    output: PathBuf,
}

impl Supervisor {
    /// Starts a supervisor and waits until everything is ready.
    pub fn start(program: &Path, data_dir: &Path, images: &Path) -> Self {
        let supervisor = Self::spawn(program, data_dir, images);
        let began = Instant::now();
        let mut supervisor = supervisor;
        while !supervisor.said().contains("READY") {
            let ended = supervisor.child.try_wait().expect("wait");
            assert!(ended.is_none(), "the supervisor ended early: {}", supervisor.said());
            assert!(began.elapsed() < Duration::from_secs(120), "not up in time: {}", supervisor.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        println!("{}up in {:.1} s", supervisor.said(), began.elapsed().as_secs_f64());
        supervisor
    }

    /// Starts a supervisor that must fail. Returns what it printed.
    pub fn refused(program: &Path, data_dir: &Path) -> String {
        let mut supervisor = Self::spawn(program, data_dir, Path::new("/nonexistent"));
        let ended = supervisor.child.wait().expect("wait");
        assert!(!ended.success(), "it came up: {}", supervisor.said());
        supervisor.said()
    }

    fn spawn(program: &Path, data_dir: &Path, images: &Path) -> Self {
        let output = data_dir.with_extension("output");
        let log = File::create(&output).expect("output");
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "supervise", "--ignored", "--nocapture"])
            .env(PROGRAM, program)
            .env(DATA_DIR, data_dir)
            .env(IMAGES, images)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("output"))
            .stderr(log)
            .spawn()
            .expect("supervisor");
        Self { child, output }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the supervisor, so that it cannot clear anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// Asks the supervisor to stop and waits until it has.
    pub fn stop(&mut self) {
        signal(self.pid(), Signal::SIGTERM);
        let ended = self.child.wait().expect("wait");
        assert!(ended.success(), "the stop failed: {}", self.said());
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.pid(), Signal::SIGTERM);
            // the test has failed already; this is best effort
            let _ = self.child.wait();
        }
    }
}

/// Runs the supervisor's own process: starts the parts, waits for SIGTERM, stops them.
#[tokio::main]
pub async fn run() {
    let Some(data_dir) = std::env::var_os(DATA_DIR) else { return };
    let mut cluster = ClusterOptions::new(cluster_program());
    cluster.images_dir = std::env::var_os(IMAGES).map(PathBuf::from);
    cluster.pods_disk_bytes = Some(1 << 30);
    let mut terminated =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("signal");
    let progress = Progress::new(|step| {
        if step.state != lectern_embedded::StepState::Started {
            println!("{step}");
        }
    });
    let options = Options { data_dir: data_dir.into(), cluster: Some(cluster), postgres: true };
    let parts = match Embedded::start(options, progress).await {
        Ok(parts) => parts,
        Err(error) => panic!("{error}"),
    };
    println!("READY");
    terminated.recv().await;
    parts.stop().await.expect("stop");
}
