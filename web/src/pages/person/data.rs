//! What is kept about somebody: to hand over, and to be deleted.

use lectern_api::identity::{Role, User};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api::use_client;
use crate::browser::save_file;
use crate::components::buttons::{ActionButton, Submit};
use crate::components::dialog::{CancelButton, Modal};
use crate::components::form::{Field, FormError};
use crate::pages::sending::Sending;

/// The way to a copy of it.
#[component]
pub fn DataPanel(user: User) -> impl IntoView {
    let client = use_client();
    let sending = Sending::new();
    let file = format!("lectern-export-{}.json", user.username);
    let export = move || {
        let file = file.clone();
        sending.send(client.export_user(user.id), move |text| {
            save_file(&file, &text);
        });
    };
    view! {
        <section class="panel" aria-labelledby="data-heading">
            <h2 id="data-heading">"Data"</h2>
            <p>"Everything that Lectern keeps about this person, as a JSON file."</p>
            <FormError error=sending.error/>
            <ActionButton
                label="Download data"
                meanwhile="Preparing…"
                testid="person-export"
                busy=sending.busy
                on_press=export
            />
        </section>
    }
}

/// The way to delete it all.
#[component]
pub fn DeletePanel(user: User) -> impl IntoView {
    let asks = RwSignal::new(false);
    let title = format!("Delete {}?", user.display_name);
    let user = StoredValue::new(user);
    view! {
        <section class="panel" aria-labelledby="delete-heading">
            <h2 id="delete-heading">"Delete this account"</h2>
            <p>"To keep somebody out for a while, disable the account instead."</p>
            <ActionButton label="Delete account…" testid="person-delete" busy=false on_press=move || asks.set(true)/>
            <Modal open=asks title=title>
                <DeleteForm user=user.get_value() asks=asks/>
            </Modal>
        </section>
    }
}

#[component]
fn DeleteForm(user: User, asks: RwSignal<bool>) -> impl IntoView {
    let client = use_client();
    let navigate = StoredValue::new(use_navigate());
    let sending = Sending::new();
    let typed = RwSignal::new(String::new());
    let mistyped = RwSignal::new(None::<String>);
    let hint = format!("Type {} to confirm.", user.username);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let right = typed.get_untracked().trim().eq_ignore_ascii_case(&user.username);
        mistyped.set((!right).then(|| format!("The user name is {}.", user.username)));
        if right {
            sending.send(client.delete_user(user.id), move |()| {
                navigate.with_value(|go| go("/people", NavigateOptions::default()));
            });
        }
    };
    view! {
        <form on:submit=submit>
            <p>"This is deleted, and nobody can bring it back:"</p>
            <ul>
                <li>"the account, its logins and its running labs, with what is in them"</li>
                <li>"its progress in labs, and its places in classes"</li>
                {(user.role >= Role::Instructor).then(|| view! {
                    <li>"the classes it teaches, with their learners' places in them"</li>
                })}
            </ul>
            <FormError error=sending.error/>
            <Field label="User name" id="person-delete-username" value=typed hint=hint error=mistyped/>
            <div class="dialog-buttons">
                <CancelButton open=asks/>
                <Submit label="Delete account" class="danger" busy=sending.busy testid="person-delete-confirm"/>
            </div>
        </form>
    }
}
