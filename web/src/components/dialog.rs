//! Questions that must be answered before something that cannot be undone.

use std::time::Duration;

use leptos::html::Dialog;
use leptos::prelude::*;
use web_sys::wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement};

use super::buttons::ActionButton;
use super::form::FormError;
use crate::api::ApiError;
use crate::browser::sleep;

/// A modal dialog. What is in it exists only while it is shown, so that nothing typed stays.
#[component]
pub fn Modal(
    /// Whether it is shown.
    open: RwSignal<bool>,
    /// Its heading.
    #[prop(into)]
    title: Signal<String>,
    /// What is in it.
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => {
                // fails only where the dialog is not on the page
                let _ = dialog.show_modal();
                leptos::task::spawn_local(focus_first(dialog));
            }
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    let children = StoredValue::new(children);
    view! {
        <dialog
            node_ref=node
            class="dialog"
            aria-label=move || title.get()
            on:close=move |_| open.set(false)
        >
            <Show when=move || open.get()>
                <h2>{move || title.get()}</h2>
                {children.with_value(|children| children())}
            </Show>
        </dialog>
    }
}

/// Gives the keyboard to the first thing in a dialog, which is drawn after it opened.
async fn focus_first(dialog: HtmlDialogElement) {
    sleep(Duration::ZERO).await;
    let first = dialog.query_selector("input, button").ok().flatten();
    if let Some(first) = first.and_then(|first| first.dyn_into::<HtmlElement>().ok()) {
        let _ = first.focus();
    }
}

/// A modal dialog with a way back and a way on. It stays until what it does is done, and says if that failed.
#[component]
pub fn ConfirmDialog(
    /// Whether it is shown.
    open: RwSignal<bool>,
    /// The question.
    #[prop(into)]
    title: Signal<String>,
    /// What will happen.
    #[prop(into)]
    text: Signal<String>,
    /// What the button says that does it.
    confirm: &'static str,
    /// What tests call that button.
    testid: &'static str,
    /// Whether it is being done.
    #[prop(into, default = Signal::stored(false))]
    busy: Signal<bool>,
    /// Why it could not be done.
    #[prop(into, default = Signal::stored(None))]
    error: Signal<Option<ApiError>>,
    /// Does it, and closes the dialog when it is done.
    #[prop(into)]
    on_confirm: Callback<()>,
) -> impl IntoView {
    view! {
        <Modal open=open title=title>
            <p>{move || text.get()}</p>
            <FormError error=error/>
            <div class="dialog-buttons">
                <CancelButton open=open/>
                <ActionButton label=confirm class="danger" testid=testid busy=busy on_press=move || on_confirm.run(())/>
            </div>
        </Modal>
    }
}

/// The way back out of a dialog.
#[component]
pub fn CancelButton(
    /// Whether the dialog is shown.
    open: RwSignal<bool>,
    /// What it says.
    #[prop(default = "Cancel")]
    label: &'static str,
) -> impl IntoView {
    view! {
        <button type="button" class="button" data-testid="dialog-cancel" on:click=move |_| open.set(false)>
            {label}
        </button>
    }
}
