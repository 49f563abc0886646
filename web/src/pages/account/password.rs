//! Changing the password, or setting the first one.

use lectern_api::identity::{Me, SetPassword};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::use_navigate;

use crate::api::{ApiError, use_client};
use crate::components::buttons::Submit;
use crate::components::form::{Field, FormError};
use crate::pages::submission::{Submission, use_submission};
use crate::paths;

#[derive(Clone, Copy)]
struct Fields {
    current: RwSignal<String>,
    new: RwSignal<String>,
    again: RwSignal<String>,
}

/// `first` is whether the user just signed in with a link.
#[component]
pub fn PasswordPanel(me: Signal<Option<Me>>, first: bool) -> impl IntoView {
    let fields = Fields {
        current: RwSignal::new(String::new()),
        new: RwSignal::new(String::new()),
        again: RwSignal::new(String::new()),
    };
    let done = RwSignal::new(false);
    let has_password = Memo::new(move |_| me.get().is_some_and(|me| me.has_password));
    let needs_current = Memo::new(move |_| me.get().is_some_and(|me| me.needs_current_password));
    let save = use_password_change(fields, needs_current, first, done);
    let title = Signal::derive(move || {
        if has_password.get() { "Change password" } else { "Set a password" }.to_owned()
    });
    view! {
        <section class="panel" aria-labelledby="password-heading">
            <h2 id="password-heading">{move || title.get()}</h2>
            {first.then(|| view! {
                <p>"Your sign-in link worked only this once. Choose a password, so that you can sign in next time."</p>
            })}
            <form on:submit=save.on_submit()>
                <FormError error=save.beside(&["current", "password", "again"])/>
                <div role="status">
                    {move || done.get().then(|| view! {
                        <p class="note good" data-testid="password-set">"Your password has been changed."</p>
                    })}
                </div>
                <PasswordFields fields=fields needs_current=needs_current save=save/>
                <div class="row">
                    <Submit label=title busy=save.busy testid="password-submit"/>
                    {first.then(|| view! { <A href="/labs" attr:data-testid="password-later">"Not now"</A> })}
                </div>
            </form>
        </section>
    }
}

fn use_password_change(
    fields: Fields,
    needs_current: Memo<bool>,
    first: bool,
    done: RwSignal<bool>,
) -> Submission {
    let client = use_client();
    let navigate = use_navigate();
    use_submission(
        move |()| {
            done.set(false);
            let with = SetPassword {
                current: needs_current.get_untracked().then(|| fields.current.get_untracked()),
                new: fields.new.get_untracked(),
            };
            let is_same = with.new == fields.again.get_untracked();
            async move {
                if !is_same {
                    return Err(ApiError::invalid("again", DIFFERENT));
                }
                client.set_password(&with).await
            }
        },
        move |()| {
            for field in [fields.current, fields.new, fields.again] {
                field.set(String::new());
            }
            if first {
                navigate(paths::HOME, NavigateOptions::default());
            } else {
                done.set(true);
            }
        },
    )
}

const DIFFERENT: &str = "The passwords don't match.";

#[component]
fn PasswordFields(fields: Fields, needs_current: Memo<bool>, save: Submission) -> impl IntoView {
    let different = Signal::derive(move || {
        let (new, again) = (fields.new.get(), fields.again.get());
        (!again.is_empty() && new != again).then(|| DIFFERENT.to_owned())
    });
    view! {
        <Show when=move || needs_current.get()>
            <Field
                label="Current password"
                id="password-current"
                kind="password"
                value=fields.current
                autocomplete="current-password"
                error=save.about("current")
            />
        </Show>
        <Field
            label="New password"
            id="password-new"
            kind="password"
            value=fields.new
            autocomplete="new-password"
            hint="At least 10 characters."
            error=save.about("password")
        />
        <Field
            label="Confirm new password"
            id="password-again"
            kind="password"
            value=fields.again
            autocomplete="new-password"
            error=different
        />
    }
}
