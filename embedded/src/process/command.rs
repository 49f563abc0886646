//! Running helper programs to their end.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::error::Error;

/// The search path for programs of the system. It includes `sbin`, which a login may lack.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The time limit of a helper program.
const LIMIT: Duration = Duration::from_secs(60);

/// Returns the full path of a program of the system.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    PATH.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// A program that is run to its end, without a terminal.
pub(crate) struct Helper {
    command: Command,
    shown: String,
    input: Option<Vec<u8>>,
}

impl Helper {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.env("PATH", PATH).env_remove("KUBECONFIG").stdin(Stdio::null()).kill_on_drop(true);
        let shown = Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned();
        Self { command, shown, input: None }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        if self.shown.len() < 120 {
            self.shown.push(' ');
            self.shown.push_str(&arg.as_ref().to_string_lossy());
        }
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(self, args: I) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn user(mut self, user: Option<(u32, u32)>) -> Self {
        if let Some((uid, gid)) = user {
            self.command.uid(uid).gid(gid).current_dir("/");
        }
        self
    }

    pub(crate) fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(input.into());
        self
    }

    /// Runs the program and returns its standard output. A non-zero exit status is an error with the last lines of its
    /// standard error.
    pub(crate) async fn run(mut self) -> Result<String, Error> {
        let output = tokio::time::timeout(LIMIT, self.finish()).await.map_err(|_| Error::Command {
            command: self.shown.clone(),
            status: "killed".to_owned(),
            message: format!("did not end within {} s", LIMIT.as_secs()),
        })??;
        if !output.status.success() {
            return Err(Error::Command {
                command: self.shown,
                status: output.status.to_string(),
                message: last_lines(&output),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    async fn finish(&mut self) -> Result<Output, Error> {
        let spawn_failed = |source| Error::Spawn { program: self.shown.clone(), source };
        let mut child =
            self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(spawn_failed)?;
        if let (Some(input), Some(mut stdin)) = (self.input.take(), child.stdin.take()) {
            // a program that does not read to the end reports its own error
            let _ = stdin.write_all(&input).await;
        }
        child.wait_with_output().await.map_err(|source| Error::Spawn { program: self.shown.clone(), source })
    }
}

fn last_lines(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > 3 {
        lines.drain(..lines.len() - 3);
    }
    lines.join(" | ")
}
