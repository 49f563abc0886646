//! One account, for administrators.

mod access;
mod data;

use lectern_api::identity::User;
use lectern_api::ids::UserId;
use leptos::prelude::*;
use leptos_router::components::A;

use super::fetched::{WhenFetched, use_fetched};
use super::not_found::NotFound;
use super::params::use_id;
use crate::api::use_client;
use crate::clock::date;
use crate::components::frame::PageHeading;
use crate::components::people::last_seen;

#[component]
pub fn PersonPage() -> impl IntoView {
    let id = use_id::<UserId>();
    move || match id.get() {
        Some(id) => view! { <Person id=id/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

#[component]
fn Person(id: UserId) -> impl IntoView {
    let client = use_client();
    let user = use_fetched(move || async move {
        let all = client.list_users().await?;
        Ok(all.into_iter().find(|user| user.id == id))
    });
    view! {
        <p class="crumb"><A href="/people">"People"</A></p>
        <WhenFetched data=user waiting="Loading…" let:user>
            {match user {
                Some(user) => view! { <Details user=user/> }.into_any(),
                None => view! { <NotFound/> }.into_any(),
            }}
        </WhenFetched>
    }
}

#[component]
fn Details(user: User) -> impl IntoView {
    let is_me = use_client().me().is_some_and(|me| me.user.id == user.id);
    let lead = format!(
        "User name {} · last seen {} · account created on {}",
        user.username,
        last_seen(&user),
        date(user.created_at)
    );
    let title = user.display_name.clone();
    let user = RwSignal::new(user);
    view! {
        <div class="panels" data-testid="person">
            <PageHeading title=title lead=lead/>
            {is_me.then(|| view! {
                <p class="note">"This is you. Your password and your data are on " <A href="/account">"your account"</A> " page."</p>
            })}
            <access::RolePanel user=user/>
            {(!is_me).then(|| view! {
                <access::SignInPanel user=user/>
                <access::DisablePanel user=user/>
                <data::DataPanel user=user.get_untracked()/>
                <data::DeletePanel user=user.get_untracked()/>
            })}
        </div>
    }
}
