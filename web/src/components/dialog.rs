//! Dialogs: questions before something that cannot be undone.

use std::time::Duration;

use leptos::html::Dialog;
use leptos::prelude::*;
use web_sys::HtmlDialogElement;

use super::buttons::ActionButton;
use super::form::FormError;
use crate::api::ApiError;
use crate::browser::{focus, sleep};

/// A modal dialog. Its content exists only while it is open, so nothing that was typed stays.
#[component]
pub fn Modal(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    children: ChildrenFn,
) -> impl IntoView {
    let node = NodeRef::<Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => {
                // fails only if the dialog is not on the page
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

/// Moves the focus to the first field or button of a dialog, which are drawn after it opened.
async fn focus_first(dialog: HtmlDialogElement) {
    sleep(Duration::ZERO).await;
    focus(dialog.query_selector("input, button").ok().flatten());
}

/// A modal dialog that asks for confirmation. It stays open until the work is done, and shows if it failed.
#[component]
pub fn ConfirmDialog(
    open: RwSignal<bool>,
    #[prop(into)] title: Signal<String>,
    /// What will happen.
    #[prop(into)]
    text: Signal<String>,
    /// The label of the button that confirms.
    confirm: &'static str,
    /// The test id of that button.
    testid: &'static str,
    #[prop(into, default = Signal::stored(false))] busy: Signal<bool>,
    #[prop(into, default = Signal::stored(None))] error: Signal<Option<ApiError>>,
    /// Does it, and closes the dialog afterwards.
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

/// The button that closes a dialog.
#[component]
pub fn CancelButton(open: RwSignal<bool>, #[prop(default = "Cancel")] label: &'static str) -> impl IntoView {
    view! {
        <button type="button" class="button" data-testid="dialog-cancel" on:click=move |_| open.set(false)>
            {label}
        </button>
    }
}
