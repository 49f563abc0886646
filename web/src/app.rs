//! The app: its routes.

use std::time::Duration;

use lectern_api::identity::Role;
use leptos::prelude::*;
use leptos_router::components::{FlatRoutes, Redirect, Route, Router};
use leptos_router::path;

use crate::api::Client;
use crate::browser::{is_page_visible, sleep};
use crate::pages::join::JoinPage;
use crate::pages::labs::LabsPage;
use crate::pages::not_found::NotFound;
use crate::pages::protected::{Protected, SitePage};
use crate::pages::sign_in::SignInPage;
use crate::parts::{Later, Page, fetch_ahead};
use crate::paths;

/// How often an open page checks that its login is still valid.
const CHECK_LOGIN_EVERY: Duration = Duration::from_secs(60);

#[component]
pub fn App() -> impl IntoView {
    let client = Client::new();
    provide_context(client);
    leptos::task::spawn_local(client.load_account());
    leptos::task::spawn_local(notice_ended_login(client));
    view! {
        <Router>
            <FlatRoutes fallback=|| view! { <main class="site"><NotFound/></main> }>
                <Route path=path!("/") view=|| view! { <Redirect path=paths::HOME/> }/>
                <Route path=path!("/sign-in") view=SignInPage/>
                <Route path=path!("/join") view=JoinPage/>
                <Route path=path!("/join/:code") view=JoinPage/>
                <Route path=path!("/account") view=|| view! { <SitePage><Later page=Page::Account/></SitePage> }/>
                <Route path=path!("/labs") view=|| view! { <SitePage><LabsPage/></SitePage> }/>
                <Route path=path!("/classes") view=|| view! { <SitePage><Later page=Page::Classes/></SitePage> }/>
                <Route path=path!("/classes/:id") view=|| view! { <SitePage role=Role::Instructor><Later page=Page::Class/></SitePage> }/>
                <Route path=path!("/people") view=|| view! { <SitePage role=Role::Admin><Later page=Page::People/></SitePage> }/>
                <Route path=path!("/people/:id") view=|| view! { <SitePage role=Role::Admin><Later page=Page::Person/></SitePage> }/>
                <Route path=path!("/audit") view=|| view! { <SitePage role=Role::Admin><Later page=Page::Audit/></SitePage> }/>
                <Route path=path!("/sessions/:id/*rest") view=WorkspaceRoute/>
            </FlatRoutes>
        </Router>
    }
}

/// The workspace, whose code is fetched while the server is asked who is here.
#[component]
fn WorkspaceRoute() -> impl IntoView {
    fetch_ahead(Page::Workspace);
    view! { <Protected><Later page=Page::Workspace/></Protected> }
}

/// Checks now and then, while the page is visible, that the login is still valid: a disabled account must not go on
/// showing anything.
async fn notice_ended_login(client: Client) {
    loop {
        sleep(CHECK_LOGIN_EVERY).await;
        if client.me().is_some() && is_page_visible() {
            client.check_login().await;
        }
    }
}
