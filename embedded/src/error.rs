//! Failures of a start or a stop, each with its subject and, if there is one, the remedy.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

/// Why the embedded parts could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The supervisor needs root for interfaces, mounts and cgroups.
    #[error(
        "the embedded cluster and database need root; run it with sudo, or give a KUBECONFIG and a DATABASE_URL"
    )]
    NotRoot,
    /// A program of the operating system is missing.
    #[error("{program} is missing; install it with: apt-get install {package}")]
    ProgramMissing {
        /// The program that is missing.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// The cluster program is missing or cannot be run.
    #[error("the cluster program {} is missing or not executable; build it with: cargo xtask build", path.display())]
    ClusterProgramMissing {
        /// Where the program was expected.
        path: PathBuf,
    },
    /// The kernel lacks a feature that Kubernetes needs.
    #[error("the kernel has no {feature} ({path} is absent); load it with: modprobe {module}")]
    KernelFeatureMissing {
        /// The missing feature.
        feature: &'static str,
        /// The file that shows the feature.
        path: &'static str,
        /// The kernel module that provides it.
        module: &'static str,
    },
    /// There is too little free space.
    #[error("only {free_mib} MiB are free in {}, and {needed_mib} MiB are needed; make room or choose another data folder", folder.display())]
    DiskFull {
        /// The folder that was measured.
        folder: PathBuf,
        /// The free space, in MiB.
        free_mib: u64,
        /// The space that is needed, in MiB.
        needed_mib: u64,
    },
    /// Something else listens on a part's port.
    #[error(
        "port {port}/{protocol} is already in use on {address}; it is needed for {purpose}: stop what listens there"
    )]
    PortInUse {
        /// The address of the port.
        address: IpAddr,
        /// The number of the port.
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
        /// Its data folder, as it reports.
        data_dir: String,
    },
    /// An interface that is not Lectern's has the bridge's name.
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
        /// The interface of that route.
        interface: String,
    },
    /// An option has an invalid value.
    #[error("{option}: {reason}")]
    BadOption {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The unprivileged user of Postgres cannot reach its folder.
    #[error("the user postgres may not enter {}; run: chmod o+x {} (or choose a data folder below /var/lib)", folder.display(), folder.display())]
    FolderNotReachable {
        /// The first folder on the path that is closed to others.
        folder: PathBuf,
    },
    /// The database was created by a major version that is not installed.
    #[error("{} belongs to PostgreSQL {found}, whose programs are not installed; install it with: apt-get install postgresql-{found}", folder.display())]
    PostgresVersion {
        /// The database's folder.
        folder: PathBuf,
        /// The major version that created it.
        found: String,
    },
    /// A file or folder could not be read or written.
    #[error("could not {action} {}", path.display())]
    File {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A file of the data folder cannot be parsed.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        #[source]
        source: serde_json::Error,
    },
    /// Settings of a part could not be written in their format.
    #[error("could not write the settings in {}", path.display())]
    Settings {
        /// The file of the settings.
        path: PathBuf,
        /// The reason that the serializer gave.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
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
        /// The command line, shortened.
        command: String,
        /// How it ended.
        status: String,
        /// The last lines of its standard error.
        message: String,
    },
    /// A part did not become ready within its time limit.
    #[error("{part} was not ready after {waited_secs} s; its last words: {last_words} (log: {})", log.display())]
    NotReady {
        /// The part.
        part: String,
        /// The time since its start, in seconds.
        waited_secs: u64,
        /// The last line of its log.
        last_words: String,
        /// The path of its log.
        log: PathBuf,
    },
    /// A system call failed.
    #[error("could not {action}")]
    System {
        /// What was attempted.
        action: String,
        /// The kernel's error.
        #[source]
        source: nix::Error,
    },
    /// A background task of the supervisor panicked.
    #[error("the supervisor's own task for {task} broke off")]
    Task {
        /// Which task.
        task: &'static str,
    },
    /// Something was left after a stop.
    #[error("could not clear: {}", what.join("; "))]
    Remains {
        /// What was left.
        what: Vec<String>,
    },
    /// No supervisor has ever run on this data folder.
    #[error("nothing has ever been started in {}", data_dir.display())]
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

    /// Adapts an error of a serializer, for use with `map_err`.
    pub(crate) fn settings<E>(path: impl Into<PathBuf>) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let path = path.into();
        move |source| Self::Settings { path, source: Box::new(source) }
    }

    /// Adapts an error of a system call, for use with `map_err`.
    pub(crate) fn system(action: impl Into<String>) -> impl FnOnce(nix::Error) -> Self {
        let action = action.into();
        move |source| Self::System { action, source }
    }
}
