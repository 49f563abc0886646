//! Opening an account with a class's join code; whoever is signed in just joins.

use lectern_api::identity::Registration;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_params_map};

use crate::api::{Account, ApiError, use_client};
use crate::components::form::{Field, FormError, Submit};
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
    let error = RwSignal::new(None::<ApiError>);
    let busy = RwSignal::new(false);
    let known = Memo::new(move |_| match client.account.get() {
        Account::SignedIn(me) => Some(me.user.display_name),
        _ => None,
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let join_code = code.get_untracked().trim().to_owned();
        let registration = Registration {
            join_code: join_code.clone(),
            username: username.get_untracked().trim().to_owned(),
            display_name: name.get_untracked().trim().to_owned(),
            password: password.get_untracked(),
        };
        let joins = known.get_untracked().is_some();
        spawn_local(async move {
            let outcome = match joins {
                true => client.join_class(join_code).await,
                false => client.register(&registration).await,
            };
            match outcome {
                Ok(()) => navigate.with_value(|go| go(paths::HOME, NavigateOptions::default())),
                Err(failure) => {
                    error.try_set(Some(failure));
                }
            }
            busy.try_set(false);
        });
    };
    let about = move |field: &'static str| {
        Signal::derive(move || error.get().and_then(|error| error.about_field(field)))
    };
    let whole = Signal::derive(move || error.get().filter(|error| !is_about_a_field(error)));
    view! {
        <main class="door" data-testid="join">
            <Wordmark/>
            <form on:submit=submit>
                <PageHeading title="Join a class"/>
                <FormError error=whole/>
                <Field
                    label="Join code"
                    id="join-code"
                    value=code
                    hint="Your instructor shows it."
                    error=about("join_code")
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
                            error=about("username")
                        />
                        <Field
                            label="Your name"
                            id="join-display-name"
                            value=name
                            autocomplete="name"
                            hint="What your instructor sees."
                            error=about("display_name")
                        />
                        <Field
                            label="Password"
                            id="join-password"
                            kind="password"
                            value=password
                            autocomplete="new-password"
                            hint="At least 10 characters."
                            error=about("password")
                        />
                    }
                    .into_any(),
                }}
                <Submit label="Join" busy=busy testid="join-submit"/>
            </form>
            <p class="door-foot">"Have an account? " <A href="/sign-in">"Sign in"</A></p>
        </main>
    }
}

fn is_about_a_field(error: &ApiError) -> bool {
    ["join_code", "username", "display_name", "password"]
        .iter()
        .any(|field| error.about_field(field).is_some())
}
