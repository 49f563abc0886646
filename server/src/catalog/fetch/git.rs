//! Git repositories, through the program git.
//!
//! Git gets a minimal environment, none of the machine's or the user's settings, and one protocol: that of the address.
//! Only the commit is fetched, into an empty bare repository, and its files leave that as an archive. So there is never
//! a working tree, hook, filter or submodule.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lectern_api::labs::LabProblem;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::unpack::{self, Budget};
use super::{FetchError, Fetched, Version, blocking, files_in};
use crate::catalog::source::{GitRef, GitSource, Login};

/// How often the size of the repository is checked while git fetches.
const WEIGH_EVERY: Duration = Duration::from_millis(500);
/// How much of git's output is kept, in bytes.
const OUTPUT_BYTES: u64 = 64 * 1024;

/// The environment variables that git gets: where programs and keys are, and how to reach the network.
const ENVIRONMENT: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "GIT_SSH_COMMAND",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
];
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "credential.helper=",
    "core.askPass=",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
];

/// The values of [`ENVIRONMENT`] when the server was started.
#[derive(Clone, Debug)]
pub(super) struct Environment(Vec<(&'static str, OsString)>);

impl Environment {
    /// Reads the values of this process.
    pub(super) fn read() -> Self {
        Self(crate::config::environment(ENVIRONMENT))
    }

    /// Returns what git needs to fetch what a lab's author names: nothing of the operator's keys, credentials and proxies.
    pub(super) fn for_authors(self, has_gate: bool) -> Self {
        let is_kept = |name: &str| match name {
            "PATH" | "TMPDIR" | "GIT_SSL_CAINFO" | "SSL_CERT_FILE" | "SSL_CERT_DIR" => true,
            name => !has_gate && name.to_ascii_lowercase().ends_with("_proxy"),
        };
        let mut kept: Vec<_> = self.0.into_iter().filter(|(name, _)| is_kept(name)).collect();
        // a folder that does not exist: otherwise the user's own would be looked up
        kept.push(("HOME", "/nonexistent".into()));
        Self(kept)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }
}

pub(super) async fn fetch(
    source: &GitSource,
    environment: &Environment,
    proxy: Option<&str>,
    present: Option<&Version>,
    draft: &Path,
    budget: Budget,
) -> Result<Option<Fetched>, FetchError> {
    if let (GitRef::Commit(commit), Some(present)) = (&source.reference, present)
        && present.revision == *commit
    {
        return Ok(None);
    }
    let git = Git { source, environment, proxy, repository: draft.join("repository") };
    // first, so that git never uses a repository around the folder in which the server was started
    git.run("prepare for", &["init", "--quiet", "--bare", "--template="]).await?;
    let (commit, wanted) = git.find_commit().await?;
    if present.is_some_and(|present| present.revision == commit) {
        return Ok(None);
    }
    let args = [
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--no-recurse-submodules",
        "--",
        source.url.as_str(),
        &wanted,
    ];
    let weigh = grows_beyond(&git.repository, budget.bytes());
    tokio::select! {
        fetched = git.run("fetch from", &args) => drop(fetched?),
        // dropping the other branch kills git
        () = weigh => {
            return Err(FetchError::TooLarge { subject: source.url.to_string(), max_mib: budget.max_mib() });
        }
    }
    let revision = git.parse("FETCH_HEAD^{commit}").await?;
    let tree = git.find_tree(&revision).await?;
    let left_out = git.unpack_tree(&tree, draft, budget).await?;
    let _ = tokio::fs::remove_dir_all(&git.repository).await;
    Ok(Some(Fetched { revision, tag: None, left_out }))
}

/// Git with one repository of the cache, for one source.
struct Git<'a> {
    source: &'a GitSource,
    environment: &'a Environment,
    proxy: Option<&'a str>,
    repository: PathBuf,
}

impl Git<'_> {
    /// Returns the commit that the source's reference names now, and the name under which to fetch it.
    async fn find_commit(&self) -> Result<(String, String), FetchError> {
        let names = match &self.source.reference {
            GitRef::Commit(commit) => return Ok((commit.clone(), commit.clone())),
            GitRef::Head => vec!["HEAD".to_owned()],
            GitRef::Name(name) if name.starts_with("refs/") => vec![name.clone()],
            GitRef::Name(name) => vec![
                format!("refs/heads/{name}"),
                format!("refs/tags/{name}^{{}}"),
                format!("refs/tags/{name}"),
            ],
        };
        let mut args = vec!["ls-remote", "--quiet", "--", self.source.url.as_str()];
        args.extend(names.iter().map(String::as_str));
        let listed = self.run("look into", &args).await?;
        let commit_of = |name: &str| {
            let mut lines = listed.lines().filter_map(|line| line.split_once('\t'));
            lines.find(|(_, listed)| *listed == name).map(|(commit, _)| commit.to_owned())
        };
        let found =
            names.iter().find_map(|name| Some((commit_of(name)?, name.trim_end_matches("^{}").to_owned())));
        found.ok_or_else(|| FetchError::NoReference {
            url: self.source.url.to_string(),
            reference: match &self.source.reference {
                GitRef::Head => "commit yet".to_owned(),
                reference => format!("branch or tag {reference}"),
            },
        })
    }

    /// Returns the tree of the folder that contains the labs.
    async fn find_tree(&self, commit: &str) -> Result<String, FetchError> {
        let folder = &self.source.folder;
        if folder.is_whole() {
            return self.parse(&format!("{commit}^{{tree}}")).await;
        }
        if let Ok(object) = self.parse(&format!("{commit}:{folder}")).await
            // a file is found too, and is no tree
            && let Ok(tree) = self.parse(&format!("{object}^{{tree}}")).await
        {
            return Ok(tree);
        }
        let there = self.run("read", &["ls-tree", "-d", "--name-only", commit]).await.unwrap_or_default();
        Err(FetchError::NoFolder {
            subject: self.source.url.to_string(),
            folder: folder.to_string(),
            there: super::listed(there.lines().map(str::to_owned)),
        })
    }

    /// Returns the hash of the object that an expression names.
    async fn parse(&self, object: &str) -> Result<String, FetchError> {
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", object];
        self.run("read", &args).await.map(|found| found.trim().to_owned())
    }

    async fn unpack_tree(
        &self,
        tree: &str,
        draft: &Path,
        mut budget: Budget,
    ) -> Result<Vec<LabProblem>, FetchError> {
        let mut archive = self.command().into_std();
        archive.args(["archive", "--format=tar", tree]).stderr(Stdio::null());
        let (files, subject) = (files_in(draft), self.source.url.to_string());
        let url = subject.clone();
        blocking(move || {
            let mut archive = archive.spawn().map_err(FetchError::NoGit)?;
            let Some(output) = archive.stdout.take() else {
                return Err(FetchError::NoGit(std::io::ErrorKind::BrokenPipe.into()));
            };
            let unpacked = unpack::unpack(output, &files, &mut budget).map_err(FetchError::unpack(&subject));
            if unpacked.is_err() {
                // it may have ended by itself
                let _ = archive.kill();
            }
            let ended = archive.wait().map_err(FetchError::NoGit)?;
            match unpacked {
                Ok(_) if !ended.success() => {
                    let reason = format!("git archive ended with {ended}");
                    Err(FetchError::Git { what: "read", url, reason })
                }
                unpacked => unpacked,
            }
        })
        .await
    }

    /// Returns git's command line without the subcommand.
    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.env_clear();
        command.envs(self.environment.0.iter().map(|(name, value)| (name, value)));
        command.envs([
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ALLOW_PROTOCOL", protocols(self.source.url.scheme())),
            ("GIT_LFS_SKIP_SMUDGE", "1"),
        ]);
        if !self.environment.has("GIT_SSH_COMMAND") {
            command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=20");
        }
        if let Some(login) = &self.source.login {
            let server = self.source.url.origin().ascii_serialization();
            // in the environment, where other users of the machine do not see it, and for this server only
            command.envs([
                ("GIT_CONFIG_COUNT", "1".to_owned()),
                ("GIT_CONFIG_KEY_0", format!("http.{server}.extraHeader")),
                ("GIT_CONFIG_VALUE_0", format!("Authorization: {}", basic(login))),
            ]);
        }
        command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
        if let Some(proxy) = self.proxy {
            command.arg("-c").arg(format!("http.proxy={proxy}"));
        }
        command.arg("--git-dir").arg(&self.repository);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs git and returns its output.
    async fn run(&self, what: &'static str, args: &[&str]) -> Result<String, FetchError> {
        let mut command = self.command();
        command.args(args);
        let mut child = command.spawn().map_err(FetchError::NoGit)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (stdout, stderr, status) = tokio::join!(beginning(stdout), beginning(stderr), child.wait());
        let output = Output { status: status.map_err(FetchError::NoGit)?, stdout, stderr };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(FetchError::Git { what, url: self.source.url.to_string(), reason: reason(&output) })
    }
}

