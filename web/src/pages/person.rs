//! One person, for administrators.

mod access;
mod data;

use lectern_api::identity::User;
use lectern_api::ids::UserId;
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::not_found::NotFound;
use super::{Loaded, load};
use crate::api::use_client;
use crate::clock::date;
use crate::components::frame::{ErrorNote, Loading, PageHeading};
use crate::components::people::last_seen;

/// The page of the person that the address names.
#[component]
pub fn PersonPage() -> impl IntoView {
    let params = use_params_map();
    let id =
        Memo::new(move |_| params.with(|params| params.get("id")).and_then(|id| id.parse::<UserId>().ok()));
    move || match id.get() {
        Some(id) => view! { <Person id=id/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

#[component]
fn Person(id: UserId) -> impl IntoView {
    let client = use_client();
    let found = RwSignal::new(Loaded::<Option<User>>::Loading);
    let fetch = move || {
        load(found, async move {
            let all = client.list_users().await?;
            Ok(all.into_iter().find(|user| user.id == id))
        });
    };
    fetch();
    view! {
        <p class="crumb"><A href="/people">"People"</A></p>
        {move || match found.get() {
            Loaded::Loading => view! { <Loading text="Loading…"/> }.into_any(),
            Loaded::Failed(error) => view! { <ErrorNote error=error on_retry=fetch/> }.into_any(),
            Loaded::Ready(None) => view! { <NotFound/> }.into_any(),
            Loaded::Ready(Some(user)) => view! { <Details user=user/> }.into_any(),
        }}
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
