//! Parts of forms.

use leptos::prelude::*;

use crate::api::ApiError;
use crate::browser;
use crate::clock::{now, wait_in_words};

/// A labelled field of text.
#[component]
pub fn Field(
    /// The label.
    #[prop(into)]
    label: String,
    /// The id of the input, and what tests call it.
    id: &'static str,
    /// What is typed.
    value: RwSignal<String>,
    /// The input's type.
    #[prop(default = "text")]
    kind: &'static str,
    /// What the browser may fill in.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// A rule or an explanation.
    #[prop(into, optional)]
    hint: String,
    /// What is wrong with it.
    #[prop(into, default = Signal::stored(None))]
    error: Signal<Option<String>>,
    /// Whether it may stay empty.
    #[prop(optional)]
    optional: bool,
) -> impl IntoView {
    let about = format!("{id}-about");
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                id=id
                name=id
                type=kind
                data-testid=id
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                required=!optional
                aria-describedby=about.clone()
                aria-invalid=move || error.get().is_some().then_some("true")
                bind:value=value
            />
            <p id=about class="hint" class:bad=move || error.get().is_some()>
                {move || error.get().unwrap_or_else(|| hint.clone())}
            </p>
        </div>
    }
}

/// What was wrong with a form as a whole.
#[component]
pub fn FormError(
    /// The error, if there was one.
    #[prop(into)]
    error: Signal<Option<ApiError>>,
) -> impl IntoView {
    view! {
        <div role="alert" data-testid="form-error">
            {move || error.get().map(|error| view! {
                <div class="note error"><p>{error.detail()}</p><RetryIn error=error/></div>
            })}
        </div>
    }
}

/// When it is worth trying again, counted down, where the server said that.
#[component]
pub fn RetryIn(
    /// What went wrong.
    error: ApiError,
) -> impl IntoView {
    error.retry_at().map(|at| {
        let left = RwSignal::new((at - now()).num_seconds().max(1));
        leptos::task::spawn_local(async move {
            while left.try_get_untracked().is_some_and(|secs| secs > 0) {
                browser::sleep(std::time::Duration::from_secs(1)).await;
                left.try_set((at - now()).num_seconds().max(0));
            }
        });
        let words = move || match left.get() {
            0 => "You can try again now.".to_owned(),
            secs => format!("Try again in {}.", wait_in_words(secs)),
        };
        // counting down is not worth being read aloud each second
        view! { <p aria-live="off" data-testid="retry-in">{words}</p> }
    })
}
