//! Access to pages: a page that a user may not have is not drawn, and so does not call the API.

use lectern_api::identity::Role;
use lectern_api::ids::UserId;
use leptos::prelude::*;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_location;

use super::fetched::use_fetched;
use super::not_found::NotFound;
use super::submission::use_submission;
use crate::api::{Account, ApiError, SignOutReason, use_client};
use crate::components::frame::{Banners, ErrorNote, Loading, SiteHeader};
use crate::paths;

/// Draws its children for users who have this role or a higher one. Visitors are sent to sign in and back; for other
/// users there is no such page.
#[component]
pub fn Protected(#[prop(default = Role::Learner)] role: Role, children: ChildrenFn) -> impl IntoView {
    let client = use_client();
    let location = use_location();
    // a new CSRF token must not redraw the page, so only the person and the role count
    let visitor = Memo::new(move |_| match client.account.get() {
        Account::Unknown => Visitor::Unknown,
        Account::SignedOut => Visitor::SignedOut,
        Account::SignedIn(me) => Visitor::SignedIn(me.user.id, me.user.role),
        Account::Unreachable(error) => Visitor::Unreachable(error),
    });
    let sign_in_path = move || match client.sign_out_reason.get_untracked() {
        // users who left on purpose do not want to come back to the page that they left
        Some(reason) if reason != SignOutReason::Ended => "/sign-in".to_owned(),
        _ => {
            let (path, search) = (location.pathname.get_untracked(), location.search.get_untracked());
            paths::sign_in_from(&if search.is_empty() { path } else { format!("{path}?{search}") })
        }
    };
    move || match visitor.get() {
        Visitor::Unknown => view! { <Loading text="Loading…"/> }.into_any(),
        Visitor::SignedOut => view! { <Redirect path=sign_in_path()/> }.into_any(),
        Visitor::SignedIn(_, own) if own >= role => children(),
        Visitor::SignedIn(..) => view! { <Site><NotFound/></Site> }.into_any(),
        Visitor::Unreachable(error) => view! {
            <main class="site narrow">
                <ErrorNote error=error on_retry=move || leptos::task::spawn_local(client.load_account())/>
            </main>
        }
        .into_any(),
    }
}

#[derive(Clone, PartialEq)]
enum Visitor {
    Unknown,
    SignedOut,
    SignedIn(UserId, Role),
    Unreachable(ApiError),
}

/// A protected page with the site's header.
#[component]
pub fn SitePage(#[prop(default = Role::Learner)] role: Role, children: ChildrenFn) -> impl IntoView {
    let children = StoredValue::new(children);
    view! {
        <Protected role=role>
            <Site>{children.with_value(|children| children())}</Site>
        </Protected>
    }
}

/// The site's header, the banners, and the page below.
#[component]
fn Site(children: Children) -> impl IntoView {
    let client = use_client();
    // if the server cannot be reached, the banner says so
    let sign_out = use_submission(move |()| client.sign_out(), |()| {});
    let may_see_notices = client.me().is_some_and(|me| me.user.role >= Role::Instructor);
    let notices = may_see_notices
        .then(|| use_fetched(move || async move { Ok(client.show_platform().await?.notices) }));
    let notices = Signal::derive(move || notices.and_then(|it| it.value.get()).unwrap_or_default());
    view! {
        <SiteHeader me=client.signed_in() on_sign_out=sign_out.send/>
        <Banners reachable=client.reachable notices=notices/>
        <main id="main" class="site" tabindex="-1">{children()}</main>
    }
}
