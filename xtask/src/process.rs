//! Runs a step's programs: their output goes to the step's log, and a signal to xtask ends them.

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::context::command_line;
use crate::interrupt;
use crate::step::Step;

const POLL_EVERY: Duration = Duration::from_millis(30);
const TERM_GRACE: Duration = Duration::from_secs(10);
const LAST_OUTPUT_GRACE: Duration = Duration::from_secs(2);

impl Step {
    /// Runs a program to its end, and fails if the program does.
    pub fn run(&self, command: Command) -> Result<()> {
        let name = command.get_program().to_string_lossy().into_owned();
        let status = self.run_to_status(command, None)?;
        if !status.success() {
            bail!("{name} ended with {status}");
        }
        Ok(())
    }

    /// Runs a program to its end and returns its status. A program that runs longer than `limit` is ended, which is an
    /// error.
    pub fn run_to_status(&self, mut command: Command, limit: Option<Duration>) -> Result<ExitStatus> {
        self.announce();
        let name = command.get_program().to_string_lossy().into_owned();
        let mut log = self.open_log()?;
        writeln!(log, "$ {}", command_line(&command))?;

        let (reader, writer) = std::io::pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
        let mut child = command.spawn().with_context(|| format!("could not start {name}"))?;
        // it holds the writing ends of the pipe: while they are open, the reader waits
        drop(command);

        thread::scope(|scope| {
            let (at_end, ended) = mpsc::channel::<()>();
            scope.spawn(move || {
                self.copy_output(reader, &mut log);
                drop(at_end);
            });
            let status = wait(&mut child, limit);
            // a program that it left behind may keep the pipe open: end the whole process group
            if ended.recv_timeout(LAST_OUTPUT_GRACE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = killpg(group(&child), Signal::SIGKILL);
            }
            status
        })
        .with_context(|| format!("{name} did not end by itself"))
    }

    fn copy_output(&self, mut reader: PipeReader, log: &mut File) {
        let mut lines = Lines::default();
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            for line in lines.push(&buffer[..count]) {
                if line.whole {
                    let _ = writeln!(log, "{}", line.text);
                }
                self.say(&line.text);
            }
        }
        if let Some(rest) = lines.rest() {
            let _ = writeln!(log, "{rest}");
        }
    }
}

fn group(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

fn wait(child: &mut Child, limit: Option<Duration>) -> Result<ExitStatus> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if let Err(interrupted) = interrupt::check() {
            end_group(child)?;
            return Err(interrupted.into());
        }
        if limit.is_some_and(|limit| started.elapsed() > limit) {
            end_group(child)?;
            bail!("it took longer than {} s", started.elapsed().as_secs());
        }
        thread::sleep(POLL_EVERY);
    }
}

/// Ends a child with its descendants, by SIGTERM and then by SIGKILL.
fn end_group(child: &mut Child) -> Result<()> {
    let _ = killpg(group(child), Signal::SIGTERM);
    let asked = Instant::now();
    while asked.elapsed() < TERM_GRACE {
        if child.try_wait()?.is_some() {
            break;
        }
        thread::sleep(POLL_EVERY);
    }
    let _ = killpg(group(child), Signal::SIGKILL);
    child.wait()?;
    Ok(())
}

/// Cuts output into lines. What ends in a carriage return will be overwritten, and does not belong in a log.
#[derive(Default)]
struct Lines(Vec<u8>);

struct Line {
    text: String,
    whole: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' => lines.push(self.take(true)),
                b'\r' => lines.push(self.take(false)),
                _ => self.0.push(byte),
            }
        }
        lines
    }

    fn take(&mut self, whole: bool) -> Line {
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.0)).into_owned();
        Line { text, whole }
    }

    fn rest(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.take(true).text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_overwritten_are_not_whole() {
        let mut lines = Lines::default();
        let mut seen = lines.push(b"Comp");
        seen.extend(lines.push(b"iling a\n  Building 1/2\r  Building 2/2\rlast"));
        let seen: Vec<_> = seen.iter().map(|line| (line.text.as_str(), line.whole)).collect();
        assert_eq!(seen, [("Compiling a", true), ("  Building 1/2", false), ("  Building 2/2", false)]);
        assert_eq!(lines.rest().as_deref(), Some("last"));
        assert_eq!(lines.rest(), None);
    }
}
