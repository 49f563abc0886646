//! One step of a run: what it says while it works, its log, and the lines that report how it ended.
//!
//! On a terminal one line moves; elsewhere a line is printed every quarter of a minute.

use std::fs::{self, File};
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::interrupt::Interrupted;

const REDRAW_EVERY: Duration = Duration::from_millis(200);
const REPORT_EVERY: Duration = Duration::from_secs(15);
const REPORTED_CHARS: usize = 120;
const SHOWN_LINES: usize = 40;

/// The error of a step whose failure has been printed already.
#[derive(Debug)]
pub struct Printed;

impl std::fmt::Display for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a step failed")
    }
}

impl std::error::Error for Printed {}

/// The step that runs now.
pub struct Step {
    heading: String,
    started: Instant,
    log: PathBuf,
    /// `None` without a terminal.
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

/// Turns a program's line into what is shown, or `None` if the line says nothing about progress.
type Reader = Box<dyn FnMut(&str) -> Option<String> + Send>;

#[derive(Default)]
struct State {
    last_line: String,
    result: String,
    afterwards: Vec<String>,
    heading_printed: bool,
    worked: bool,
    reader: Option<Reader>,
}

impl Step {
    /// Begins step `number` of `total`. Its log goes into the folder `logs`.
    pub fn begin(number: usize, total: usize, title: &str, logs: &Path) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let heading = format!("[{number}/{total}] {title} …");
        let bar = (std::io::stdout().is_terminal() && !dumb).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed}  {wide_msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(heading.clone());
            bar.enable_steady_tick(REDRAW_EVERY);
            bar
        });
        let log = logs.join(log_name(number, title));
        Self { heading, started: Instant::now(), log, bar, state: Mutex::default() }
    }

    /// Does the step's work and prints how it ended. A failure is printed with the end of the log and `advice`, and the
    /// error is then [`Printed`].
    pub fn perform(&self, advice: &str, work: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let outcome = self.watched(work);
        let word = match &outcome {
            Ok(()) => "",
            Err(error) if error.is::<Interrupted>() => "interrupted after ",
            Err(_) => "FAILED after ",
        };
        self.print_end(word);
        let outcome = match outcome {
            Err(error) if !error.is::<Interrupted>() => {
                self.print_failure(&error, advice);
                Err(Printed.into())
            }
            other => other,
        };
        for line in &self.state().afterwards {
            println!("{line}");
        }
        outcome
    }

    /// Shows a line about what happens now.
    pub fn say(&self, line: &str) {
        let mut line = plain(line);
        if line.is_empty() {
            return;
        }
        let mut state = self.state();
        if let Some(reader) = &mut state.reader {
            let Some(read) = reader(&line) else { return };
            line = read;
        }
        if let Some(bar) = &self.bar {
            bar.set_message(line.clone());
        }
        state.last_line = line;
        drop(state);
        self.announce();
    }

    /// From now on `reader` decides what is shown of each line; the log gets all of them.
    pub fn read_lines_with(&self, reader: impl FnMut(&str) -> Option<String> + Send + 'static) {
        self.state().reader = Some(Box::new(reader));
    }

    /// From now on each line stands for one of at most `total` things; those that were done earlier have no line.
    pub fn count_lines_of(&self, total: usize) {
        let mut done = 0;
        self.read_lines_with(move |line| {
            done += 1;
            Some(format!("{done} of at most {}: {line}", total.max(done)))
        });
    }

    /// Records that the step has real work to do, as opposed to finding its result.
    pub fn announce(&self) {
        let mut state = self.state();
        state.worked = true;
        if !state.heading_printed && self.bar.is_none() {
            state.heading_printed = true;
            println!("{}", self.heading);
        }
    }

    /// Sets the result that the step's closing line shows.
    pub fn conclude(&self, result: &str) {
        result.clone_into(&mut self.state().result);
    }

    /// Prints a line once the step has ended.
    pub fn print_afterwards(&self, line: String) {
        self.state().afterwards.push(line);
    }

    /// The file that gets the output of the step's programs.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns what the log contains so far.
    pub fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Writes a line into the log.
    pub fn note(&self, line: &str) -> Result<()> {
        Ok(writeln!(self.open_log()?, "{line}")?)
    }

    /// Opens the log for appending.
    pub fn open_log(&self) -> Result<File> {
        let log = File::options().create(true).append(true).open(&self.log);
        log.with_context(|| format!("could not write {}", self.log.display()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the work. Without a terminal another thread reports meanwhile how it goes.
    fn watched(&self, work: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        if self.bar.is_some() {
            return work(self);
        }
        let (done, wait) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while wait.recv_timeout(REPORT_EVERY) == Err(RecvTimeoutError::Timeout) {
                    self.announce();
                    println!("{}", report_line(self.started.elapsed(), &self.state().last_line));
                }
            });
            let outcome = work(self);
            drop(done);
            outcome
        })
    }

    fn print_end(&self, word: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let state = self.state();
        let took = (state.worked || !word.is_empty()).then(|| self.started.elapsed());
        println!("{}", closing_line(&self.heading, word, took, &state.result));
    }

    fn print_failure(&self, error: &anyhow::Error, advice: &str) {
        let text = self.log_text();
        for line in last_lines(&text, SHOWN_LINES) {
            println!("    | {line}");
        }
        println!("  Reason: {error:#}");
        if !text.is_empty() {
            println!("  Whole log: {}", self.log.display());
        }
        println!("  What next: {advice}");
    }
}

