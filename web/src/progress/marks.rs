//! Which pages were viewed, which actions ran and which checks passed. Pure.

use std::collections::BTreeMap;

use lectern_api::progress::{Happening, SessionProgress};

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
    actions: Vec<u32>,
    /// Each check's name, the number of its block, and whether it passed. Earlier releases recorded no block. These are
    /// few: a map of them would only make the app larger.
    checks: Vec<(String, Option<u32>, bool)>,
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
                let name = check.name.as_str();
                if !marks.checks.iter().any(|(own, block, _)| own == name && *block == check.block) {
                    marks.checks.push((name.to_owned(), check.block, check.passed));
                }
            }
        }
    }

    /// Adds what happened on a page.
    pub fn add(&mut self, page: &str, what: &Happening) {
        match what {
            Happening::PageViewed => self.page(page).viewed = true,
            Happening::ActionRun { action } => {
                self.page(page).actions.push(*action);
            }
            Happening::LabFinished => self.finished = true,
        }
    }

    /// Adds the result of the check of one block.
    pub fn check(&mut self, page: &str, name: &str, block: u32, passed: bool) {
        let checks = &mut self.page(page).checks;
        checks.retain(|(own, at, _)| own != name || at.is_some_and(|at| at != block));
        checks.push((name.to_owned(), Some(block), passed));
    }

    fn page(&mut self, page: &str) -> &mut PageMarks {
        self.pages.entry(page.to_owned()).or_default()
    }

    #[must_use]
    pub fn is_viewed(&self, page: &str) -> bool {
        self.pages.get(page).is_some_and(|marks| marks.viewed)
    }

    #[must_use]
    pub fn is_run(&self, page: &str, action: u32) -> bool {
        self.pages.get(page).is_some_and(|marks| marks.actions.contains(&action))
    }

    /// Returns the last result of the check of one block; `None` if it did not run.
    #[must_use]
    pub fn result(&self, page: &str, check: &str, block: u32) -> Option<bool> {
        let checks = &self.pages.get(page)?.checks;
        let of = |block| {
            checks.iter().find(|(own, at, _)| own == check && *at == block).map(|(.., passed)| *passed)
        };
        of(Some(block)).or_else(|| of(None))
    }

    /// Returns whether all checks of the page that ran passed; `None` if none ran.
    #[must_use]
    pub fn all_passed(&self, page: &str) -> Option<bool> {
        let checks = &self.pages.get(page)?.checks;
        (!checks.is_empty()).then(|| checks.iter().all(|(.., passed)| *passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_here_outlives_what_the_server_knew() {
        let mut marks = Marks::default();
        marks.check("p", "c", 2, true);
        marks.add("p", &Happening::ActionRun { action: 4 });
        let known = serde_json::from_value(serde_json::json!({
            "current_page": "p", "finished": false,
            "pages": [{"page": "p", "viewed_at": "2026-01-01T00:00:00Z", "actions_run": [1],
                "checks": [{"name": "c", "block": 2, "passed": false, "runs": 1, "at": "2026-01-01T00:00:00Z"}]}]
        }))
        .unwrap();
        marks.merge(&known);
        assert_eq!(marks.result("p", "c", 2), Some(true));
        assert!(marks.is_run("p", 1) && marks.is_run("p", 4) && marks.is_viewed("p"));
        assert!(!marks.is_run("q", 1) && !marks.is_viewed("q"));
    }

    #[test]
    fn a_page_is_passed_only_when_every_check_that_ran_passed() {
        let mut marks = Marks::default();
        assert_eq!(marks.all_passed("p"), None);
        marks.check("p", "a", 0, true);
        assert_eq!(marks.all_passed("p"), Some(true));
        marks.check("p", "b", 1, false);
        assert_eq!(marks.all_passed("p"), Some(false));
    }

    #[test]
    fn two_blocks_with_one_check_have_a_result_each() {
        let mut marks = Marks::default();
        marks.check("p", "is", 3, true);
        assert_eq!((marks.result("p", "is", 3), marks.result("p", "is", 5)), (Some(true), None));
        marks.check("p", "is", 5, false);
        assert_eq!((marks.result("p", "is", 3), marks.result("p", "is", 5)), (Some(true), Some(false)));
        assert_eq!(marks.all_passed("p"), Some(false));
    }

    #[test]
    fn a_result_of_an_earlier_release_counts_for_every_block_until_one_is_run() {
        let known = serde_json::from_value(serde_json::json!({
            "current_page": "p", "finished": false,
            "pages": [{"page": "p", "viewed_at": null, "actions_run": [],
                "checks": [{"name": "is", "passed": false, "runs": 1, "at": "2026-01-01T00:00:00Z"}]}]
        }))
        .unwrap();
        let mut marks = Marks::default();
        marks.merge(&known);
        assert_eq!((marks.result("p", "is", 3), marks.result("p", "is", 5)), (Some(false), Some(false)));
        marks.check("p", "is", 3, true);
        assert_eq!((marks.result("p", "is", 3), marks.result("p", "is", 5)), (Some(true), None));
        assert_eq!(marks.all_passed("p"), Some(true));
    }
}
