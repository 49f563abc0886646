//! The numbered steps of a run: what is being done, how far it is, how long it took, and what to do when it fails.
//!
//! On a terminal one line is written over and over; elsewhere a line comes every quarter of a minute.

use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::interrupt::Interrupted;
use crate::render::{self, Outcome};

const REDRAW_EVERY: Duration = Duration::from_millis(200);
const REPORT_EVERY: Duration = Duration::from_secs(15);
const TOLD_LINES: usize = 40;

/// The error of a step whose failure has been told already.
#[derive(Debug)]
pub struct Told;

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a step failed")
    }
}

impl std::error::Error for Told {}

/// A run of steps.
pub struct Steps {
    total: usize,
    done: usize,
    terminal: bool,
    logs: PathBuf,
}

/// The step that runs now.
pub struct Step {
    title: String,
    number: usize,
    total: usize,
    terminal: bool,
    started: Instant,
    log: PathBuf,
    told: Mutex<Words>,
}

/// Makes of a program's line what is shown, or nothing where the line says nothing about how far it is.
type Reader = Box<dyn FnMut(&str) -> Option<String> + Send>;

/// What a step has said about itself.
#[derive(Default)]
struct Words {
    last_line: String,
    result: String,
    announced: bool,
    worked: bool,
    counted: Option<(usize, usize)>,
    reader: Option<Reader>,
}

impl Steps {
    /// Begins a run of `total` steps, whose logs go into a folder.
    pub fn new(total: usize, logs: PathBuf) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let terminal = std::io::stdout().is_terminal() && !dumb;
        Self { total, done: 0, terminal, logs }
    }

    /// The folder with one log per step.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// Does the next step. When it fails, that is told here, with the end of its log and `advice`.
    pub fn run<T>(&mut self, title: &str, advice: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
        crate::interrupt::check()?;
        self.done += 1;
        let step = Step {
            title: title.to_owned(),
            number: self.done,
            total: self.total,
            terminal: self.terminal,
            started: Instant::now(),
            log: self.logs.join(render::log_name(self.done, title)),
            told: Mutex::default(),
        };
        let outcome = step.watched(work);
        match &outcome {
            Ok(_) => step.end(Outcome::Done),
            Err(error) if error.is::<Interrupted>() => step.end(Outcome::Interrupted),
            Err(error) => {
                step.end(Outcome::Failed);
                tell_failure(&step.log, error, advice);
                return outcome.map_err(|_| Told.into());
            }
        }
        outcome
    }
}

impl Step {
    /// Says in one line what happens now.
    pub fn say(&self, line: &str) {
        let mut line = render::plain(line);
        if line.is_empty() {
            return;
        }
        if let Ok(mut told) = self.told.lock() {
            if let Some(reader) = &mut told.reader {
                let Some(read) = reader(&line) else { return };
                line = read;
            } else if let Some((done, total)) = &mut told.counted {
                *done += 1;
                line = render::counted(*done, *total, &line);
            }
            told.last_line = line;
            told.worked = true;
        }
        self.announce();
    }

    /// From now on each line stands for one of `total` things at most: what was done earlier is not mentioned again.
    pub fn count_lines_of(&self, total: usize) {
        if let Ok(mut told) = self.told.lock() {
            told.counted = Some((0, total));
        }
    }

    /// From now on `reader` says what a line means; lines of which it makes nothing are only logged.
    pub fn read_lines_with(&self, reader: impl FnMut(&str) -> Option<String> + Send + 'static) {
        if let Ok(mut told) = self.told.lock() {
            told.reader = Some(Box::new(reader));
        }
    }

    /// Notes that the step has real work to do, as opposed to finding its result.
    pub fn announce(&self) {
        let Ok(mut told) = self.told.lock() else { return };
        told.worked = true;
        if !told.announced && !self.terminal {
            told.announced = true;
            println!("{}", render::heading(self.number, self.total, &self.title));
        }
    }

    /// Says what came of it, for the step's closing line.
    pub fn conclude(&self, result: &str) {
        if let Ok(mut told) = self.told.lock() {
            result.clone_into(&mut told.result);
        }
    }

    /// Where the output of the step's commands goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Does the work while another thread shows how it goes.
    fn watched<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let (done, wait) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let every = if self.terminal { REDRAW_EVERY } else { REPORT_EVERY };
                while wait.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                    self.show();
                }
            });
            let outcome = work(self);
            drop(done);
            outcome
        })
    }

    fn show(&self) {
        self.announce();
        let Ok(told) = self.told.lock() else { return };
        let heading = render::heading(self.number, self.total, &self.title);
        let elapsed = self.started.elapsed();
        if self.terminal {
            print!("{}", render::moving_line(&heading, elapsed, &told.last_line));
        } else {
            println!("{}", render::report_line(elapsed, &told.last_line));
        }
        let _ = std::io::stdout().flush();
    }

    fn end(&self, outcome: Outcome) {
        let Ok(told) = self.told.lock() else { return };
        let heading = render::heading(self.number, self.total, &self.title);
        let took = (told.worked || !matches!(outcome, Outcome::Done)).then(|| self.started.elapsed());
        let line = render::closing_line(&heading, &outcome, took, &told.result);
        let clear = if self.terminal { render::CLEAR_LINE } else { "" };
        println!("{clear}{line}");
    }
}

fn tell_failure(log: &Path, error: &anyhow::Error, advice: &str) {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    for line in render::last_lines(&text, TOLD_LINES) {
        println!("    | {line}");
    }
    println!("  Reason: {error:#}");
    if !text.is_empty() {
        println!("  Whole log: {}", log.display());
    }
    println!("  What next: {advice}");
}
