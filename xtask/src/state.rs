//! What earlier steps of a run leave for later ones.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use lectern_testbed::Platform;

use crate::tally::Tally;
use crate::wasm::Compiler;

/// What the steps of one run have made, started and counted so far.
#[derive(Default)]
pub struct State {
    /// A rustc that knows the browser's target.
    pub compiler: Option<Compiler>,
    pub bindgen: Option<PathBuf>,
    pub kubectl: Option<PathBuf>,
    pub agent: Option<PathBuf>,
    pub trials: Option<PathBuf>,
    /// The folder of Kubernetes' end-to-end suite.
    pub suite: Option<PathBuf>,
    /// The storage tree of that suite's images.
    pub suite_images: Option<PathBuf>,
    pub platform: Option<Platform>,
    pub tally: Tally,
}

impl State {
    /// Stops the platform, if there is one.
    pub fn stop_platform(&mut self) -> Result<()> {
        self.platform.take().map_or(Ok(()), Platform::stop)
    }

    /// Returns the environment in which tests find the platform; empty if they use external services.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.platform.as_ref().map(Platform::environment).unwrap_or_default()
    }
}

/// Returns what an earlier step must have made.
pub fn earlier<T>(made: &Option<T>) -> Result<&T> {
    made.as_ref().context("a step that this one needs is missing from the plan")
}
