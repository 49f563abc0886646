//! Sending something to the server: the one way that forms and buttons do it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::LocalBoxFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::SubmitEvent;

use crate::api::ApiError;
use crate::browser::{focus_first_invalid, sleep};

/// A call that a form or a button makes. Copies share their state.
pub struct Submission<I: 'static = ()> {
    /// Whether the call is under way.
    pub busy: RwSignal<bool>,
    /// Why the last call failed; cleared by the next one.
    pub error: RwSignal<Option<ApiError>>,
    /// Makes the call, unless one is under way.
    pub send: Callback<I>,
}

impl<I: 'static> Clone for Submission<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: 'static> Copy for Submission<I> {}

/// Returns a submission that makes `call` with whatever is sent, then runs `done` with the answer.
///
/// `done` does not run if the page is gone by then. After a failure, the field that it is about gets the focus.
pub fn use_submission<I, T, F>(
    call: impl Fn(I) -> F + Send + Sync + 'static,
    done: impl Fn(T) + Send + Sync + 'static,
) -> Submission<I>
where
    I: 'static,
    T: 'static,
    F: Future<Output = Result<T, ApiError>> + 'static,
{
    use_submission_reporting_to(RwSignal::new(None), call, done)
}

/// Like [`use_submission`], for several submissions that show their failures in one place.
pub fn use_submission_reporting_to<I, T, F>(
    error: RwSignal<Option<ApiError>>,
    call: impl Fn(I) -> F + Send + Sync + 'static,
    done: impl Fn(T) + Send + Sync + 'static,
) -> Submission<I>
where
    I: 'static,
    T: 'static,
    F: Future<Output = Result<T, ApiError>> + 'static,
{
    let busy = RwSignal::new(false);
    let done = Arc::new(done);
    let send = Callback::new(move |input| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let (answer, done) = (call(input), done.clone());
        spawn_local(finish(
            busy,
            error,
            Box::pin(async move {
                let answer = answer.await?;
                Ok(Box::new(move || done(answer)) as Done)
            }),
        ));
    });
    Submission { busy, error, send }
}

type Done = Box<dyn FnOnce()>;

/// What happens after every call; without type parameters, because each set of types would add a copy to the app.
async fn finish(
    busy: RwSignal<bool>,
    error: RwSignal<Option<ApiError>>,
    outcome: LocalBoxFuture<'static, Result<Done, ApiError>>,
) {
    let outcome = outcome.await;
    if busy.try_set(false).is_some() {
        // the page is gone
        return;
    }
    match outcome {
        Ok(done) => done(),
        Err(failure) => {
            error.try_set(Some(failure));
            // the field is marked as invalid once the page has been redrawn
            sleep(Duration::ZERO).await;
            focus_first_invalid();
        }
    }
}

impl<I: 'static> Submission<I> {
    /// Returns what is wrong with one field.
    #[must_use]
    pub fn about(self, field: &'static str) -> Signal<Option<String>> {
        Signal::derive(move || self.error.get().and_then(|error| error.about_field(field)))
    }

    /// Returns what is wrong, unless one of these fields shows it.
    #[must_use]
    pub fn beside(self, fields: &'static [&'static str]) -> Signal<Option<ApiError>> {
        Signal::derive(move || {
            self.error.get().filter(|error| fields.iter().all(|field| error.about_field(field).is_none()))
        })
    }
}

impl Submission {
    /// Returns the handler of a form's `submit` event.
    pub fn on_submit(self) -> impl Fn(SubmitEvent) + 'static {
        move |event| {
            event.prevent_default();
            self.send.run(());
        }
    }
}
