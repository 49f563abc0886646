//! The app: its routes, and what stands around every page.

use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Redirect, Route, Router};
use leptos_router::hooks::{use_location, use_navigate};
use leptos_router::path;

use crate::api::{Account, Client, use_client};
use crate::components::frame::{Banners, ErrorNote, Loading, SiteHeader};
use crate::pages;
use crate::paths;

/// The whole app.
#[component]
pub fn App() -> impl IntoView {
    let client = Client::new();
    provide_context(client);
    leptos::task::spawn_local(client.load_account());
    view! {
        <Router>
            <FlatRoutes fallback=|| view! { <pages::not_found::NotFound/> }.into_any()>
                <Route path=path!("/") view=|| view! { <Redirect path=paths::HOME/> }.into_any()/>
                <Route path=path!("/sign-in") view=|| view! { <pages::sign_in::SignInPage/> }.into_any()/>
                <Route path=path!("/join") view=|| view! { <pages::join::JoinPage/> }.into_any()/>
                <Route path=path!("/join/:code") view=|| view! { <pages::join::JoinPage/> }.into_any()/>
                <Route path=path!("/account") view=|| site(|| view! { <pages::account::AccountPage/> }.into_any())/>
                <Route path=path!("/labs") view=|| site(|| view! { <pages::labs::LabsPage/> }.into_any())/>
                <Route path=path!("/classes") view=|| site(|| view! { <pages::classes::ClassesPage/> }.into_any())/>
                <Route path=path!("/classes/:id") view=|| site(|| view! { <pages::class::ClassPage/> }.into_any())/>
                <Route path=path!("/users") view=|| site(|| view! { <pages::users::UsersPage/> }.into_any())/>
                <Route
                    path=path!("/sessions/:id/*rest")
                    view=|| guarded(|| view! { <pages::workspace::WorkspacePage/> }.into_any())
                />
            </FlatRoutes>
        </Router>
    }
}

/// A page of the site, with its header, for whoever is signed in.
fn site(page: fn() -> AnyView) -> AnyView {
    view! { <Guard page=move || view! { <Shell page=page/> }.into_any()/> }.into_any()
}

/// A page that fills the window, for whoever is signed in.
fn guarded(page: fn() -> AnyView) -> AnyView {
    view! { <Guard page=page/> }.into_any()
}

#[component]
fn Shell(page: fn() -> AnyView) -> impl IntoView {
    let client = use_client();
    let navigate = use_navigate();
    let sign_out = Callback::new(move |()| {
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            // signed out or not reachable: the banner says the latter
            if client.sign_out().await.is_ok() {
                navigate("/sign-in", leptos_router::NavigateOptions::default());
            }
        });
    });
    let notices = RwSignal::new(Vec::new());
    if client.me().is_some_and(|me| me.user.role >= lectern_api::identity::Role::Instructor) {
        leptos::task::spawn_local(async move {
            if let Ok(platform) = client.show_platform().await {
                notices.try_set(platform.notices);
            }
        });
    }
    let me = Signal::derive(move || match client.account.get() {
        Account::SignedIn(me) => Some(me),
        _ => None,
    });
    view! {
        <SiteHeader me=me on_sign_out=sign_out/>
        <Banners reachable=client.reachable notices=notices/>
        <main id="main" class="site" tabindex="-1">{page()}</main>
    }
}

/// Shows a page to whoever is signed in, and sends everybody else to sign in and back.
#[component]
fn Guard(#[prop(into)] page: ViewFn) -> impl IntoView {
    let client = use_client();
    let location = use_location();
    // only the person counts: a new token must not build the page anew
    let who = Memo::new(move |_| match client.account.get() {
        Account::Unknown => Who::Unknown,
        Account::SignedOut => Who::Nobody,
        Account::SignedIn(me) => Who::Somebody(me.user.id),
        Account::Unreachable(error) => Who::Unreachable(error),
    });
    let back = move || {
        let (path, search) = (location.pathname.get_untracked(), location.search.get_untracked());
        if search.is_empty() { path } else { format!("{path}?{search}") }
    };
    move || match who.get() {
        Who::Unknown => view! { <Loading text="Loading…"/> }.into_any(),
        Who::Nobody => view! { <Redirect path=paths::sign_in_from(&back())/> }.into_any(),
        Who::Somebody(_) => page.run(),
        Who::Unreachable(error) => view! {
            <main class="site narrow">
                <ErrorNote error=error on_retry=move || leptos::task::spawn_local(client.load_account())/>
            </main>
        }
        .into_any(),
    }
}

#[derive(Clone, PartialEq)]
enum Who {
    Unknown,
    Nobody,
    Somebody(lectern_api::ids::UserId),
    Unreachable(crate::api::ApiError),
}
