//! Which pages were viewed, which actions ran and which checks passed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use lectern_api::progress::SessionProgress;

/// The marks that the workspace shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    pages: BTreeMap<String, PageMarks>,
    /// Whether the learner finished the lab.
    pub finished: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct PageMarks {
    viewed: bool,
    actions: BTreeSet<u32>,
    checks: BTreeMap<String, bool>,
}

impl Marks {
    /// Adds what the server knows. Where both know a check's result, the one here is newer.
    pub fn merge(&mut self, known: &SessionProgress) {
        self.finished |= known.finished;
        for page in &known.pages {
            let marks = self.pages.entry(page.page.to_string()).or_default();
            marks.viewed |= page.viewed_at.is_some();
            marks.actions.extend(&page.actions_run);
            for check in &page.checks {
                marks.checks.entry(check.name.to_string()).or_insert(check.passed);
            }
        }
    }

    pub fn view(&mut self, page: &str) {
        self.pages.entry(page.to_owned()).or_default().viewed = true;
    }

    pub fn run(&mut self, page: &str, action: u32) {
        self.pages.entry(page.to_owned()).or_default().actions.insert(action);
    }

    pub fn check(&mut self, page: &str, name: &str, passed: bool) {
        self.pages.entry(page.to_owned()).or_default().checks.insert(name.to_owned(), passed);
    }

    #[must_use]
    pub fn is_viewed(&self, page: &str) -> bool {
        self.pages.get(page).is_some_and(|marks| marks.viewed)
    }

    #[must_use]
    pub fn is_run(&self, page: &str, action: u32) -> bool {
        self.pages.get(page).is_some_and(|marks| marks.actions.contains(&action))
    }

    /// Returns the last result of a check; `None` if it did not run.
    #[must_use]
    pub fn result(&self, page: &str, check: &str) -> Option<bool> {
        self.pages.get(page)?.checks.get(check).copied()
    }

    /// Returns whether all checks of the page that ran passed; `None` if none ran.
    #[must_use]
    pub fn all_passed(&self, page: &str) -> Option<bool> {
        let checks = &self.pages.get(page)?.checks;
        (!checks.is_empty()).then(|| checks.values().all(|passed| *passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_here_outlives_what_the_server_knew() {
        let mut marks = Marks::default();
        marks.check("p", "c", true);
        marks.run("p", 4);
        let known = serde_json::from_value(serde_json::json!({
            "current_page": "p", "finished": false,
            "pages": [{"page": "p", "viewed_at": "2026-01-01T00:00:00Z", "actions_run": [1],
                "checks": [{"name": "c", "passed": false, "runs": 1, "at": "2026-01-01T00:00:00Z"}]}]
        }))
        .unwrap();
        marks.merge(&known);
        assert_eq!(marks.result("p", "c"), Some(true));
        assert!(marks.is_run("p", 1) && marks.is_run("p", 4) && marks.is_viewed("p"));
        assert!(!marks.is_run("q", 1) && !marks.is_viewed("q"));
    }

    #[test]
    fn a_page_is_passed_only_when_every_check_that_ran_passed() {
        let mut marks = Marks::default();
        assert_eq!(marks.all_passed("p"), None);
        marks.check("p", "a", true);
        assert_eq!(marks.all_passed("p"), Some(true));
        marks.check("p", "b", false);
        assert_eq!(marks.all_passed("p"), Some(false));
    }
}
