//! Leaving a class.

use lectern_api::classes::Class;
use leptos::prelude::*;

use super::submission::use_submission;
use crate::api::use_client;
use crate::components::dialog::ConfirmDialog;

/// Asks a learner to confirm leaving the class in `leaving`, and leaves it.
#[component]
pub fn LeaveDialog(leaving: RwSignal<Option<Class>>, on_left: Callback<Class>) -> impl IntoView {
    let client = use_client();
    let open = RwSignal::new(false);
    let leave = use_submission(
        move |class: Class| async move { client.leave_class(class.id).await.map(|()| class) },
        move |class| {
            open.set(false);
            on_left.run(class);
        },
    );
    Effect::new(move |_| {
        if leaving.with(Option::is_some) {
            leave.error.set(None);
            open.set(true);
        }
    });
    let title = Signal::derive(move || {
        leaving.with(|class| class.as_ref().map(|class| format!("Leave {}?", class.name)).unwrap_or_default())
    });
    let confirmed = move |()| {
        if let Some(class) = leaving.get_untracked() {
            leave.send.run(class);
        }
    };
    view! {
        <ConfirmDialog
            open=open
            title=title
            text="Your instructor will no longer see your progress. Your labs keep running. To come back, you need a join \
                  code."
            confirm="Leave class"
            testid="class-leave-confirm"
            busy=leave.busy
            error=leave.error
            on_confirm=confirmed
        />
    }
}