/// Returns the protocols that git may use: a server may redirect from HTTP to HTTPS, and to nothing else.
fn protocols(scheme: &str) -> &'static str {
    match scheme {
        "http" => "http:https",
        "https" => "https",
        "ssh" => "ssh",
        _ => "file",
    }
}

fn basic(login: &Login) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", login.user, login.password)))
}

/// Returns the beginning of a program's output. The rest is read and discarded, so that the program can go on.
async fn beginning(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut beginning = Vec::new();
    if let Some(mut stream) = stream {
        // a stream that breaks is one that ends
        let _ = (&mut stream).take(OUTPUT_BYTES).read_to_end(&mut beginning).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    beginning
}

/// Returns git's own reason, in one line.
fn reason(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_reason = |line: &&&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let mut reasons: Vec<&str> =
        lines.iter().filter(is_reason).map(|line| &line["fatal: ".len()..]).collect();
    if reasons.is_empty() {
        reasons = lines.last().copied().into_iter().collect();
    }
    let reason: String = reasons.join("; ").chars().filter(|letter| !letter.is_control()).take(400).collect();
    if reason.is_empty() { format!("it ended with {}", output.status) } else { reason }
}

/// Resolves when a folder holds more than this.
async fn grows_beyond(folder: &Path, bytes: u64) {
    loop {
        tokio::time::sleep(WEIGH_EVERY).await;
        let folder = folder.to_owned();
        let weight = tokio::task::spawn_blocking(move || weight(&folder)).await;
        if weight.is_ok_and(|weight| weight > bytes) {
            return;
        }
    }
}

fn weight(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, meta)| if meta.is_dir() { weight(&path) } else { meta.len() })
        .sum()
}
