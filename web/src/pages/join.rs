//! Joining a class with its join code: with a new account, or with the user's own.

use lectern_api::identity::Registration;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_params_map};

use super::submission::{Submission, use_submission};
use crate::api::use_client;
use crate::components::buttons::Submit;
use crate::components::form::{Field, FormError};
use crate::components::frame::{PageHeading, Wordmark};
use crate::paths;

#[derive(Clone, Copy)]
struct Fields {
    join_code: RwSignal<String>,
    username: RwSignal<String>,
    display_name: RwSignal<String>,
    password: RwSignal<String>,
}

impl Fields {
    fn registration(self) -> Registration {
        Registration {
            join_code: trimmed(self.join_code).into(),
            username: trimmed(self.username),
            display_name: trimmed(self.display_name),
            password: self.password.get_untracked(),
        }
    }
}

fn trimmed(field: RwSignal<String>) -> String {
    field.with_untracked(|text| text.trim().to_owned())
}

#[component]
pub fn JoinPage() -> impl IntoView {
    let code = use_params_map().with_untracked(|params| params.get("code"));
    let fields = Fields {
        join_code: RwSignal::new(code.unwrap_or_default()),
        username: RwSignal::new(String::new()),
        display_name: RwSignal::new(String::new()),
        password: RwSignal::new(String::new()),
    };
    let client = use_client();
    let navigate = use_navigate();
    let join = use_submission(
        move |()| {
            let registration = fields.registration();
            let only_code = client.me().map(|_| trimmed(fields.join_code));
            async move {
                match only_code {
                    Some(code) => client.join_class(code).await.map(|_| ()),
                    None => client.register(&registration).await,
                }
            }
        },
        move |()| navigate(paths::HOME, NavigateOptions::default()),
    );
    let me = client.signed_in();
    let name = Memo::new(move |_| me.get().map(|me| me.user.display_name));
    view! {
        <main class="door" data-testid="join">
            <Wordmark/>
            <form on:submit=join.on_submit()>
                <PageHeading title="Join a class"/>
                <FormError error=join.beside(&["join_code", "username", "display_name", "password"])/>
                <Field
                    label="Join code"
                    id="join-code"
                    value=fields.join_code
                    hint="Ask your instructor for it."
                    error=join.about("join_code")
                />
                {move || match name.get() {
                    Some(name) => view! { <p>"You join as " <strong>{name}</strong> "."</p> }.into_any(),
                    None => view! { <NewAccount fields=fields join=join/> }.into_any(),
                }}
                <Submit label="Join" busy=join.busy testid="join-submit"/>
            </form>
            <p class="door-foot">"Have an account? " <A href="/sign-in">"Sign in"</A></p>
        </main>
    }
}

#[component]
fn NewAccount(fields: Fields, join: Submission) -> impl IntoView {
    view! {
        <Field
            label="User name"
            id="join-username"
            value=fields.username
            autocomplete="username"
            hint="2 to 40 letters, digits, and . - _ @"
            error=join.about("username")
        />
        <Field
            label="Your name"
            id="join-display-name"
            value=fields.display_name
            autocomplete="name"
            hint="Shown to your instructor."
            error=join.about("display_name")
        />
        <Field
            label="Password"
            id="join-password"
            kind="password"
            value=fields.password
            autocomplete="new-password"
            hint="At least 10 characters."
            error=join.about("password")
        />
    }
}
