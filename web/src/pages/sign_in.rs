//! Signing in: with a password, or with a one-time link whose token stands in the address's fragment.

use lectern_api::identity::SignIn;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use crate::api::{Account, ApiError, use_client};
use crate::browser::window;
use crate::components::form::{Field, FormError, Submit};
use crate::components::frame::{PageHeading, Wordmark};
use crate::paths;

/// The sign-in page.
#[component]
pub fn SignInPage() -> impl IntoView {
    let client = use_client();
    let query = use_query_map();
    let navigate = use_navigate();
    let token = StoredValue::new(link_token());
    let by_link = token.with_value(Option::is_some);
    let (username, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let error = RwSignal::new(None::<ApiError>);
    let busy = RwSignal::new(false);
    let back = move || {
        query
            .with_untracked(|query| query.get("next"))
            .and_then(|next| paths::way_back(&next))
            .unwrap_or_else(|| paths::HOME.to_owned())
    };
    let go_on = StoredValue::new(move |path: String| {
        navigate(&path, NavigateOptions { replace: true, ..NavigateOptions::default() });
    });
    // whoever is signed in already and brings no link has nothing to do here
    Effect::new(move |_| {
        if !by_link && !busy.get() && matches!(client.account.get(), Account::SignedIn(_)) {
            go_on.with_value(|go| go(back()));
        }
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        let with = match token.get_value() {
            Some(token) => SignIn::Link { token },
            None => SignIn::Password {
                username: username.get_untracked().trim().to_owned(),
                password: password.get_untracked(),
            },
        };
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            match client.sign_in(&with).await {
                Ok(()) if client.me().is_some_and(|me| !me.has_password) => {
                    go_on.with_value(|go| go("/account?first=1".to_owned()));
                }
                Ok(()) => go_on.with_value(|go| go(back())),
                Err(failure) => {
                    error.try_set(Some(failure));
                    busy.try_set(false);
                }
            }
        });
    };
    view! {
        <main class="door" data-testid="sign-in">
            <Wordmark/>
            <form on:submit=submit>
                <PageHeading title="Sign in"/>
                <FormError error=error/>
                {if by_link {
                    view! {
                        <p>"You have a sign-in link. It works once; afterwards you can set a password."</p>
                        <Submit label="Sign in with this link" busy=busy testid="sign-in-link-submit"/>
                    }
                    .into_any()
                } else {
                    view! {
                        <Field label="User name" id="sign-in-username" value=username autocomplete="username"/>
                        <Field
                            label="Password"
                            id="sign-in-password"
                            kind="password"
                            value=password
                            autocomplete="current-password"
                        />
                        <Submit label="Sign in" busy=busy testid="sign-in-submit"/>
                    }
                    .into_any()
                }}
            </form>
            <p class="door-foot">
                {by_link.then(|| view! { <a href="/sign-in" rel="external">"Use a password instead"</a> " · " })}
                "Have a join code? "
                <A href="/join">"Join a class"</A>
            </p>
        </main>
    }
}

/// Takes the token out of the address, so that it does not stay in the history.
fn link_token() -> Option<String> {
    let window = window()?;
    let token = paths::decode(window.location().hash().ok()?.strip_prefix('#')?);
    if token.is_empty() {
        return None;
    }
    let history = window.history().ok()?;
    let _ = history.replace_state_with_url(&history.state().ok()?, "", Some("/sign-in"));
    Some(token)
}
