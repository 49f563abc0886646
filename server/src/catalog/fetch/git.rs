//! Git repositories, through the program git.
//!
//! It gets an environment of its own, no settings of the machine's or the user's, and one protocol: that of the
//! address. The commit comes alone into an empty bare repository, and its files from there as an archive, so that no
//! working tree, hook, filter or submodule is ever made.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::unpack::{self, Budget};
use super::{FetchError, Fetched, Version, blocking, files_in};
use crate::catalog::source::{GitRef, GitSource, Login};

/// How often the size of what arrives is looked at.
const WEIGH_EVERY: Duration = Duration::from_millis(500);
/// How much of what git says is kept, in bytes.
const SAID_BYTES: u64 = 64 * 1024;

/// What git may know of the machine: where programs and keys lie, and how to reach the network.
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

pub(super) async fn fetch(
    source: &GitSource,
    present: Option<&Version>,
    draft: &Path,
    budget: Budget,
) -> Result<Option<Fetched>, FetchError> {
    if let (GitRef::Commit(commit), Some(present)) = (&source.reference, present)
        && present.revision == *commit
    {
        return Ok(None);
    }
    // first, so that git never looks for one around the folder in which the server was started
    let repository = draft.join("repository");
    run(source, "prepare for", &["init", "--quiet", "--bare", "--template="], &repository).await?;
    let (commit, wanted) = find(source, &repository).await?;
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
    let weigh = grows_beyond(&repository, budget.bytes());
    tokio::select! {
        fetched = run(source, "fetch from", &args, &repository) => drop(fetched?),
        // what is dropped here is killed
        () = weigh => {
            return Err(FetchError::TooLarge { subject: source.url.to_string(), max_mib: budget.max_mib() });
        }
    }
    let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", "FETCH_HEAD^{commit}"];
    let revision = run(source, "read", &args, &repository).await?.trim().to_owned();
    let tree = find_tree(source, &repository, &revision).await?;
    let left_out = unpack_tree(source, &repository, &tree, draft, budget).await?;
    let _ = tokio::fs::remove_dir_all(&repository).await;
    Ok(Some(Fetched { revision, tag: None, left_out }))
}

/// The commit that the reference means now, and under which name to ask for it.
async fn find(source: &GitSource, repository: &Path) -> Result<(String, String), FetchError> {
    let names = match &source.reference {
        GitRef::Commit(commit) => return Ok((commit.clone(), commit.clone())),
        GitRef::Head => vec!["HEAD".to_owned()],
        GitRef::Name(name) if name.starts_with("refs/") => vec![name.clone()],
        GitRef::Name(name) => {
            vec![format!("refs/heads/{name}"), format!("refs/tags/{name}^{{}}"), format!("refs/tags/{name}")]
        }
    };
    let mut args = vec!["ls-remote", "--quiet", "--", source.url.as_str()];
    args.extend(names.iter().map(String::as_str));
    let listed = run(source, "look into", &args, repository).await?;
    let commit_of = |name: &str| {
        let mut lines = listed.lines().filter_map(|line| line.split_once('\t'));
        lines.find(|(_, listed)| *listed == name).map(|(commit, _)| commit.to_owned())
    };
    let found =
        names.iter().find_map(|name| Some((commit_of(name)?, name.trim_end_matches("^{}").to_owned())));
    found.ok_or_else(|| FetchError::NoReference {
        url: source.url.to_string(),
        reference: match &source.reference {
            GitRef::Head => "commit yet".to_owned(),
            reference => format!("branch or tag {reference}"),
        },
    })
}

/// The tree of the folder in which the labs lie.
async fn find_tree(source: &GitSource, repository: &Path, commit: &str) -> Result<String, FetchError> {
    let parse = async |object: String| {
        let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &object];
        run(source, "read", &args, repository).await.map(|found| found.trim().to_owned())
    };
    if source.folder.is_whole() {
        return parse(format!("{commit}^{{tree}}")).await;
    }
    if let Ok(object) = parse(format!("{commit}:{}", source.folder)).await
        // a file is found too, and is no tree
        && let Ok(tree) = parse(format!("{object}^{{tree}}")).await
    {
        return Ok(tree);
    }
    let args = ["ls-tree", "-d", "--name-only", commit];
    let there = run(source, "read", &args, repository).await.unwrap_or_default();
    Err(FetchError::NoFolder {
        subject: source.url.to_string(),
        folder: source.folder.to_string(),
        there: super::listed(there.lines().map(str::to_owned)),
    })
}

async fn unpack_tree(
    source: &GitSource,
    repository: &Path,
    tree: &str,
    draft: &Path,
    mut budget: Budget,
) -> Result<Vec<lectern_api::labs::LabProblem>, FetchError> {
    let mut archive = git(source, repository).into_std();
    archive.args(["archive", "--format=tar", tree]).stderr(Stdio::null());
    let (files, subject) = (files_in(draft), source.url.to_string());
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
                Err(FetchError::Git { what: "read", url, reason: format!("git archive ended with {ended}") })
            }
            unpacked => unpacked,
        }
    })
    .await
}

/// Git, as it is always started here.
fn git(source: &GitSource, repository: &Path) -> Command {
    let mut command = Command::new("git");
    command.env_clear();
    command.envs(ENVIRONMENT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
    command.envs([
        ("LC_ALL", "C"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_ATTR_NOSYSTEM", "1"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_ALLOW_PROTOCOL", protocols(source.url.scheme())),
        ("GIT_LFS_SKIP_SMUDGE", "1"),
    ]);
    if std::env::var_os("GIT_SSH_COMMAND").is_none() {
        command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=20");
    }
    if let Some(login) = &source.login {
        // in the environment, where other users of the machine do not see it, and for this server only
        command.envs([
            ("GIT_CONFIG_COUNT", "1".to_owned()),
            ("GIT_CONFIG_KEY_0", format!("http.{}.extraHeader", source.url.origin().ascii_serialization())),
            ("GIT_CONFIG_VALUE_0", format!("Authorization: {}", basic(login))),
        ]);
    }
    command.args(SETTINGS.iter().flat_map(|setting| ["-c", setting]));
    command.arg("--git-dir").arg(repository);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// What git may speak: a server may lead from HTTP to HTTPS, and nowhere else.
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

/// Runs git and returns what it printed.
async fn run(
    source: &GitSource,
    what: &'static str,
    args: &[&str],
    repository: &Path,
) -> Result<String, FetchError> {
    let mut command = git(source, repository);
    command.args(args);
    let mut child = command.spawn().map_err(FetchError::NoGit)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr, status) = tokio::join!(said(stdout), said(stderr), child.wait());
    let output = Output { status: status.map_err(FetchError::NoGit)?, stdout, stderr };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(FetchError::Git { what, url: source.url.to_string(), reason: reason(&output) })
}

/// The beginning of what a program prints; the rest is read and thrown away, so that it can go on.
async fn said(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut said = Vec::new();
    if let Some(mut stream) = stream {
        // a stream that breaks is one that ends
        let _ = (&mut stream).take(SAID_BYTES).read_to_end(&mut said).await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    }
    said
}

/// Git's own reason, in one line.
fn reason(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let told = |line: &&&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let mut told: Vec<&str> = lines.iter().filter(told).map(|line| &line["fatal: ".len()..]).collect();
    if told.is_empty() {
        told = lines.last().copied().into_iter().collect();
    }
    let told: String = told.join("; ").chars().filter(|letter| !letter.is_control()).take(400).collect();
    if told.is_empty() { format!("it ended with {}", output.status) } else { told }
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
