//! What stands around a page: header, banners, and the states of waiting and failing.

use lectern_api::identity::{Me, Role};
use lectern_api::platform::Notice;
use leptos::prelude::*;
use leptos_router::components::A;

use super::form::RetryIn;
use super::menu::Menu;
use crate::api::ApiError;

/// The mark of the product.
#[component]
pub fn Wordmark() -> impl IntoView {
    view! {
        <span class="wordmark">
            <svg viewBox="0 0 32 32" aria-hidden="true" width="26" height="26">
                <rect width="32" height="32" rx="7" fill="var(--brand)"/>
                <path d="M6.5 12.5 24 7l1.5 4.6L8 17.1z" fill="#fff"/>
                <path d="M15 16.4h2.6V23H22v2.6H10.6V23H15z" fill="#bfe3dc"/>
            </svg>
            "Lectern"
        </span>
    }
}

/// The site's header with its navigation and the account menu.
#[component]
pub fn SiteHeader(
    /// Who is signed in.
    me: Signal<Option<Me>>,
    /// Signs out.
    on_sign_out: Callback<()>,
) -> impl IntoView {
    let role = Memo::new(move |_| me.get().map(|me| me.user.role));
    let name = move || me.get().map(|me| me.user.display_name).unwrap_or_default();
    view! {
        <a class="skip" href="#main" rel="external">"Skip to the content"</a>
        <header class="site-header">
            <A href="/labs" attr:class="home" attr:aria-label="Lectern: labs"><Wordmark/></A>
            <nav aria-label="Main">
                <A href="/labs" attr:data-testid="nav-labs">"Labs"</A>
                <A href="/classes" attr:data-testid="nav-classes">"Classes"</A>
                <Show when=move || role.get() == Some(Role::Admin)>
                    <A href="/people" attr:data-testid="nav-people">"People"</A>
                    <A href="/audit" attr:data-testid="nav-audit">"Audit log"</A>
                </Show>
            </nav>
            <Menu
                class="account"
                testid="account-menu-open"
                heading=view! { <span class="visually-hidden">"Account: "</span> {name} }.into_any()
            >
                <A href="/account" attr:data-testid="nav-account">"Your account"</A>
                <button type="button" data-testid="sign-out" on:click=move |_| on_sign_out.run(())>
                    "Sign out"
                </button>
            </Menu>
        </header>
    }
}

/// What everybody should know at once: no connection, and what an operator should mend.
#[component]
pub fn Banners(
    /// Whether the last call reached the server.
    #[prop(into)]
    reachable: Signal<bool>,
    /// The platform's notices.
    #[prop(into)]
    notices: Signal<Vec<Notice>>,
) -> impl IntoView {
    view! {
        <div aria-live="polite">
            <Show when=move || !reachable.get()>
                <p class="banner warn" data-testid="offline-banner">
                    <strong>"No connection to Lectern. "</strong>
                    "Reconnecting… Your progress will be saved when you're back online."
                </p>
            </Show>
            <For each=move || notices.get() key=|notice| notice.code.clone() let:notice>
                <p class="banner" data-testid=format!("notice-{}", notice.code)>{notice.message}</p>
            </For>
        </div>
    }
}

/// A page's heading with what belongs beside it.
#[component]
pub fn PageHeading(
    /// The heading.
    #[prop(into)]
    title: Signal<String>,
    /// A sentence below it.
    #[prop(into, optional)]
    lead: Option<String>,
) -> impl IntoView {
    Effect::new(move |_| {
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            document.set_title(&format!("{} · Lectern", title.get()));
        }
    });
    view! {
        <div class="page-heading">
            <h1>{move || title.get()}</h1>
            {lead.map(|lead| view! { <p>{lead}</p> })}
        </div>
    }
}

/// Waiting.
#[component]
pub fn Loading(
    /// What for.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! {
        <div class="loading" role="status">
            <span class="spinner" aria-hidden="true"></span>
            <span>{text}</span>
        </div>
    }
}

/// What went wrong and what to do next.
#[component]
pub fn ErrorNote(
    /// What went wrong.
    error: ApiError,
    /// Tries again.
    #[prop(into, optional)]
    on_retry: Option<Callback<()>>,
) -> impl IntoView {
    view! {
        <div class="note error" role="alert" data-testid="error">
            <strong>{error.title()}</strong>
            <p>{error.detail()}</p>
            <RetryIn error=error.clone()/>
            {on_retry.filter(|_| error.status() != Some(404)).map(|retry| view! {
                <button type="button" class="button" data-testid="error-retry" on:click=move |_| retry.run(())>
                    "Try again"
                </button>
            })}
        </div>
    }
}

/// There is nothing to show, and why.
#[component]
pub fn Empty(
    /// In a few words.
    #[prop(into)]
    title: String,
    /// What to do about it.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! {
        <div class="empty" data-testid="empty">
            <strong>{title}</strong>
            <p>{text}</p>
        </div>
    }
}
