//! The user's own account.

mod data;
mod logins;
mod password;

use lectern_api::identity::Me;
use leptos::prelude::*;

use crate::api::use_client;
use crate::components::frame::PageHeading;

/// Password, logins and data; right after signing in by a link only the password.
#[component]
pub fn AccountPage() -> impl IntoView {
    let client = use_client();
    let first = leptos_router::hooks::use_query_map().with_untracked(|query| query.get("first")).is_some();
    let me = client.signed_in();
    let lead =
        client.me().map(|Me { user, .. }| format!("{}, signed in as {}.", user.display_name, user.username));
    view! {
        <div class="panels" data-testid="account">
            <PageHeading title="Your account" lead=lead.unwrap_or_default()/>
            <password::PasswordPanel me=me first=first/>
            {(!first).then(|| view! {
                <logins::LoginsPanel/>
                <data::DataPanel/>
                <data::DeletePanel me=me/>
            })}
        </div>
    }
}
