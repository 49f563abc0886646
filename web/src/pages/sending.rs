//! One thing that somebody asked for, from the press of a button to its answer.

use std::future::Future;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::ApiError;
use crate::browser::{focus_first_invalid, sleep};

/// Whether it is on its way, and what was wrong with the last try. Copies share their state.
#[derive(Clone, Copy)]
pub struct Sending {
    /// Whether there is no answer yet.
    pub busy: RwSignal<bool>,
    /// Why the last try failed.
    pub error: RwSignal<Option<ApiError>>,
}

impl Sending {
    /// Nothing is on its way.
    #[must_use]
    pub fn new() -> Self {
        Self { busy: RwSignal::new(false), error: RwSignal::new(None) }
    }

    /// Sends unless something is on its way already. After a failure the keyboard is at the field that it is about.
    pub fn send<T: 'static>(
        self,
        call: impl Future<Output = Result<T, ApiError>> + 'static,
        done: impl FnOnce(T) + 'static,
    ) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.error.set(None);
        spawn_local(async move {
            let outcome = call.await;
            if self.busy.try_set(false).is_some() {
                // the page is gone meanwhile
                return;
            }
            match outcome {
                Ok(answer) => done(answer),
                Err(failure) => {
                    self.error.set(Some(failure));
                    // the page shows the mistake first
                    sleep(Duration::ZERO).await;
                    focus_first_invalid();
                }
            }
        });
    }

    /// What is wrong with one field.
    #[must_use]
    pub fn about(self, field: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || self.error.get().and_then(|error| error.about_field(field)))
    }

    /// What is wrong, unless it is shown at one of these fields.
    #[must_use]
    pub fn beside(self, fields: &'static [&'static str]) -> Signal<Option<ApiError>> {
        Signal::derive(move || {
            self.error.get().filter(|error| fields.iter().all(|field| error.about_field(field).is_none()))
        })
    }
}
