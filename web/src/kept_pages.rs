//! The pages that were fetched in this workspace: they can be read without a connection, and turn at once.

use std::sync::Arc;

use lectern_api::page::RenderedPage;
use leptos::prelude::*;

/// A page as it was fetched.
#[derive(Clone)]
pub struct KeptPage {
    pub page: Arc<RenderedPage>,
    /// The server's answer, from which the tools read their actions: code that writes each action would make the app larger.
    pub json: Arc<str>,
    /// When it was fetched, in milliseconds since 1970.
    pub at_ms: f64,
}

/// The pages of one workspace. Copies share them.
#[derive(Clone, Copy)]
pub struct KeptPages(StoredValue<Vec<KeptPage>>);

impl KeptPages {
    #[must_use]
    pub fn new() -> Self {
        Self(StoredValue::new(Vec::new()))
    }

    #[must_use]
    pub fn find(self, name: &str) -> Option<KeptPage> {
        self.0.try_with_value(|pages| pages.iter().find(|kept| kept.page.name == name).cloned()).flatten()
    }

    /// Keeps a page in place of an earlier version of it.
    pub fn keep(self, page: KeptPage) {
        self.0.try_update_value(|pages| {
            pages.retain(|other| other.page.name != page.page.name);
            pages.push(page);
        });
    }
}
