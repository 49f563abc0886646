//! Buttons that take a moment.

use leptos::prelude::*;

use crate::browser;

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
    /// How it looks.
    #[prop(default = "primary")]
    class: &'static str,
) -> impl IntoView {
    view! {
        // a button that is disabled loses the keyboard; forms take no second sending themselves
        <button type="submit" class=format!("button {class}") data-testid=testid aria-disabled=move || busy.get().then_some("true")>
            {move || if busy.get() { "One moment…".to_owned() } else { label.get() }}
        </button>
    }
}

/// A button that asks for something at once; disabled while that is being done.
#[component]
pub fn ActionButton(
    /// What it says.
    #[prop(into)]
    label: Signal<String>,
    /// What it says meanwhile.
    #[prop(default = "One moment…")]
    meanwhile: &'static str,
    /// Whether it is being done.
    #[prop(into)]
    busy: Signal<bool>,
    /// What tests call it.
    testid: &'static str,
    /// More classes, such as `danger`.
    #[prop(optional)]
    class: &'static str,
    /// Does it.
    on_press: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class=format!("button {class}")
            data-testid=testid
            aria-disabled=move || busy.get().then_some("true")
            on:click=move |_| {
                if !busy.get_untracked() {
                    on_press();
                }
            }
        >
            {move || if busy.get() { meanwhile.to_owned() } else { label.get() }}
        </button>
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
            said.try_set(if done { "Copied" } else { "Couldn't copy" });
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
