//! What went wrong with labs in their sessions: objects that the cluster refused, set-up scripts that failed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use lectern_api::ids::LabSlug;
use lectern_api::labs::LabProblem;
use lectern_content::Lab;

/// The maximum number of problems that are kept for a lab.
const MOST: usize = 20;

/// The problems, by lab. They belong to the version of the lab that was loaded when they were found.
#[derive(Default)]
pub(super) struct SessionProblems(Mutex<HashMap<LabSlug, OfLab>>);

/// The problems, with the lab as it was loaded when they were found.
type OfLab = (Weak<Lab>, Vec<LabProblem>);

impl SessionProblems {
    pub(super) fn record(&self, lab: &Arc<Lab>, problems: Vec<LabProblem>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let present = Arc::downgrade(lab);
        let entry = known.entry(lab.slug.clone()).or_insert_with(|| (present.clone(), Vec::new()));
        if !entry.0.ptr_eq(&present) {
            *entry = (present, Vec::new());
        }
        for problem in problems {
            if entry.1.len() < MOST && !entry.1.contains(&problem) {
                entry.1.push(problem);
            }
        }
    }

    pub(super) fn of(&self, lab: &Arc<Lab>) -> Vec<LabProblem> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(&lab.slug).filter(|(of, _)| of.ptr_eq(&Arc::downgrade(lab)));
        found.map(|(_, problems)| problems.clone()).unwrap_or_default()
    }
}
