//! What is kept about the person: to take away, and to be deleted.

use lectern_api::identity::{DeleteMe, Me, Role};
use leptos::prelude::*;

use crate::api::use_client;
use crate::browser::save_file;
use crate::components::buttons::{ActionButton, Submit};
use crate::components::dialog::{CancelButton, Modal};
use crate::components::form::{Field, FormError};
use crate::pages::sending::Sending;

/// The way to a copy of it.
#[component]
pub fn DataPanel() -> impl IntoView {
    let client = use_client();
    let sending = Sending::new();
    let saved = RwSignal::new(None::<bool>);
    let export = move || {
        saved.set(None);
        sending
            .send(client.export_me(), move |text| saved.set(Some(save_file("lectern-export.json", &text))));
    };
    view! {
        <section class="panel" aria-labelledby="data-heading">
            <h2 id="data-heading">"Your data"</h2>
            <p>"Download a copy of everything that Lectern keeps about you, as a JSON file."</p>
            <FormError error=sending.error/>
            <div class="row">
                <ActionButton
                    label="Download my data"
                    meanwhile="Preparing…"
                    testid="export"
                    busy=sending.busy
                    on_press=export
                />
                <span role="status">
                    {move || saved.get().map(|saved| match saved {
                        true => "Saved as lectern-export.json.",
                        false => "Your browser did not allow the download.",
                    })}
                </span>
            </div>
        </section>
    }
}

/// The way to be forgotten.
#[component]
pub fn DeletePanel(me: Signal<Option<Me>>) -> impl IntoView {
    let asks = RwSignal::new(false);
    let teaches = me.get_untracked().is_some_and(|me| me.user.role >= Role::Instructor);
    let what = if teaches {
        "Your running labs end. Your account, your progress and the classes you teach are deleted, with their learners' \
         places in them."
    } else {
        "Your running labs end. Your account, your progress and your places in classes are deleted."
    };
    view! {
        <section class="panel" aria-labelledby="delete-heading">
            <h2 id="delete-heading">"Delete your account"</h2>
            <p>{what} " Nobody can bring them back."</p>
            <ActionButton label="Delete my account…" testid="delete-me" busy=false on_press=move || asks.set(true)/>
            <Modal open=asks title="Delete your account?">
                <DeleteForm me=me asks=asks/>
            </Modal>
        </section>
    }
}

#[component]
fn DeleteForm(me: Signal<Option<Me>>, asks: RwSignal<bool>) -> impl IntoView {
    let client = use_client();
    let (typed, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let sending = Sending::new();
    let mistyped = RwSignal::new(None::<String>);
    let username = me.get_untracked().map(|me| me.user.username).unwrap_or_default();
    let has_password = me.get_untracked().is_some_and(|me| me.has_password);
    let hint = format!("Type {username} to confirm.");
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let right = typed.get_untracked().trim().eq_ignore_ascii_case(&username);
        mistyped.set((!right).then(|| format!("That is not your user name; it is {username}.")));
        if right {
            let with = DeleteMe { password: has_password.then(|| password.get_untracked()) };
            sending.send(async move { client.delete_me(&with).await }, |()| ());
        }
    };
    view! {
        <form on:submit=submit>
            <p>"This cannot be undone. Download your data first if you want to keep a copy."</p>
            <FormError error=sending.beside(&["password"])/>
            <Field label="User name" id="delete-username" value=typed hint=hint error=mistyped/>
            {has_password.then(|| view! {
                <Field
                    label="Password"
                    id="delete-password"
                    kind="password"
                    value=password
                    autocomplete="current-password"
                    error=sending.about("password")
                />
            })}
            <div class="dialog-buttons">
                <CancelButton open=asks/>
                <Submit label="Delete my account" class="danger" busy=sending.busy testid="delete-me-confirm"/>
            </div>
        </form>
    }
}
