//! Signing in: with a password, or with a one-time link whose token stands in the address's fragment.

use lectern_api::identity::SignIn;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use crate::api::{Account, ApiError, Parting, use_client};
use crate::browser::{Listener, window};
use crate::components::buttons::Submit;
use crate::components::form::{Field, FormError};
use crate::components::frame::{PageHeading, Wordmark};
use crate::paths;

/// The sign-in page.
#[component]
pub fn SignInPage() -> impl IntoView {
    let client = use_client();
    let query = use_query_map();
    let navigate = use_navigate();
    let token = RwSignal::new(link_token());
    let by_link = Signal::derive(move || token.with(Option::is_some));
    let error = RwSignal::new(None::<ApiError>);
    // a link that is pasted into the page that is open already changes nothing but the fragment
    let pasted = window().map(|window| {
        Listener::new(&window, "hashchange", move |_| {
            if let Some(pasted) = link_token() {
                token.try_set(Some(pasted));
                error.try_set(None);
            }
        })
    });
    let _pasted = StoredValue::new_local(pasted);
    let (username, password) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
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
        if !by_link.get() && !busy.get() && matches!(client.account.get(), Account::SignedIn(_)) {
            go_on.with_value(|go| go(back()));
        }
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        let with = match token.get_untracked() {
            Some(token) => SignIn::Link { token },
            None => SignIn::Password {
                username: username.get_untracked().trim().to_owned(),
                password: password.get_untracked(),
            },
        };
        let is_link = matches!(with, SignIn::Link { .. });
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            match client.sign_in(&with).await {
                Ok(())
                    if client
                        .me()
                        .is_some_and(|me| !me.has_password || is_link && !me.needs_current_password) =>
                {
                    go_on.with_value(|go| go("/account?first=1".to_owned()));
                }
                Ok(()) => go_on.with_value(|go| go(back())),
                Err(failure) => {
                    error.try_set(Some(in_own_words(failure, is_link)));
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
                {move || client.parting.get().map(|parting| view! {
                    <p class="note" role="status" data-testid="parting">{parting_words(parting)}</p>
                })}
                <FormError error=error/>
                {move || if by_link.get() {
                    view! {
                        <p>"You have a sign-in link. It works once; afterwards you can choose a password."</p>
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
                            hint="Forgot it? Ask your instructor or administrator for a sign-in link."
                        />
                        <Submit label="Sign in" busy=busy testid="sign-in-submit"/>
                    }
                    .into_any()
                }}
            </form>
            <p class="door-foot">
                {move || by_link.get().then(|| view! { <a href="/sign-in" rel="external">"Use a password instead"</a> " · " })}
                "Have a join code? "
                <A href="/join">"Join a class"</A>
            </p>
        </main>
    }
}

fn parting_words(parting: Parting) -> &'static str {
    match parting {
        Parting::SignedOut => "You are signed out.",
        Parting::SignedOutEverywhere => "You are signed out of all browsers.",
        Parting::Deleted => "Your account has been deleted.",
        Parting::Ended => "You were signed out. Sign in again to go on where you were.",
    }
}

/// The server refuses a wrong password and a used link alike; the page knows which of them it was.
fn in_own_words(mut failure: ApiError, is_link: bool) -> ApiError {
    if let ApiError::Problem { problem, .. } = &mut failure
        && problem.code == "sign_in_refused"
    {
        problem.detail = if is_link {
            "This link has expired or was already used. Ask for a new one.".to_owned()
        } else {
            "Wrong user name or password.".to_owned()
        };
    }
    failure
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
