//! What an instructor can do for one learner of a class.

use lectern_api::classes::LearnerRow;
use lectern_api::identity::SignInLink;
use lectern_api::ids::ClassId;
use leptos::prelude::*;

use crate::api::use_client;
use crate::components::buttons::ActionButton;
use crate::components::dialog::{CancelButton, Modal};
use crate::components::form::FormError;
use crate::components::sign_in_link::SignInLinkNote;
use crate::pages::sending::Sending;

/// A dialog that opens when a learner is chosen.
#[component]
pub fn LearnerDialog(
    class: ClassId,
    learner: RwSignal<Option<LearnerRow>>,
    on_removed: Callback<()>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    Effect::new(move |_| {
        if learner.with(Option::is_some) {
            open.set(true);
        }
    });
    let title = Signal::derive(move || learner.get().map(|learner| learner.display_name).unwrap_or_default());
    view! {
        <Modal open=open title=title>
            {move || learner.get().map(|learner| view! {
                <LearnerActions class=class learner=learner open=open on_removed=on_removed/>
            })}
        </Modal>
    }
}

#[component]
fn LearnerActions(
    class: ClassId,
    learner: LearnerRow,
    open: RwSignal<bool>,
    on_removed: Callback<()>,
) -> impl IntoView {
    let client = use_client();
    let (linking, removing) = (Sending::new(), Sending::new());
    let link = RwSignal::new(None::<SignInLink>);
    let (user, name) = (learner.user, learner.display_name);
    let make = move || {
        link.set(None);
        linking.send(client.create_sign_in_link(user), move |made| link.set(Some(made)));
    };
    let remove = move || {
        removing.send(client.remove_learner(class, user), move |()| {
            open.set(false);
            on_removed.run(());
        });
    };
    view! {
        <h3>"Forgot the password?"</h3>
        <p>
            "A sign-in link lets them in and lets them choose a new password. It signs them out everywhere else."
        </p>
        <FormError error=linking.error/>
        {move || link.get().map(|link| view! { <SignInLinkNote link=link name=name.clone()/> })}
        <ActionButton label="Create sign-in link" testid="learner-link" busy=linking.busy on_press=make/>
        <h3>"Remove from this class"</h3>
        <p>"You no longer see how far they are. They keep their account and their labs; with a join code they can come back."</p>
        <FormError error=removing.error/>
        <ActionButton label="Remove from class" class="danger" testid="learner-remove" busy=removing.busy on_press=remove/>
        <div class="dialog-buttons"><CancelButton open=open label="Close"/></div>
    }
}
