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
use crate::pages::submission::use_submission;

/// A dialog that opens when a learner is chosen.
#[component]
pub fn LearnerDialog(
    class: ClassId,
    learner: RwSignal<Option<LearnerRow>>,
    #[prop(into)] on_removed: Callback<()>,
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
    let (user, name) = (learner.user, learner.display_name);
    let link = RwSignal::new(None::<SignInLink>);
    let create_link = use_submission(
        move |()| {
            link.set(None);
            client.create_sign_in_link(user)
        },
        move |created| link.set(Some(created)),
    );
    let remove = use_submission(
        move |()| client.remove_learner(class, user),
        move |()| {
            open.set(false);
            on_removed.run(());
        },
    );
    view! {
        <h3>"Forgot the password?"</h3>
        <p>
            "A sign-in link signs them in and lets them choose a new password. It signs them out everywhere else."
        </p>
        <FormError error=create_link.error/>
        {move || link.get().map(|link| view! { <SignInLinkNote link=link name=name.clone()/> })}
        <ActionButton
            label="Create sign-in link"
            testid="learner-link"
            busy=create_link.busy
            on_press=move || create_link.send.run(())
        />
        <h3>"Remove from this class"</h3>
        <p>
            "You will no longer see their progress. They keep their account and their labs, and can come back with a "
            "join code."
        </p>
        <FormError error=remove.error/>
        <ActionButton
            label="Remove from class"
            class="danger"
            testid="learner-remove"
            busy=remove.busy
            on_press=move || remove.send.run(())
        />
        <div class="dialog-buttons"><CancelButton open=open label="Close"/></div>
    }
}
