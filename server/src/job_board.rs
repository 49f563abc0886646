//! When each background job last succeeded, for whoever asks how this server is.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The jobs in the order in which they started, each with its last success. Clones share it.
#[derive(Clone, Default)]
pub struct JobBoard(Arc<Mutex<Vec<Row>>>);

/// A job's name, and its last success.
type Row = (&'static str, Option<Instant>);

impl JobBoard {
    /// Adds a job, and returns that with which it reports its successes.
    #[must_use]
    pub fn add(&self, job: &'static str) -> Beat {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.push((job, None));
        Beat { job, number: jobs.len() - 1, board: self.clone() }
    }

    /// One line per job: its name, and how long ago it last succeeded.
    #[must_use]
    pub fn report(&self) -> String {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().fold(String::new(), |mut lines, (job, at)| {
            // writing to a string cannot fail
            let _ = match at {
                Some(at) => writeln!(lines, "job {job}: {} s ago", at.elapsed().as_secs()),
                None => writeln!(lines, "job {job}: not yet"),
            };
            lines
        })
    }
}

/// With which a job reports that it succeeded.
#[derive(Clone)]
pub struct Beat {
    /// The job's name.
    pub job: &'static str,
    number: usize,
    board: JobBoard,
}

impl Beat {
    /// Records a success.
    pub fn success(&self) {
        let mut jobs = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, at)) = jobs.get_mut(self.number) {
            *at = Some(Instant::now());
        }
    }
}
