//! What can go wrong on the way up or down, each with its subject and, where there is one, the remedy.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// A failure of the embedded parts.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The supervisor needs root for interfaces, mounts and cgroups.
    #[error(
        "the embedded cluster and database need root; run it with sudo, or give a KUBECONFIG and a DATABASE_URL"
    )]
    NotRoot,
    /// A program of the operating system is absent.
    #[error("{program} is missing; install it with: apt-get install {package}")]
    ProgramMissing {
        /// What was looked for.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// The multi-call program of `cluster/` is absent or cannot be run.
    #[error("the cluster program {} is missing or not executable; build it with: cargo xtask build", path.display())]
    ClusterProgramMissing {
        /// Where it was expected.
        path: PathBuf,
    },
    /// The kernel lacks something that Kubernetes needs.
    #[error("the kernel has no {feature} ({path} is absent); load it with: modprobe {module}")]
    KernelFeatureMissing {
        /// What is missing.
        feature: &'static str,
        /// The file that would be there.
        path: &'static str,
        /// The module that brings it.
        module: &'static str,
    },
    /// Too little room in the data folder.
    #[error("only {free_mib} MiB are free in {}, and {needed_mib} MiB are needed; make room or choose another data folder", folder.display())]
    DiskFull {
        /// The folder that was measured.
        folder: PathBuf,
        /// What is free, in MiB.
        free_mib: u64,
        /// What is needed, in MiB.
        needed_mib: u64,
    },
    /// Something else listens where a part must.
    #[error(
        "port {port}/{protocol} is already in use on {address}; it is needed for {purpose}: stop what listens there"
    )]
    PortInUse {
        /// The address that would be bound.
        address: IpAddr,
        /// The port.
        port: u16,
        /// `tcp` or `udp`.
        protocol: &'static str,
        /// Which part needs it.
        purpose: &'static str,
    },
    /// No free port was found for a part.
    #[error("no free port was found for {purpose} between {first} and {last}")]
    NoFreePort {
        /// Which part needs it.
        purpose: String,
        /// The first port that was tried.
        first: u16,
        /// The last port that was tried.
        last: u16,
    },
    /// Another supervisor runs in this network namespace or on this data folder.
    #[error("Lectern already runs here: process {pid}, data folder {data_dir}; stop it first")]
    AlreadyRunning {
        /// The other supervisor's process.
        pid: u32,
        /// Its data folder, as it told.
        data_dir: String,
    },
    /// The bridge's name is taken by an interface that is not ours.
    #[error(
        "a network interface called {name} exists and is not Lectern's; remove it or choose another bridge name"
    )]
    BridgeTaken {
        /// The interface.
        name: String,
    },
    /// A range of addresses is already routed elsewhere.
    #[error("the range {cidr} for {purpose} overlaps a route of interface {interface}; choose another range")]
    RangeTaken {
        /// The range.
        cidr: String,
        /// `pods` or `services`.
        purpose: &'static str,
        /// Who has the route.
        interface: String,
    },
    /// An option makes no sense.
    #[error("{option}: {reason}")]
    BadOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Postgres runs as an unprivileged user, who must be able to reach its folder.
    #[error("the user postgres may not enter {}; run: chmod o+x {} (or choose a data folder below /var/lib)", folder.display(), folder.display())]
    FolderNotReachable {
        /// The first folder on the way that is closed.
        folder: PathBuf,
    },
    /// The database's folder was made by another major version.
    #[error("{} belongs to PostgreSQL {found}, whose programs are not installed; install it with: apt-get install postgresql-{found}", folder.display())]
    PostgresVersion {
        /// The database's folder.
        folder: PathBuf,
        /// The major version that made it.
        found: String,
    },
    /// A file or folder could not be read or written.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A file of the data folder does not hold what it should.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A helper program could not be started.
    #[error("could not run {program}")]
    Spawn {
        /// The program.
        program: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A helper program failed.
    #[error("{command} failed ({status}): {message}")]
    Command {
        /// What was run, shortened.
        command: String,
        /// How it ended.
        status: String,
        /// What it said last.
        message: String,
    },
    /// A part did not become ready in its time.
    #[error("{part} was not ready after {waited_secs} s; its last words: {last_words} (log: {})", log.display())]
    NotReady {
        /// The part.
        part: String,
        /// How long was waited, in seconds.
        waited_secs: u64,
        /// The last line of its log.
        last_words: String,
        /// Its log.
        log: PathBuf,
    },
    /// A system call failed.
    #[error("could not {action}")]
    System {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        #[source]
        source: nix::Error,
    },
    /// A background task of the supervisor ended early.
    #[error("the supervisor's own task for {task} broke off")]
    Task {
        /// Which task.
        task: &'static str,
    },
    /// After the stop something was still there.
    #[error("could not clear away: {}", what.join("; "))]
    Remains {
        /// What is left.
        what: Vec<String>,
    },
    /// No supervisor has ever run on this data folder.
    #[error("nothing was ever started in {}", data_dir.display())]
    NeverStarted {
        /// The data folder.
        data_dir: PathBuf,
    },
}

impl Error {
    /// Adapts an I/O error, for use with `map_err`.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// Adapts an error of a system call, for use with `map_err`.
    pub(crate) fn system(action: impl Into<String>) -> impl FnOnce(nix::Error) -> Self {
        let action = action.into();
        move |source| Self::System { action, source }
    }
}
