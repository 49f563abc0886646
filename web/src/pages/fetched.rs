//! Reading something from the server: the one way that pages do it.

use std::future::Future;

use futures::future::LocalBoxFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::not_found::NotFound;
use crate::api::ApiError;
use crate::components::frame::{ErrorNote, Loading};

/// Something that is read from the server. Copies share their state.
pub struct Fetched<T: 'static> {
    /// What came last; a failed reload keeps it.
    pub value: RwSignal<Option<T>>,
    /// Whether it is here, for [`FetchStatus`].
    pub state: FetchState,
}

impl<T: 'static> Clone for Fetched<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for Fetched<T> {}

impl<T: 'static> Fetched<T> {
    /// Reads it again. What is shown stays until the answer arrives.
    pub fn reload(self) {
        self.state.reload.run(());
    }
}

/// Whether something is still being read, or could not be.
#[derive(Clone, Copy)]
pub struct FetchState {
    is_empty: RwSignal<bool>,
    error: RwSignal<Option<ApiError>>,
    reload: Callback<()>,
}

/// Makes a call now, and again on each reload.
pub fn use_fetched<T, F>(call: impl Fn() -> F + Send + Sync + 'static) -> Fetched<T>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<T, ApiError>> + 'static,
{
    let value = RwSignal::new(None);
    let (is_empty, error) = (RwSignal::new(true), RwSignal::new(None));
    let reload = Callback::new(move |()| {
        let answer = call();
        spawn_local(finish(
            is_empty,
            error,
            Box::pin(async move {
                // the signals are gone if the page is
                value.try_set(Some(answer.await?));
                Ok(())
            }),
        ));
    });
    reload.run(());
    Fetched { value, state: FetchState { is_empty, error, reload } }
}

/// What happens after every call; without type parameters, because each set of types would add a copy to the app.
async fn finish(
    is_empty: RwSignal<bool>,
    error: RwSignal<Option<ApiError>>,
    outcome: LocalBoxFuture<'static, Result<(), ApiError>>,
) {
    match outcome.await {
        Ok(()) => {
            is_empty.try_set(false);
            error.try_set(None);
        }
        Err(failure) => {
            error.try_set(Some(failure));
        }
    }
}

/// Shows what was read, and until then that it is being read, or why it could not be.
#[component]
pub fn WhenFetched<T, V, C>(
    data: Fetched<T>,
    /// What to say until it is here.
    waiting: &'static str,
    /// Whether this is all that the page shows, so that a 404 is that of the page.
    #[prop(optional)]
    whole_page: bool,
    children: C,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
    V: IntoView + 'static,
    C: Fn(T) -> V + Send + 'static,
{
    view! {
        <FetchStatus state=data.state waiting=waiting whole_page=whole_page/>
        {move || data.value.get().map(|value| children(value).into_any())}
    }
}

/// Shows that something is being read, or why it could not be, with a button to try again.
#[component]
pub fn FetchStatus(
    state: FetchState,
    waiting: &'static str,
    #[prop(optional)] whole_page: bool,
) -> impl IntoView {
    move || match (state.error.get(), state.is_empty.get()) {
        (Some(error), true) if whole_page && error.status() == Some(404) => view! { <NotFound/> }.into_any(),
        (Some(error), _) => view! { <ErrorNote error=error on_retry=state.reload/> }.into_any(),
        (None, true) => view! { <Loading text=waiting/> }.into_any(),
        (None, false) => ().into_any(),
    }
}
