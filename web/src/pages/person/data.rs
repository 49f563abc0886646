//! An account's data: downloading it, and deleting the account.

use lectern_api::identity::{Role, User};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api::{ApiError, use_client};
use crate::browser::save_file;
use crate::components::buttons::{ActionButton, Submit};
use crate::components::dialog::{CancelButton, Modal};
use crate::components::form::{Field, FormError};
use crate::pages::submission::use_submission;

#[component]
pub fn DataPanel(user: User) -> impl IntoView {
    let client = use_client();
    let file = format!("lectern-export-{}.json", user.username);
    let export = use_submission(
        move |()| client.export_user(user.id),
        move |text: String| {
            save_file(&file, &text);
        },
    );
    view! {
        <section class="panel" aria-labelledby="data-heading">
            <h2 id="data-heading">"Data"</h2>
            <p>"Everything that Lectern stores about this person, as a JSON file."</p>
            <FormError error=export.error/>
            <ActionButton
                label="Download data"
                meanwhile="Preparing…"
                testid="person-export"
                busy=export.busy
                on_press=move || export.send.run(())
            />
        </section>
    }
}

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
    let navigate = use_navigate();
    let typed = RwSignal::new(String::new());
    let hint = format!("Type {} to confirm.", user.username);
    let teaches = user.role >= Role::Instructor;
    let delete = use_submission(
        move |()| {
            let is_confirmed = typed.get_untracked().trim().eq_ignore_ascii_case(&user.username);
            let mistake = (!is_confirmed).then(|| format!("The user name is {}.", user.username));
            let id = user.id;
            async move {
                match mistake {
                    Some(mistake) => Err(ApiError::invalid("username", mistake)),
                    None => client.delete_user(id).await,
                }
            }
        },
        move |()| navigate("/people", NavigateOptions::default()),
    );
    view! {
        <form on:submit=delete.on_submit()>
            <p>"This can't be undone. It deletes:"</p>
            <ul>
                <li>"the account, its logins, and its running labs with everything in them"</li>
                <li>"its progress in labs, and its enrolments"</li>
                {teaches.then(|| view! {
                    <li>"the classes it teaches, with their learners' enrolments"</li>
                })}
            </ul>
            <FormError error=delete.beside(&["username"])/>
            <Field
                label="User name"
                id="person-delete-username"
                value=typed
                hint=hint
                error=delete.about("username")
            />
            <div class="dialog-buttons">
                <CancelButton open=asks/>
                <Submit label="Delete account" class="danger" busy=delete.busy testid="person-delete-confirm"/>
            </div>
        </form>
    }
}
