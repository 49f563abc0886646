//! The lab's set-up scripts: run in order, each whatever became of the one before, with the variables that they set.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use lectern_api::agent::{LEAST_SET_UP_SECS, Reply, ScriptFailure};

use crate::scripts::{OUTPUT_BYTES, ScriptRun, millis, run};
use crate::settings::{Settings, home, script_shell};

/// How much of the end of a failed script's output is kept, in bytes.
const FAILURE_BYTES: usize = 4 * 1024;
/// The maximum number of failed scripts that are reported.
const MOST_FAILURES: usize = 50;

/// How long the scripts may run, in seconds.
#[derive(Clone, Copy)]
pub struct Limits {
    /// All of them together.
    pub all: u32,
    /// Each of them. `None` if only the limit for all of them applies.
    pub each: Option<u32>,
}

impl Limits {
    /// Returns the limit of a script that begins when `left` is left of the time for all.
    fn of_next(self, left: Duration) -> u32 {
        let left = u32::try_from(left.as_secs()).unwrap_or(u32::MAX).max(LEAST_SET_UP_SECS);
        self.each.map_or(left, |each| each.min(left))
    }
}

/// Runs the set-up scripts in order. Lines `X=y` that they append to the file that `WORKSHOP_ENV` names become variables
/// of all shells and scripts that start later.
pub async fn set_up(settings: &Settings, scripts: Vec<String>, limits: Limits) -> Reply {
    let started = Instant::now();
    let deadline = started + Duration::from_secs(u64::from(limits.all));
    let file = match tempfile::NamedTempFile::new() {
        Ok(file) => file,
        Err(error) => {
            return Reply::Failed { message: format!("could not create the file for WORKSHOP_ENV: {error}") };
        }
    };
    let (mut output, mut written, mut failures) = (String::new(), BTreeMap::new(), Vec::new());
    for script in scripts {
        let mut env = settings.env();
        env.insert("WORKSHOP_ENV".to_owned(), file.path().display().to_string());
        let limit = limits.of_next(deadline.saturating_duration_since(Instant::now()));
        let reply = run(ScriptRun {
            program: script_shell(),
            args: vec![script.clone()],
            stdin: String::new(),
            env,
            working_dir: home(),
            timeout_secs: limit,
            leaves_background: true,
        });
        let (failure, printed) = outcome(&script, limit, reply.await);
        let shown = if failure.is_some() { format!("{script}: {printed}\n") } else { printed };
        let room = OUTPUT_BYTES.saturating_sub(output.len());
        output.push_str(&shown[..shown.floor_char_boundary(room)]);
        failures.extend(failure);
        written = read_env(file.path());
        settings.add_set_up_env(written.clone());
    }
    let status = failures.first().map_or(Some(0), |failure: &ScriptFailure| failure.status);
    failures.truncate(MOST_FAILURES);
    let (passed, output) = (failures.is_empty(), output.trim_end().to_owned());
    Reply::Ran { passed, status, output, duration_ms: millis(started), env: written, failures }
}

/// Returns how a script failed, if it did, and what it printed.
fn outcome(script: &str, limit_secs: u32, reply: Reply) -> (Option<ScriptFailure>, String) {
    let failed = |status: Option<i32>, is_late: bool, printed: &str| ScriptFailure {
        script: script.to_owned(),
        status,
        timed_out_secs: is_late.then_some(limit_secs),
        output: end_of(printed).to_owned(),
    };
    match reply {
        Reply::Ran { passed: true, output, .. } => (None, output),
        Reply::Ran { status, output, duration_ms, .. } => {
            let is_late = status.is_none() && duration_ms >= u64::from(limit_secs) * 1000;
            (Some(failed(status, is_late, &output)), output)
        }
        Reply::Failed { message } => (Some(failed(None, false, &message)), message),
        _ => (None, String::new()),
    }
}

/// Returns the last of a long text.
fn end_of(text: &str) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(FAILURE_BYTES))..]
}

fn read_env(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(read_env_line).collect()
}

/// Parses a line `X=y`, with or without `export` in front and a pair of quotes around the value.
fn read_env_line(line: &str) -> Option<(String, String)> {
    let line = line.trim().strip_prefix("export ").unwrap_or(line.trim());
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let unquoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value);
    is_name.then(|| (name.to_owned(), unquoted.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_line_may_be_exported_and_quoted() {
        for (line, value) in [("A=b", "b"), ("export A=b", "b"), (" A=\"b c\" ", "b c"), ("A='b=c'", "b=c")] {
            assert_eq!(read_env_line(line), Some(("A".to_owned(), value.to_owned())), "{line}");
        }
        for line in ["", "# A=b", "1A=b", "A b"] {
            assert_eq!(read_env_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_script_has_its_own_limit_within_that_of_all_and_always_a_few_seconds() {
        let limits = Limits { all: 240, each: Some(180) };
        for (left, limit) in [(240, 180), (60, 60), (2, LEAST_SET_UP_SECS), (0, LEAST_SET_UP_SECS)] {
            assert_eq!(limits.of_next(Duration::from_secs(left)), limit, "{left}");
        }
        assert_eq!(Limits { all: 240, each: None }.of_next(Duration::from_secs(240)), 240);
        assert_eq!(Limits { all: 240, each: Some(1) }.of_next(Duration::ZERO), 1);
    }

    #[test]
    fn of_a_long_output_of_a_failed_script_the_end_is_kept() {
        let printed = format!("{}ä the end", "x".repeat(9000));
        let (failure, _) = outcome("/opt/workshop/setup.d/1.sh", 5, Reply::Failed { message: printed });
        let kept = failure.unwrap().output;
        assert!(kept.ends_with("xä the end") && kept.len() <= FAILURE_BYTES, "{kept}");
    }
}
