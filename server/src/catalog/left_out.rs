//! Objects of labs that the cluster refused although the operator's allowances did not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use lectern_api::ids::LabSlug;
use lectern_api::labs::LabProblem;
use lectern_content::Lab;

/// The most that is kept of one lab.
const MOST: usize = 20;

/// By lab, as it was when they were refused.
#[derive(Default)]
pub(super) struct LeftOut(Mutex<HashMap<LabSlug, (Weak<Lab>, Vec<LabProblem>)>>);

impl LeftOut {
    pub(super) fn note(&self, lab: &Arc<Lab>, problems: Vec<LabProblem>) {
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
