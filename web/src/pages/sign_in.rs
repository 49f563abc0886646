//! Signing in: with a password, or with a one-time link whose token is in the address's fragment.

use gloo_events::EventListener;
use lectern_api::identity::SignIn;
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use super::submission::{Submission, use_submission};
use crate::api::{Account, ApiError, Client, SignOutReason, use_client};
use crate::browser::window;
use crate::components::buttons::Submit;
use crate::components::form::{Field, FormError};
use crate::components::frame::{PageHeading, Wordmark};
use crate::paths;

#[derive(Clone, Copy)]
struct Credentials {
    /// The token of a sign-in link; `None` if a password is asked for.
    token: RwSignal<Option<String>>,
    username: RwSignal<String>,
    password: RwSignal<String>,
}

impl Credentials {
    fn to_call(self) -> SignIn {
        match self.token.get_untracked() {
            Some(token) => SignIn::Link { token },
            None => SignIn::Password {
                username: self.username.with_untracked(|username| username.trim().to_owned()),
                password: self.password.get_untracked(),
            },
        }
    }
}

#[component]
pub fn SignInPage() -> impl IntoView {
    let client = use_client();
    let credentials = Credentials {
        token: RwSignal::new(take_link_token()),
        username: RwSignal::new(String::new()),
        password: RwSignal::new(String::new()),
    };
    let sign_in = use_sign_in(client, credentials);
    let _pasted = StoredValue::new_local(follow_pasted_links(credentials.token, sign_in.error));
    let by_link = Signal::derive(move || credentials.token.with(Option::is_some));
    view! {
        <main class="door" data-testid="sign-in">
            <Wordmark/>
            <form on:submit=sign_in.on_submit()>
                <PageHeading title="Sign in"/>
                {move || client.sign_out_reason.get().map(|reason| view! {
                    <p class="note" role="status" data-testid="parting">{sign_out_message(reason)}</p>
                })}
                <FormError error=sign_in.error/>
                {move || if by_link.get() {
                    view! {
                        <p>"Your sign-in link works once. You can choose a password afterwards."</p>
                        <Submit label="Sign in with this link" busy=sign_in.busy testid="sign-in-link-submit"/>
                    }
                    .into_any()
                } else {
                    view! { <PasswordFields credentials=credentials busy=sign_in.busy/> }.into_any()
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

#[component]
fn PasswordFields(credentials: Credentials, busy: RwSignal<bool>) -> impl IntoView {
    view! {
        <Field label="User name" id="sign-in-username" value=credentials.username autocomplete="username"/>
        <Field
            label="Password"
            id="sign-in-password"
            kind="password"
            value=credentials.password
            autocomplete="current-password"
            hint="Forgot it? Ask your instructor or administrator for a sign-in link."
        />
        <Submit label="Sign in" busy=busy testid="sign-in-submit"/>
    }
}

/// Signs in, then goes to the page that was asked for, or to the choice of a password.
fn use_sign_in(client: Client, credentials: Credentials) -> Submission {
    let query = use_query_map();
    let navigate = use_navigate();
    let go_to = StoredValue::new(move |path: &str| {
        navigate(path, NavigateOptions { replace: true, ..NavigateOptions::default() });
    });
    let wanted = move || {
        let next = query.with_untracked(|query| query.get("next"));
        next.and_then(|next| paths::return_path(&next)).unwrap_or_else(|| paths::HOME.to_owned())
    };
    // users who sign in with a password, or are signed in already, go on from here
    Effect::new(move |_| {
        if credentials.token.with(Option::is_none) && matches!(client.account.get(), Account::SignedIn(_)) {
            go_to.with_value(|go_to| go_to(&wanted()));
        }
    });
    use_submission(
        move |()| {
            let with = credentials.to_call();
            async move { client.sign_in(&with).await.map_err(|failure| explain(failure, &with)) }
        },
        move |()| {
            // after a password, the effect above goes on
            if credentials.token.with_untracked(Option::is_some) {
                let is_reset = client.me().is_some_and(|me| !me.has_password || !me.needs_current_password);
                let path = if is_reset { "/account?first=1".to_owned() } else { wanted() };
                go_to.with_value(|go_to| go_to(&path));
            }
        },
    )
}

/// Takes a link that is pasted while this page is open: only the fragment changes, and nothing is loaded.
fn follow_pasted_links(
    token: RwSignal<Option<String>>,
    error: RwSignal<Option<ApiError>>,
) -> Option<EventListener> {
    window().map(|window| {
        EventListener::new(&window, "hashchange", move |_| {
            if let Some(pasted) = take_link_token() {
                token.try_set(Some(pasted));
                error.try_set(None);
            }
        })
    })
}

/// Takes the token out of the address, so that it does not stay in the history.
fn take_link_token() -> Option<String> {
    let window = window()?;
    let token = paths::decode(window.location().hash().ok()?.strip_prefix('#')?);
    if token.is_empty() {
        return None;
    }
    let history = window.history().ok()?;
    let _ = history.replace_state_with_url(&history.state().ok()?, "", Some("/sign-in"));
    Some(token)
}

fn sign_out_message(reason: SignOutReason) -> &'static str {
    match reason {
        SignOutReason::SignedOut => "You are signed out.",
        SignOutReason::SignedOutEverywhere => "You are signed out of all browsers.",
        SignOutReason::Deleted => "Your account has been deleted.",
        SignOutReason::Ended => "You were signed out. Sign in to continue where you left off.",
    }
}

/// Says what was refused: the server's answer is the same for a wrong password and a used link.
fn explain(mut failure: ApiError, with: &SignIn) -> ApiError {
    if let ApiError::Problem { problem, .. } = &mut failure
        && problem.code == "sign_in_refused"
    {
        problem.detail = match with {
            SignIn::Link { .. } => "This link has expired or was already used. Ask for a new one.",
            SignIn::Password { .. } => "Wrong user name or password.",
        }
        .to_owned();
    }
    failure
}
