//! A question that must be answered before something that cannot be undone.

use leptos::html::Dialog;
use leptos::prelude::*;

/// A modal dialog with a way back and a way on.
#[component]
pub fn ConfirmDialog(
    /// Whether it is shown.
    open: RwSignal<bool>,
    /// The question.
    title: &'static str,
    /// What will happen.
    text: &'static str,
    /// What the button says that does it.
    confirm: &'static str,
    /// What tests call that button.
    testid: &'static str,
    /// Does it.
    on_confirm: Callback<()>,
) -> impl IntoView {
    let node = NodeRef::<Dialog>::new();
    Effect::new(move |_| {
        let Some(dialog) = node.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) => {
                // fails only where the dialog is not on the page
                let _ = dialog.show_modal();
            }
            (false, true) => dialog.close(),
            _ => {}
        }
    });
    view! {
        <dialog
            node_ref=node
            class="dialog"
            aria-labelledby="dialog-title"
            on:close=move |_| open.set(false)
        >
            <h2 id="dialog-title">{title}</h2>
            <p>{text}</p>
            <div class="dialog-buttons">
                <button type="button" class="button" data-testid="dialog-cancel" on:click=move |_| open.set(false)>
                    "Cancel"
                </button>
                <button
                    type="button"
                    class="button danger"
                    data-testid=testid
                    on:click=move |_| {
                        open.set(false);
                        on_confirm.run(());
                    }
                >
                    {confirm}
                </button>
            </div>
        </dialog>
    }
}
