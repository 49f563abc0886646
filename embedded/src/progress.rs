//! Reporting the steps of a start or a stop to the caller.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Error;

/// One step of a start or a stop.
#[derive(Debug, Clone)]
pub struct Step {
    /// The name of a part, or a short phrase.
    pub name: String,
    /// Whether the step has begun, succeeded or failed.
    pub state: StepState,
    /// The time since the step began.
    pub elapsed: Duration,
}

/// The state of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// The step has just begun.
    Started,
    /// The step succeeded.
    Done,
    /// The step failed for this reason.
    Failed(String),
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.elapsed.as_secs_f64();
        match &self.state {
            StepState::Started => write!(out, "{} …", self.name),
            StepState::Done => write!(out, "{} done in {secs:.1} s", self.name),
            StepState::Failed(reason) => write!(out, "{} failed after {secs:.1} s: {reason}", self.name),
        }
    }
}

/// Receives the steps as they happen. Cheap to clone.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&Step) + Send + Sync>);

impl Progress {
    /// Passes every step to a function, which is called from several tasks.
    pub fn new(report: impl Fn(&Step) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// Ignores all steps.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    pub(crate) async fn step<T>(
        &self,
        name: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let began = Instant::now();
        let report = |state| (self.0)(&Step { name: name.to_owned(), state, elapsed: began.elapsed() });
        report(StepState::Started);
        let outcome = work.await;
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match &outcome {
            Ok(_) => {
                tracing::info!(step.name = name, step.elapsed_ms = elapsed_ms, "step done");
                report(StepState::Done);
            }
            Err(error) => report(StepState::Failed(error.to_string())),
        }
        outcome
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Progress")
    }
}
