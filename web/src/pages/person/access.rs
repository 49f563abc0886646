//! An account's role, and access to it.

use lectern_api::identity::{ChangeUser, SignInLink, User};
use leptos::prelude::*;

use crate::api::use_client;
use crate::clock::date_and_time;
use crate::components::buttons::{ActionButton, Submit};
use crate::components::form::FormError;
use crate::components::people::{RoleField, role_from_value, role_value};
use crate::components::sign_in_link::SignInLinkNote;
use crate::pages::submission::use_submission;

#[component]
pub fn RolePanel(user: RwSignal<User>) -> impl IntoView {
    let client = use_client();
    let role = RwSignal::new(role_value(user.get_untracked().role).to_owned());
    let saved = RwSignal::new(false);
    let save = use_submission(
        move |()| {
            saved.set(false);
            let role = Some(role_from_value(&role.get_untracked()));
            client.change_user(user.get_untracked().id, ChangeUser { role, ..ChangeUser::default() })
        },
        move |changed| {
            user.set(changed);
            saved.set(true);
        },
    );
    // the role is the only field, so any failure is about it
    let wrong = Signal::derive(move || save.error.get().map(|error| error.detail()));
    view! {
        <section class="panel" aria-labelledby="role-heading">
            <h2 id="role-heading">"Role"</h2>
            <p class="faint">"A new role signs the person out, so that it applies everywhere."</p>
            <form class="inline-form" on:submit=save.on_submit()>
                <RoleField id="person-role" value=role error=wrong/>
                <Submit label="Change role" busy=save.busy testid="person-role-save"/>
            </form>
            <p role="status">{move || saved.get().then_some("The role has been changed.")}</p>
        </section>
    }
}

/// Creates a sign-in link, and ends all logins.
#[component]
pub fn SignInPanel(user: RwSignal<User>) -> impl IntoView {
    let client = use_client();
    let id = user.get_untracked().id;
    let link = RwSignal::new(None::<SignInLink>);
    let signed_out = RwSignal::new(false);
    let create_link = use_submission(
        move |()| {
            link.set(None);
            signed_out.set(false);
            client.create_sign_in_link(id)
        },
        move |created| link.set(Some(created)),
    );
    let sign_out = use_submission(
        move |()| {
            signed_out.set(false);
            client.end_logins_of(id)
        },
        move |()| signed_out.set(true),
    );
    view! {
        <section class="panel" aria-labelledby="signing-in-heading">
            <h2 id="signing-in-heading">"Signing in"</h2>
            <p>
                "A sign-in link is for somebody who forgot their password: it signs them in and lets them choose a new "
                "one. It signs them out everywhere else, and earlier links stop working."
            </p>
            <FormError error=create_link.error/>
            <FormError error=sign_out.error/>
            {move || link.get().map(|link| view! {
                <SignInLinkNote link=link name=user.get_untracked().display_name/>
            })}
            <div class="row">
                <ActionButton
                    label="Create sign-in link"
                    testid="person-link"
                    busy=create_link.busy
                    on_press=move || create_link.send.run(())
                />
                <ActionButton
                    label="Sign out everywhere"
                    testid="person-sign-out"
                    busy=sign_out.busy
                    on_press=move || sign_out.send.run(())
                />
                <span role="status">{move || signed_out.get().then_some("Signed out everywhere.")}</span>
            </div>
        </section>
    }
}

/// Disables the account, and enables it again.
#[component]
pub fn DisablePanel(user: RwSignal<User>) -> impl IntoView {
    let client = use_client();
    let disabled_at = Memo::new(move |_| user.get().disabled_at);
    let toggle = use_submission(
        move |()| {
            let disabled = Some(disabled_at.get_untracked().is_none());
            client.change_user(user.get_untracked().id, ChangeUser { disabled, ..ChangeUser::default() })
        },
        move |changed| user.set(changed),
    );
    let state = move || {
        match disabled_at.get() {
        Some(since) => {
            format!("This account has been disabled since {}. Nobody can sign in to it.", date_and_time(since))
        }
        None => "Disabling an account signs it out, ends its labs, and keeps anybody from signing in to it until you \
                 enable it again. Its data is kept."
            .to_owned(),
    }
    };
    let label = Signal::derive(move || {
        if disabled_at.get().is_some() { "Enable account" } else { "Disable account" }.to_owned()
    });
    view! {
        <section class="panel" aria-labelledby="disable-heading">
            <h2 id="disable-heading">"Access"</h2>
            <p data-testid="person-access">{state}</p>
            <FormError error=toggle.error/>
            <ActionButton label=label testid="person-disable" busy=toggle.busy on_press=move || toggle.send.run(())/>
        </section>
    }
}
