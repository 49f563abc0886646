//! The words and lines in which a run is shown: pure, so that they can be tested.

use std::fmt::Write as _;
use std::time::Duration;

/// Goes to the start of the terminal's line and empties it.
pub const CLEAR_LINE: &str = "\r\x1b[K";
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const REPORTED_CHARS: usize = 120;

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As wished.
    Done,
    /// With an error.
    Failed,
    /// On a signal.
    Interrupted,
}

/// `[3/9] Building the cluster program …`
pub fn heading(number: usize, total: usize, title: &str) -> String {
    format!("[{number}/{total}] {title} …")
}

/// What is written over itself on a terminal.
pub fn moving_line(heading: &str, elapsed: Duration, last_line: &str) -> String {
    let frame = SPINNER[(elapsed.as_millis() / 200) as usize % SPINNER.len()];
    let seconds = elapsed.as_secs();
    // the terminal cuts what does not fit
    format!("{NO_WRAP}{CLEAR_LINE}{frame} {heading} {seconds} s  {last_line}{WRAP}")
}

/// What is written now and then where there is no terminal.
pub fn report_line(elapsed: Duration, last_line: &str) -> String {
    let shown: String = last_line.chars().take(REPORTED_CHARS).collect();
    format!("      {} s  {shown}", elapsed.as_secs()).trim_end().to_owned()
}

/// The last word on a step. Without a duration the step found its work done.
pub fn closing_line(heading: &str, outcome: &Outcome, took: Option<Duration>, result: &str) -> String {
    let mut line = heading.to_owned();
    let _ = match (outcome, took) {
        (Outcome::Done, None) => write!(line, " already there"),
        (Outcome::Done, Some(took)) => write!(line, " {}", seconds(took)),
        (Outcome::Failed, took) => write!(line, " FAILED after {}", seconds(took.unwrap_or_default())),
        (Outcome::Interrupted, took) => {
            write!(line, " interrupted after {}", seconds(took.unwrap_or_default()))
        }
    };
    if !result.is_empty() {
        let _ = write!(line, " ({result})");
    }
    line
}

/// A duration in seconds; a tenth counts below ten.
pub fn seconds(took: Duration) -> String {
    if took < Duration::from_secs(10) {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} s", took.as_secs())
    }
}

/// The log's file name: `03-building-the-cluster-program.log`.
pub fn log_name(number: usize, title: &str) -> String {
    let words: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("{number:02}-{}.log", words.trim_matches('-'))
}

/// A line without colours and other control sequences, and cargo's progress bar without the bar.
pub fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => {
                if chars.next() == Some('[') {
                    chars.by_ref().find(|c| c.is_ascii_alphabetic());
                }
            }
            '\t' => text.push(' '),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    let text = text.trim();
    let Some(bar) = text.strip_prefix("Building [") else { return text.to_owned() };
    bar.split_once("] ").map_or(text, |(_, rest)| rest).to_owned()
}

/// A line of a program that names each thing it does, out of a number that it may not need to do all.
pub fn counted(done: usize, total: usize, line: &str) -> String {
    format!("{done} of at most {}: {line}", total.max(done))
}

/// The last lines of a text.
pub fn last_lines(text: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "[3/9] Building the cluster program …";

    #[test]
    fn a_step_tells_its_place_its_name_and_its_time() {
        assert_eq!(heading(3, 9, "Building the cluster program"), HEADING);
        let took = Some(Duration::from_millis(412_300));
        assert_eq!(closing_line(HEADING, &Outcome::Done, took, ""), format!("{HEADING} 412 s"));
        assert_eq!(
            closing_line(HEADING, &Outcome::Done, took, "187 MB"),
            format!("{HEADING} 412 s (187 MB)")
        );
        assert_eq!(
            closing_line(HEADING, &Outcome::Failed, took, ""),
            format!("{HEADING} FAILED after 412 s")
        );
    }

    #[test]
    fn a_step_that_found_its_work_done_says_so() {
        assert_eq!(closing_line(HEADING, &Outcome::Done, None, ""), format!("{HEADING} already there"));
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
    fn a_moving_line_is_cut_by_the_terminal_and_leaves_wrapping_on() {
        let line = moving_line(HEADING, Duration::from_secs(3), "Compiling kube");
        assert!(line.contains(&format!("{HEADING} 3 s  Compiling kube")), "{line:?}");
        assert!(line.ends_with(WRAP), "{line:?}");
    }

    #[test]
    fn colours_vanish_and_cargos_bar_becomes_its_numbers() {
        assert_eq!(plain("\x1b[1m\x1b[32m   Compiling\x1b[0m kube v5.0.0"), "Compiling kube v5.0.0");
        assert_eq!(plain("    Building [====>      ] 120/302: kube, sqlx"), "120/302: kube, sqlx");
        assert_eq!(plain("--- PASS:\tTestX"), "--- PASS: TestX");
    }

    #[test]
    fn a_count_never_exceeds_its_total() {
        assert_eq!(counted(3, 1500, "k8s.io/api"), "3 of at most 1500: k8s.io/api");
        assert_eq!(counted(7, 5, "x"), "7 of at most 7: x");
    }

    #[test]
    fn logs_sort_by_the_steps_numbers() {
        assert_eq!(log_name(3, "Building the cluster program"), "03-building-the-cluster-program.log");
    }

    #[test]
    fn the_last_lines_are_all_lines_of_a_short_text() {
        assert_eq!(last_lines("a\nb\nc\n", 2), ["b", "c"]);
        assert_eq!(last_lines("a", 40), ["a"]);
    }
}
