//! Logging what workbenches write to standard error. It helps to find faults, but learners control it. So little of
//! it is logged, at debug level, and a workbench that writes a lot does not silence the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The period over which lines are counted.
const PERIOD: Duration = Duration::from_secs(60);
/// Limit on the lines logged for one workbench in a period.
const MAX_LINES: u32 = 10;
/// Limit on one line, in bytes.
const MAX_LINE_BYTES: usize = 512;

/// Counts the lines of each workbench in the current period.
#[derive(Default)]
pub(super) struct AgentLog {
    recent: Mutex<HashMap<String, (Instant, u32)>>,
}

impl AgentLog {
    /// Logs output of a workbench, unless it has reached its limit.
    pub(super) fn write(&self, workbench: &str, output: &[u8]) {
        if let Some(text) = self.line(workbench, output, Instant::now()) {
            tracing::debug!(k8s.pod = workbench, text = text.trim_end(), "output of the agent");
        }
    }

    fn line(&self, workbench: &str, output: &[u8], now: Instant) -> Option<String> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, (since, _)| now.saturating_duration_since(*since) < PERIOD);
        let (_, lines) = recent.entry(workbench.to_owned()).or_insert((now, 0));
        *lines = lines.saturating_add(1);
        (*lines <= MAX_LINES && !output.is_empty())
            .then(|| String::from_utf8_lossy(&output[..output.len().min(MAX_LINE_BYTES)]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workbench_that_talks_without_end_fills_no_log_and_silences_no_other() {
        let (log, start) = (AgentLog::default(), Instant::now());
        let flood = vec![b'x'; 100_000];
        let logged: usize =
            (0..10_000).filter_map(|_| log.line("loud", &flood, start)).map(|text| text.len()).sum();
        assert_eq!(logged, MAX_LINES as usize * MAX_LINE_BYTES);
        assert_eq!(log.line("quiet", b"help", start).as_deref(), Some("help"));
        assert_eq!(log.line("loud", b"again", start + PERIOD).as_deref(), Some("again"));
    }
}
