//! A sign-in link, to pass on to the user that it signs in.

use lectern_api::identity::SignInLink;
use leptos::prelude::*;

use super::buttons::CopyButton;
use crate::clock::date_and_time;

/// The link with how long it works; `name` is whom it signs in. It cannot be shown again.
#[component]
pub fn SignInLinkNote(link: SignInLink, name: String) -> impl IntoView {
    view! {
        <div class="note good" role="status">
            <p>
                <strong>{format!("Send this link to {name}. ")}</strong>
                {format!("It works once, until {}. It is not shown again.", date_and_time(link.expires_at))}
            </p>
            <p class="join-code">
                <code data-testid="sign-in-link">{link.url.clone()}</code>
                <CopyButton text=link.url label="Copy link"/>
            </p>
        </div>
    }
}
