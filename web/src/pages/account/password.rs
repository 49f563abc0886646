//! The password: changed, or set for the first time.

use lectern_api::identity::{Me, SetPassword};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::use_navigate;

use crate::api::use_client;
use crate::components::buttons::Submit;
use crate::components::form::{Field, FormError};
use crate::pages::sending::Sending;
use crate::paths;

/// The form. `first` is whether the person just signed in with a link.
#[component]
pub fn PasswordPanel(me: Signal<Option<Me>>, first: bool) -> impl IntoView {
    let client = use_client();
    let navigate = StoredValue::new(use_navigate());
    let (current, new, again) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let sending = Sending::new();
    let done = RwSignal::new(false);
    let has_password = Memo::new(move |_| me.get().is_some_and(|me| me.has_password));
    let needs_current = Memo::new(move |_| me.get().is_some_and(|me| me.needs_current_password));
    let differs = Signal::derive(move || {
        let (new, again) = (new.get(), again.get());
        (!again.is_empty() && new != again).then(|| "The passwords don't match.".to_owned())
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if new.get_untracked() != again.get_untracked() {
            return;
        }
        done.set(false);
        let with = SetPassword {
            current: needs_current.get_untracked().then(|| current.get_untracked()),
            new: new.get_untracked(),
        };
        sending.send(async move { client.set_password(&with).await }, move |()| {
            for field in [current, new, again] {
                field.set(String::new());
            }
            if first {
                navigate.with_value(|go| go(paths::HOME, NavigateOptions::default()));
            } else {
                done.set(true);
            }
        });
    };
    let title = move || if has_password.get() { "Change password" } else { "Set a password" };
    view! {
        <section class="panel" aria-labelledby="password-heading">
            <h2 id="password-heading">{title}</h2>
            {first.then(|| view! {
                <p>
                    "You signed in with a link, which works once. Choose a password now, so that you can come back "
                    "without one."
                </p>
            })}
            <form on:submit=submit>
                <FormError error=sending.beside(&["current", "password"])/>
                <div role="status">
                    {move || done.get().then(|| view! {
                        <p class="note good" data-testid="password-set">"Your password has been changed."</p>
                    })}
                </div>
                <Show when=move || needs_current.get()>
                    <Field
                        label="Current password"
                        id="password-current"
                        kind="password"
                        value=current
                        autocomplete="current-password"
                        error=sending.about("current")
                    />
                </Show>
                <Field
                    label="New password"
                    id="password-new"
                    kind="password"
                    value=new
                    autocomplete="new-password"
                    hint="At least 10 characters."
                    error=sending.about("password")
                />
                <Field
                    label="Confirm new password"
                    id="password-again"
                    kind="password"
                    value=again
                    autocomplete="new-password"
                    error=differs
                />
                <div class="row">
                    <Submit label=Signal::derive(move || title().to_owned()) busy=sending.busy testid="password-submit"/>
                    {first.then(|| view! { <A href="/labs" attr:data-testid="password-later">"Not now"</A> })}
                </div>
            </form>
        </section>
    }
}
