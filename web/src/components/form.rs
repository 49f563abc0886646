//! Parts of forms.

use leptos::prelude::*;

use crate::api::ApiError;
use crate::browser;
use crate::clock::{now, wait_in_words};

/// A labelled text field.
#[component]
pub fn Field(
    #[prop(into)] label: String,
    /// The id of the input, which is its test id too.
    id: &'static str,
    value: RwSignal<String>,
    /// The type of the input.
    #[prop(default = "text")]
    kind: &'static str,
    #[prop(default = "off")] autocomplete: &'static str,
    /// An explanation; an error takes its place.
    #[prop(into, optional)]
    hint: String,
    #[prop(into, default = Signal::stored(None))] error: Signal<Option<String>>,
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

/// A search field that filters a list as one types, with what belongs beside it.
#[component]
pub fn Filter(
    label: &'static str,
    id: &'static str,
    value: RwSignal<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <form class="inline-form" role="search" on:submit=|event| event.prevent_default()>
            <Field label=label id=id kind="search" value=value optional=true/>
            {children.map(|children| children())}
        </form>
    }
}

/// What is wrong with a form as a whole.
#[component]
pub fn FormError(#[prop(into)] error: Signal<Option<ApiError>>) -> impl IntoView {
    view! {
        <div role="alert" data-testid="form-error">
            {move || error.get().map(|error| view! {
                <div class="note error"><p>{error.detail()}</p><RetryIn error=error/></div>
            })}
        </div>
    }
}

/// Counts down until it is worth trying again, if the server said when that is.
#[component]
pub fn RetryIn(error: ApiError) -> impl IntoView {
    error.retry_at().map(|at| {
        let left = RwSignal::new((at - now()).num_seconds().max(1));
        leptos::task::spawn_local(async move {
            while left.try_get_untracked().is_some_and(|secs| secs > 0) {
                browser::sleep(std::time::Duration::from_secs(1)).await;
                left.try_set((at - now()).num_seconds().max(0));
            }
        });
        let message = move || match left.get() {
            0 => "You can try again now.".to_owned(),
            secs => format!("Try again in {}.", wait_in_words(secs)),
        };
        // screen readers need not read each second aloud
        view! { <p aria-live="off" data-testid="retry-in">{message}</p> }
    })
}
