//! The user's own data: downloading it, and deleting the account.

use lectern_api::identity::{DeleteMe, Me, Role};
use leptos::prelude::*;

use crate::api::{ApiError, use_client};
use crate::browser::save_file;
use crate::components::buttons::{ActionButton, Submit};
use crate::components::dialog::{CancelButton, Modal};
use crate::components::form::{Field, FormError};
use crate::pages::submission::use_submission;

const FILE: &str = "lectern-export.json";

#[component]
pub fn DataPanel() -> impl IntoView {
    let client = use_client();
    let saved = RwSignal::new(None::<bool>);
    let export = use_submission(
        move |()| {
            saved.set(None);
            client.export_me()
        },
        move |text: String| saved.set(Some(save_file(FILE, &text))),
    );
    view! {
        <section class="panel" aria-labelledby="data-heading">
            <h2 id="data-heading">"Your data"</h2>
            <p>"Download everything that Lectern stores about you, as a JSON file."</p>
            <FormError error=export.error/>
            <div class="row">
                <ActionButton
                    label="Download my data"
                    meanwhile="Preparing…"
                    testid="export"
                    busy=export.busy
                    on_press=move || export.send.run(())
                />
                <span role="status">
                    {move || saved.get().map(|saved| match saved {
                        true => "Saved as lectern-export.json.",
                        false => "Your browser blocked the download.",
                    })}
                </span>
            </div>
        </section>
    }
}

#[component]
pub fn DeletePanel(me: Signal<Option<Me>>) -> impl IntoView {
    let asks = RwSignal::new(false);
    let teaches = me.get_untracked().is_some_and(|me| me.user.role >= Role::Instructor);
    let what = if teaches {
        "Your running labs end. Your account, your progress, and the classes you teach with their enrolments are deleted."
    } else {
        "Your running labs end. Your account, your progress and your enrolments are deleted."
    };
    view! {
        <section class="panel" aria-labelledby="delete-heading">
            <h2 id="delete-heading">"Delete your account"</h2>
            <p>{what} " This can't be undone."</p>
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
    let username = me.get_untracked().map(|me| me.user.username).unwrap_or_default();
    let has_password = me.get_untracked().is_some_and(|me| me.has_password);
    let hint = format!("Type {username} to confirm.");
    let delete = use_submission(
        move |()| {
            let is_confirmed = typed.get_untracked().trim().eq_ignore_ascii_case(&username);
            let mistake = (!is_confirmed).then(|| format!("Your user name is {username}."));
            let with = DeleteMe { password: has_password.then(|| password.get_untracked()) };
            async move {
                match mistake {
                    Some(mistake) => Err(ApiError::invalid("username", mistake)),
                    None => client.delete_me(&with).await,
                }
            }
        },
        |()| {},
    );
    view! {
        <form on:submit=delete.on_submit()>
            <p>"Download your data first if you want to keep a copy."</p>
            <FormError error=delete.beside(&["username", "password"])/>
            <Field
                label="User name"
                id="delete-username"
                value=typed
                hint=hint
                error=delete.about("username")
            />
            {has_password.then(|| view! {
                <Field
                    label="Password"
                    id="delete-password"
                    kind="password"
                    value=password
                    autocomplete="current-password"
                    error=delete.about("password")
                />
            })}
            <div class="dialog-buttons">
                <CancelButton open=asks/>
                <Submit label="Delete my account" class="danger" busy=delete.busy testid="delete-me-confirm"/>
            </div>
        </form>
    }
}
