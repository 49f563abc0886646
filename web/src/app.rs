//! The app: its routes, and what stands around every page.

use std::time::Duration;

use lectern_api::identity::Role;
use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Redirect, Route, Router};
use leptos_router::hooks::use_location;
use leptos_router::path;

use crate::api::{Account, Client, Parting, use_client};
use crate::browser::{is_looked_at, sleep};
use crate::components::frame::{Banners, ErrorNote, Loading, SiteHeader};
use crate::pages;
use crate::paths;

/// How often an open page asks whether its login is still good.
const CHECK_LOGIN_EVERY: Duration = Duration::from_secs(60);

/// The whole app.
#[component]
pub fn App() -> impl IntoView {
    let client = Client::new();
    provide_context(client);
    leptos::task::spawn_local(client.load_account());
    leptos::task::spawn_local(notice_ended_login(client));
    view! {
        <Router>
            <FlatRoutes fallback=|| view! { <main class="site"><pages::not_found::NotFound/></main> }.into_any()>
                <Route path=path!("/") view=|| view! { <Redirect path=paths::HOME/> }.into_any()/>
                <Route path=path!("/sign-in") view=|| view! { <pages::sign_in::SignInPage/> }.into_any()/>
                <Route path=path!("/join") view=|| view! { <pages::join::JoinPage/> }.into_any()/>
                <Route path=path!("/join/:code") view=|| view! { <pages::join::JoinPage/> }.into_any()/>
                <Route path=path!("/account") view=|| site(|| view! { <pages::account::AccountPage/> }.into_any())/>
                <Route path=path!("/labs") view=|| site(|| view! { <pages::labs::LabsPage/> }.into_any())/>
                <Route path=path!("/classes") view=|| site(|| view! { <pages::classes::ClassesPage/> }.into_any())/>
                <Route path=path!("/classes/:id") view=|| site_for(Role::Instructor, || view! { <pages::class::ClassPage/> }.into_any())/>
                <Route path=path!("/people") view=|| site_for(Role::Admin, || view! { <pages::people::PeoplePage/> }.into_any())/>
                <Route path=path!("/people/:id") view=|| site_for(Role::Admin, || view! { <pages::person::PersonPage/> }.into_any())/>
                <Route path=path!("/audit") view=|| site_for(Role::Admin, || view! { <pages::audit::AuditPage/> }.into_any())/>
                <Route
                    path=path!("/sessions/:id/*rest")
                    view=|| guarded(|| view! { <pages::workspace::WorkspacePage/> }.into_any())
                />
            </FlatRoutes>
        </Router>
    }
}

/// Asks now and then, while the page is looked at, whether the login is still good: an account that was disabled shows
/// nothing any longer.
async fn notice_ended_login(client: Client) {
    loop {
        sleep(CHECK_LOGIN_EVERY).await;
        if client.me().is_some() && is_looked_at() {
            client.check_login().await;
        }
    }
}

/// A page of the site, with its header, for whoever is signed in.
fn site(page: fn() -> AnyView) -> AnyView {
    site_for(Role::Learner, page)
}

/// A page of the site for those who have at least this role; to others it is not there.
fn site_for(role: Role, page: fn() -> AnyView) -> AnyView {
    view! { <Guard page=move || view! { <Shell role=role page=page/> }.into_any()/> }.into_any()
}

/// A page that fills the window, for whoever is signed in.
fn guarded(page: fn() -> AnyView) -> AnyView {
    view! { <Guard page=page/> }.into_any()
}

#[component]
fn Shell(role: Role, page: fn() -> AnyView) -> impl IntoView {
    let client = use_client();
    let sign_out = Callback::new(move |()| {
        leptos::task::spawn_local(async move {
            // signed out, or not reachable, which the banner says
            let _ = client.sign_out().await;
        });
    });
    let notices = RwSignal::new(Vec::new());
    let has = client.me().map_or(Role::Learner, |me| me.user.role);
    if has >= Role::Instructor {
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
        <main id="main" class="site" tabindex="-1">
            {if has >= role { page() } else { view! { <pages::not_found::NotFound/> }.into_any() }}
        </main>
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
        Account::SignedIn(me) => Who::Somebody(me.user.id, me.user.role),
        Account::Unreachable(error) => Who::Unreachable(error),
    });
    let back = move || {
        let (path, search) = (location.pathname.get_untracked(), location.search.get_untracked());
        if search.is_empty() { path } else { format!("{path}?{search}") }
    };
    move || match who.get() {
        Who::Unknown => view! { <Loading text="Loading…"/> }.into_any(),
        Who::Nobody => {
            // whoever left on purpose does not want to come back to the page that they left
            let left = matches!(client.parting.get_untracked(), Some(parting) if parting != Parting::Ended);
            let path = if left { "/sign-in".to_owned() } else { paths::sign_in_from(&back()) };
            view! { <Redirect path=path/> }.into_any()
        }
        Who::Somebody(..) => page.run(),
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
    Somebody(lectern_api::ids::UserId, Role),
    Unreachable(crate::api::ApiError),
}
