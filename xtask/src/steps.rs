//! The steps of a run: gathered first, so that each shows its place among all, then done in order.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::context::Context;
use crate::interrupt;
use crate::state::State;
use crate::step::{Printed, Step};

/// What a step's failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Makes results in the cache, under its lock. A failure ends the run.
    Build,
    /// Starts what later steps need. A failure ends the run.
    Start,
    /// Finds out whether something holds. A failure is counted, and the run goes on.
    Check,
}

type Work<'a> = Box<dyn FnOnce(&mut State, &Step) -> Result<()> + 'a>;

struct Planned<'a> {
    kind: Kind,
    title: &'a str,
    advice: &'a str,
    work: Work<'a>,
}

/// The steps of one run.
pub struct Steps<'a> {
    context: &'a Context,
    logs: PathBuf,
    planned: Vec<Planned<'a>>,
}

impl<'a> Steps<'a> {
    /// Begins a list of steps for `command`, which names the folder of their logs.
    pub fn new(context: &'a Context, command: &str) -> Result<Self> {
        Ok(Self { context, logs: context.cache.new_log_folder(command)?, planned: Vec::new() })
    }

    /// Returns the folder with one log per step.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// Adds a step that makes results in the cache. Its failure ends the run, with `advice` on what to do.
    pub fn build(
        &mut self,
        title: &'a str,
        advice: &'a str,
        work: impl FnOnce(&mut State, &Step) -> Result<()> + 'a,
    ) {
        self.planned.push(Planned { kind: Kind::Build, title, advice, work: Box::new(work) });
    }

    /// Adds a step that starts what later ones need. Its failure ends the run.
    pub fn start(
        &mut self,
        title: &'a str,
        advice: &'a str,
        work: impl FnOnce(&mut State, &Step) -> Result<()> + 'a,
    ) {
        self.planned.push(Planned { kind: Kind::Start, title, advice, work: Box::new(work) });
    }

    /// Adds a step whose failure is counted, while the run goes on.
    pub fn check(
        &mut self,
        title: &'a str,
        advice: &'a str,
        work: impl FnOnce(&mut State, &Step) -> Result<()> + 'a,
    ) {
        self.planned.push(Planned { kind: Kind::Check, title, advice, work: Box::new(work) });
    }

    /// Does the steps in order. Failed checks are counted in the state's tally, and so is the failure that ended the run.
    ///
    /// # Errors
    ///
    /// Fails with [`Printed`] if a step failed that is not a check, and with `Interrupted` after a signal.
    pub fn run(self, state: &mut State) -> Result<()> {
        let total = self.planned.len();
        let mut lock = None;
        for (index, planned) in self.planned.into_iter().enumerate() {
            interrupt::check()?;
            if planned.kind != Kind::Build {
                lock = None;
            } else if lock.is_none() {
                lock = Some(self.context.cache.lock()?);
            }
            let step = Step::begin(index + 1, total, planned.title, &self.logs);
            let outcome = step.perform(planned.advice, |step| (planned.work)(state, step));
            let failed = outcome.as_ref().is_err_and(|error| error.is::<Printed>());
            state.tally.failed += u32::from(failed);
            if !failed || planned.kind != Kind::Check {
                outcome?;
            }
        }
        Ok(())
    }
}
