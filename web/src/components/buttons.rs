//! Buttons whose work takes a moment.

use leptos::prelude::*;

use crate::browser;

/// The button that submits a form.
#[component]
pub fn Submit(
    #[prop(into)] label: Signal<String>,
    #[prop(into)] busy: Signal<bool>,
    testid: &'static str,
    #[prop(default = "primary")] class: &'static str,
) -> impl IntoView {
    view! {
        // `disabled` would take the focus away; the form ignores a second submission
        <button type="submit" class=format!("button {class}") data-testid=testid aria-disabled=move || busy.get().then_some("true")>
            {move || if busy.get() { "One moment…".to_owned() } else { label.get() }}
        </button>
    }
}

/// A button that does something at once.
#[component]
pub fn ActionButton(
    #[prop(into)] label: Signal<String>,
    /// The label while it is busy.
    #[prop(default = "One moment…")]
    meanwhile: &'static str,
    #[prop(into)] busy: Signal<bool>,
    testid: &'static str,
    /// More CSS classes, such as `danger`.
    #[prop(optional)]
    class: &'static str,
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
    #[prop(into)] text: Signal<String>,
    #[prop(default = "Copy")] label: &'static str,
) -> impl IntoView {
    let shown = RwSignal::new(label);
    let copy = move |_| {
        leptos::task::spawn_local(async move {
            let done = browser::copy(&text.get_untracked()).await;
            shown.try_set(if done { "Copied" } else { "Couldn't copy" });
            browser::sleep(std::time::Duration::from_secs(2)).await;
            shown.try_set(label);
        });
    };
    view! {
        <button type="button" class="button small" on:click=copy>
            <span aria-live="polite">{move || shown.get()}</span>
        </button>
    }
}
