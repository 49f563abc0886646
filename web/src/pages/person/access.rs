//! What somebody may do, and how they come in.

use lectern_api::identity::{ChangeUser, SignInLink, User};
use leptos::prelude::*;

use crate::api::use_client;
use crate::clock::date_and_time;
use crate::components::buttons::{ActionButton, Submit};
use crate::components::form::FormError;
use crate::components::people::{RoleField, role_of, role_word};
use crate::components::sign_in_link::SignInLinkNote;
use crate::pages::sending::Sending;

/// The role.
#[component]
pub fn RolePanel(user: RwSignal<User>) -> impl IntoView {
    let client = use_client();
    let role = RwSignal::new(role_word(user.get_untracked().role).to_owned());
    let sending = Sending::new();
    let saved = RwSignal::new(false);
    // the role is the only field: whatever is wrong is about it
    let wrong = Signal::derive(move || sending.error.get().map(|error| error.detail()));
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        saved.set(false);
        let change = ChangeUser { role: Some(role_of(&role.get_untracked())), ..ChangeUser::default() };
        sending.send(client.change_user(user.get_untracked().id, change), move |changed| {
            user.set(changed);
            saved.set(true);
        });
    };
    view! {
        <section class="panel" aria-labelledby="role-heading">
            <h2 id="role-heading">"Role"</h2>
            <p class="faint">"A new role signs the person out, so that it holds everywhere."</p>
            <form class="inline-form" on:submit=submit>
                <RoleField id="person-role" value=role error=wrong/>
                <Submit label="Change role" busy=sending.busy testid="person-role-save"/>
            </form>
            <p role="status">{move || saved.get().then_some("The role has been changed.")}</p>
        </section>
    }
}

/// A new link, and the end of all logins.
#[component]
pub fn SignInPanel(user: RwSignal<User>) -> impl IntoView {
    let client = use_client();
    let id = user.get_untracked().id;
    let (linking, ending) = (Sending::new(), Sending::new());
    let link = RwSignal::new(None::<SignInLink>);
    let ended = RwSignal::new(false);
    let make = move || {
        link.set(None);
        ended.set(false);
        linking.send(client.create_sign_in_link(id), move |made| link.set(Some(made)));
    };
    let end = move || {
        ended.set(false);
        ending.send(client.end_logins_of(id), move |()| ended.set(true));
    };
    view! {
        <section class="panel" aria-labelledby="signing-in-heading">
            <h2 id="signing-in-heading">"Signing in"</h2>
            <p>
                "A sign-in link lets somebody in who forgot their password, and lets them choose a new one. It signs them "
                "out everywhere, and earlier links stop working."
            </p>
            <FormError error=linking.error/>
            <FormError error=ending.error/>
            {move || link.get().map(|link| view! {
                <SignInLinkNote link=link name=user.get_untracked().display_name/>
            })}
            <div class="row">
                <ActionButton label="Create sign-in link" testid="person-link" busy=linking.busy on_press=make/>
                <ActionButton label="Sign out everywhere" testid="person-sign-out" busy=ending.busy on_press=end/>
                <span role="status">{move || ended.get().then_some("Signed out everywhere.")}</span>
            </div>
        </section>
    }
}

/// Closing the account for a while.
#[component]
pub fn DisablePanel(user: RwSignal<User>) -> impl IntoView {
    let client = use_client();
    let sending = Sending::new();
    let disabled = Memo::new(move |_| user.get().disabled_at);
    let toggle = move || {
        let change =
            ChangeUser { disabled: Some(disabled.get_untracked().is_none()), ..ChangeUser::default() };
        sending.send(client.change_user(user.get_untracked().id, change), move |changed| user.set(changed));
    };
    let words = move || {
        match disabled.get() {
        Some(since) => format!("This account has been disabled since {}. Nobody can sign in to it.", date_and_time(since)),
        None => "A disabled account is signed out and its labs end; nobody can sign in to it until you enable it again. \
                 Its data is kept."
            .to_owned(),
    }
    };
    let label = Signal::derive(move || {
        if disabled.get().is_some() { "Enable account" } else { "Disable account" }.to_owned()
    });
    view! {
        <section class="panel" aria-labelledby="disable-heading">
            <h2 id="disable-heading">"Access"</h2>
            <p data-testid="person-access">{words}</p>
            <FormError error=sending.error/>
            <ActionButton label=label testid="person-disable" busy=sending.busy on_press=toggle/>
        </section>
    }
}
