//! Opening an account with a class's join code; whoever is signed in just joins.

use lectern_api::identity::Registration;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_params_map};

use super::sending::Sending;
use crate::api::{Account, use_client};
use crate::components::buttons::Submit;
use crate::components::form::{Field, FormError};
use crate::components::frame::{PageHeading, Wordmark};
use crate::paths;

/// The page of a join code.
#[component]
pub fn JoinPage() -> impl IntoView {
    let client = use_client();
    let params = use_params_map();
    let navigate = StoredValue::new(use_navigate());
    let code = RwSignal::new(params.with_untracked(|params| params.get("code")).unwrap_or_default());
    let (username, name, password) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let sending = Sending::new();
    let known = Memo::new(move |_| match client.account.get() {
        Account::SignedIn(me) => Some(me.user.display_name),
        _ => None,
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let join_code = code.get_untracked().trim().to_owned();
        let registration = Registration {
            join_code: join_code.as_str().into(),
            username: username.get_untracked().trim().to_owned(),
            display_name: name.get_untracked().trim().to_owned(),
            password: password.get_untracked(),
        };
        let joins = known.get_untracked().is_some();
        let call = async move {
            if joins {
                client.join_class(join_code).await.map(|_| ())
            } else {
                client.register(&registration).await
            }
        };
        sending.send(call, move |()| navigate.with_value(|go| go(paths::HOME, NavigateOptions::default())));
    };
    view! {
        <main class="door" data-testid="join">
            <Wordmark/>
            <form on:submit=submit>
                <PageHeading title="Join a class"/>
                <FormError error=sending.beside(&["join_code", "username", "display_name", "password"])/>
                <Field
                    label="Join code"
                    id="join-code"
                    value=code
                    hint="Ask your instructor for it."
                    error=sending.about("join_code")
                />
                {move || match known.get() {
                    Some(name) => view! { <p>"You join as " <strong>{name}</strong> "."</p> }.into_any(),
                    None => view! {
                        <Field
                            label="User name"
                            id="join-username"
                            value=username
                            autocomplete="username"
                            hint="2 to 40 letters, digits, and . - _ @"
                            error=sending.about("username")
                        />
                        <Field
                            label="Your name"
                            id="join-display-name"
                            value=name
                            autocomplete="name"
                            hint="Shown to your instructor."
                            error=sending.about("display_name")
                        />
                        <Field
                            label="Password"
                            id="join-password"
                            kind="password"
                            value=password
                            autocomplete="new-password"
                            hint="At least 10 characters."
                            error=sending.about("password")
                        />
                    }
                    .into_any(),
                }}
                <Submit label="Join" busy=sending.busy testid="join-submit"/>
            </form>
            <p class="door-foot">"Have an account? " <A href="/sign-in">"Sign in"</A></p>
        </main>
    }
}
