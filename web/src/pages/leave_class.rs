//! Leaving a class.

use lectern_api::classes::Class;
use leptos::prelude::*;

use super::sending::Sending;
use crate::api::use_client;
use crate::components::dialog::ConfirmDialog;

/// Asks whether the learner means it.
#[component]
pub fn LeaveDialog(leaving: RwSignal<Option<Class>>, on_left: Callback<Class>) -> impl IntoView {
    let client = use_client();
    let sending = Sending::new();
    let open = RwSignal::new(false);
    Effect::new(move |_| {
        if leaving.with(Option::is_some) {
            sending.error.set(None);
            open.set(true);
        }
    });
    let title = Signal::derive(move || {
        leaving
            .with(|class| class.as_ref().map_or_else(String::new, |class| format!("Leave {}?", class.name)))
    });
    let leave = Callback::new(move |()| {
        let Some(class) = leaving.get_untracked() else { return };
        sending.send(client.leave_class(class.id), move |()| {
            open.set(false);
            on_left.run(class);
        });
    });
    view! {
        <ConfirmDialog
            open=open
            title=title
            text="Your instructor no longer sees how far you are. Your labs go on. To come back, you need a join code."
            confirm="Leave class"
            testid="class-leave-confirm"
            busy=sending.busy
            error=sending.error
            on_confirm=leave
        />
    }
}
