//! Setting a password.

use lectern_api::identity::SetPassword;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::{use_navigate, use_query_map};

use crate::api::{Account, ApiError, use_client};
use crate::components::form::{Field, FormError, Submit};
use crate::components::frame::PageHeading;
use crate::paths;

/// The page on which a password is set, also for the first time after a sign-in link.
#[component]
pub fn AccountPage() -> impl IntoView {
    let client = use_client();
    let navigate = StoredValue::new(use_navigate());
    let first = use_query_map().with_untracked(|query| query.get("first")).is_some();
    let (current, new, again) =
        (RwSignal::new(String::new()), RwSignal::new(String::new()), RwSignal::new(String::new()));
    let error = RwSignal::new(None::<ApiError>);
    let (busy, done) = (RwSignal::new(false), RwSignal::new(false));
    let has_password =
        Memo::new(move |_| matches!(client.account.get(), Account::SignedIn(me) if me.has_password));
    let differs = Signal::derive(move || {
        let (new, again) = (new.get(), again.get());
        (!again.is_empty() && new != again).then(|| "The two are not the same.".to_owned())
    });
    let about = move |field: &'static str| {
        Signal::derive(move || error.get().and_then(|error| error.about_field(field)))
    };
    let whole = Signal::derive(move || {
        let is_about_field =
            |error: &ApiError| ["current", "password"].iter().any(|field| error.about_field(field).is_some());
        error.get().filter(|error| !is_about_field(error))
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() || new.get_untracked() != again.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        done.set(false);
        let with = SetPassword {
            current: has_password.get_untracked().then(|| current.get_untracked()),
            new: new.get_untracked(),
        };
        spawn_local(async move {
            match client.set_password(&with).await {
                Ok(()) if first => {
                    navigate.with_value(|go| go(paths::HOME, NavigateOptions::default()));
                }
                Ok(()) => {
                    done.try_set(true);
                    for field in [current, new, again] {
                        field.try_set(String::new());
                    }
                }
                Err(failure) => {
                    error.try_set(Some(failure));
                }
            }
            busy.try_set(false);
        });
    };
    view! {
        <div class="narrow" data-testid="account">
            <form on:submit=submit>
                <PageHeading title="Set a password"/>
                {first.then(|| view! {
                    <p>"You are signed in. Set a password now, so that you can come back without a link."</p>
                })}
                <FormError error=whole/>
                <div role="status">
                    {move || done.get().then(|| view! {
                        <p class="note good" data-testid="password-set">"Your password is set."</p>
                    })}
                </div>
                <Show when=move || has_password.get()>
                    <Field
                        label="Present password"
                        id="password-current"
                        kind="password"
                        value=current
                        autocomplete="current-password"
                        error=about("current")
                    />
                </Show>
                <Field
                    label="New password"
                    id="password-new"
                    kind="password"
                    value=new
                    autocomplete="new-password"
                    hint="At least 10 characters."
                    error=about("password")
                />
                <Field
                    label="New password again"
                    id="password-again"
                    kind="password"
                    value=again
                    autocomplete="new-password"
                    error=differs
                />
                <div class="row">
                    <Submit label="Set password" busy=busy testid="password-submit"/>
                    {first.then(|| view! { <A href="/labs" attr:data-testid="password-later">"Later"</A> })}
                </div>
            </form>
        </div>
    }
}