/// Returns the last line on a step. Without a duration the step found its work done.
fn closing_line(heading: &str, word: &str, took: Option<Duration>, result: &str) -> String {
    let end = took.map_or("already there".to_owned(), |took| format!("{word}{}", seconds(took)));
    let result = if result.is_empty() { String::new() } else { format!(" ({result})") };
    format!("{heading} {end}{result}")
}

fn report_line(elapsed: Duration, last_line: &str) -> String {
    let shown: String = last_line.chars().take(REPORTED_CHARS).collect();
    format!("      {} s  {shown}", elapsed.as_secs()).trim_end().to_owned()
}

/// Formats a duration in seconds, with tenths below ten.
pub fn seconds(took: Duration) -> String {
    if took < Duration::from_secs(10) {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} s", took.as_secs())
    }
}

/// Returns the log's file name: `03-building-the-cluster-program.log`.
fn log_name(number: usize, title: &str) -> String {
    let words: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("{number:02}-{}.log", words.trim_matches('-'))
}

/// Returns a line without colours and other control sequences, and cargo's progress bar without the bar.
fn plain(line: &str) -> String {
    let line = console::strip_ansi_codes(line).replace('\t', " ").replace(char::is_control, "");
    let line = line.trim();
    let numbers = line.strip_prefix("Building [").and_then(|bar| Some(bar.split_once("] ")?.1));
    numbers.unwrap_or(line).to_owned()
}

/// Returns the last lines of a text.
pub fn last_lines(text: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "[3/9] Building the cluster program …";

    #[test]
    fn a_step_ends_with_its_time_and_its_result() {
        let took = Some(Duration::from_millis(412_300));
        assert_eq!(closing_line(HEADING, "", took, ""), format!("{HEADING} 412 s"));
        assert_eq!(closing_line(HEADING, "", took, "187 MB"), format!("{HEADING} 412 s (187 MB)"));
        assert_eq!(closing_line(HEADING, "FAILED after ", took, ""), format!("{HEADING} FAILED after 412 s"));
        assert_eq!(closing_line(HEADING, "", None, ""), format!("{HEADING} already there"));
    }

    #[test]
    fn short_times_have_a_tenth() {
        assert_eq!(seconds(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(seconds(Duration::from_millis(59_900)), "59 s");
    }

    #[test]
    fn a_report_is_one_line_of_bounded_length() {
        let line = report_line(Duration::from_secs(30), &"x".repeat(500));
        assert_eq!(line.chars().count(), "      30 s  ".len() + REPORTED_CHARS);
        assert_eq!(report_line(Duration::from_secs(30), ""), "      30 s");
    }

    #[test]
    fn colours_vanish_and_cargos_bar_becomes_its_numbers() {
        assert_eq!(plain("\x1b[1m\x1b[32m   Compiling\x1b[0m kube v5.0.0"), "Compiling kube v5.0.0");
        assert_eq!(plain("    Building [====>      ] 120/302: kube, sqlx"), "120/302: kube, sqlx");
        assert_eq!(plain("--- PASS:\tTestX"), "--- PASS: TestX");
    }

    #[test]
    fn a_count_never_exceeds_its_total() {
        let folder = tempfile::tempdir().unwrap();
        let step = Step::begin(3, 9, "Building the cluster program", folder.path());
        step.count_lines_of(1);
        step.say("k8s.io/api");
        assert_eq!(step.state().last_line, "1 of at most 1: k8s.io/api");
        step.say("k8s.io/client-go");
        assert_eq!(step.state().last_line, "2 of at most 2: k8s.io/client-go");
        assert!(step.log().ends_with("03-building-the-cluster-program.log"));
    }

    #[test]
    fn the_last_lines_are_all_lines_of_a_short_text() {
        assert_eq!(last_lines("a\nb\nc\n", 2), ["b", "c"]);
        assert_eq!(last_lines("a", 40), ["a"]);
    }
}
