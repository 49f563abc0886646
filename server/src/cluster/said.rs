//! What comes from workbenches on standard error: it helps whoever looks for a fault, but it is their learners' to
//! write. So little of it is kept, at debug level, and however much one of them says, the others' words stay.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long words are counted.
const PERIOD: Duration = Duration::from_secs(60);
/// How many times a workbench may be quoted in that time.
const QUOTES: u32 = 10;
/// How much of what it says is quoted each time, in bytes.
const QUOTE_BYTES: usize = 512;

/// How much each workbench has said lately.
#[derive(Default)]
pub(super) struct Said {
    lately: Mutex<HashMap<String, (Instant, u32)>>,
}

impl Said {
    /// Notes words of a workbench in the log, unless it has said enough.
    pub(super) fn note(&self, workbench: &str, words: &[u8]) {
        if let Some(words) = self.quote(workbench, words, Instant::now()) {
            tracing::debug!(k8s.pod = workbench, text = words.trim_end(), "the agent says");
        }
    }

    fn quote(&self, workbench: &str, words: &[u8], now: Instant) -> Option<String> {
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.retain(|_, (since, _)| now.saturating_duration_since(*since) < PERIOD);
        let (_, quotes) = lately.entry(workbench.to_owned()).or_insert((now, 0));
        *quotes = quotes.saturating_add(1);
        (*quotes <= QUOTES && !words.is_empty())
            .then(|| String::from_utf8_lossy(&words[..words.len().min(QUOTE_BYTES)]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workbench_that_talks_without_end_fills_no_log_and_silences_no_other() {
        let (said, start) = (Said::default(), Instant::now());
        let flood = vec![b'x'; 100_000];
        let quoted: usize =
            (0..10_000).filter_map(|_| said.quote("loud", &flood, start)).map(|words| words.len()).sum();
        assert_eq!(quoted, QUOTES as usize * QUOTE_BYTES);
        assert_eq!(said.quote("quiet", b"help", start).as_deref(), Some("help"));
        assert_eq!(said.quote("loud", b"again", start + PERIOD).as_deref(), Some("again"));
    }
}
