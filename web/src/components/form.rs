//! Parts of forms.

use leptos::prelude::*;

use crate::api::ApiError;
use crate::browser;

/// A labelled field of text.
#[component]
pub fn Field(
    /// The label.
    label: &'static str,
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
    #[prop(optional)]
    hint: &'static str,
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
                {move || error.get().unwrap_or_else(|| hint.to_owned())}
            </p>
        </div>
    }
}

/// The button that sends a form; disabled while that is being done.
#[component]
pub fn Submit(
    /// What it says.
    #[prop(into)]
    label: Signal<String>,
    /// Whether the form is being sent.
    #[prop(into)]
    busy: Signal<bool>,
    /// What tests call it.
    testid: &'static str,
) -> impl IntoView {
    view! {
        <button type="submit" class="button primary" data-testid=testid disabled=move || busy.get()>
            {move || if busy.get() { "One moment…".to_owned() } else { label.get() }}
        </button>
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
                <div class="note error"><p>{error.detail()}</p></div>
            })}
        </div>
    }
}

/// A button that copies a text and says so.
#[component]
pub fn CopyButton(
    /// What to copy.
    #[prop(into)]
    text: Signal<String>,
    /// What it says, for people and screen readers.
    #[prop(default = "Copy")]
    label: &'static str,
) -> impl IntoView {
    let said = RwSignal::new(label);
    let copy = move |_| {
        leptos::task::spawn_local(async move {
            let done = browser::copy(&text.get_untracked()).await;
            said.try_set(if done { "Copied" } else { "Select and copy it" });
            browser::sleep(std::time::Duration::from_secs(2)).await;
            said.try_set(label);
        });
    };
    view! {
        <button type="button" class="button small" on:click=copy>
            <span aria-live="polite">{move || said.get()}</span>
        </button>
    }
}
