//! What surrounds a page: header, banners, heading, and the states of loading and failing.

use lectern_api::identity::{Me, Role};
use lectern_api::platform::Notice;
use leptos::prelude::*;
use leptos_router::components::A;

use super::form::RetryIn;
use super::menu::Menu;
use crate::api::ApiError;
use crate::browser::set_title;

/// The product's name and logo.
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
pub fn SiteHeader(me: Signal<Option<Me>>, on_sign_out: Callback<()>) -> impl IntoView {
    let role = Memo::new(move |_| me.get().map(|me| me.user.role));
    let name = move || me.get().map(|me| me.user.display_name).unwrap_or_default();
    view! {
        <a class="skip" href="#main" rel="external">"Skip to content"</a>
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
                <Choices/>
                <button type="button" data-testid="sign-out" on:click=move |_| on_sign_out.run(())>
                    "Sign out"
                </button>
            </Menu>
        </header>
    }
}

/// The choice of colours, and the list of keys. The page's scripts carry them out: see `js/theme.ts` and `js/keys.ts`.
#[component]
pub fn Choices() -> impl IntoView {
    let themes =
        [("system", "as the system"), ("light", "light"), ("dark", "dark"), ("contrast", "high contrast")];
    view! {
        {themes.map(|(theme, name)| view! {
            <button type="button" data-theme-choice=theme>{["Colours: ", name].concat()}</button>
        })}
        <button type="button" data-opens="commands">"Commands (Ctrl+K)"</button>
        <button type="button" data-opens="keys">"Keyboard (?)"</button>
    }
}

/// Says that the server cannot be reached, and shows the platform's notices.
#[component]
pub fn Banners(
    #[prop(into)] reachable: Signal<bool>,
    #[prop(into)] notices: Signal<Vec<Notice>>,
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

/// A page's heading, which is also the title of the browser's tab.
#[component]
pub fn PageHeading(
    #[prop(into)] title: Signal<String>,
    /// A sentence below it.
    #[prop(into, optional)]
    lead: Option<String>,
) -> impl IntoView {
    Effect::new(move |_| title.with(|title| set_title(title)));
    view! {
        <div class="page-heading">
            <h1>{move || title.get()}</h1>
            {lead.map(|lead| view! { <p>{lead}</p> })}
        </div>
    }
}

/// Says that something is being loaded.
#[component]
pub fn Loading(#[prop(into)] text: String) -> impl IntoView {
    view! {
        <div class="loading" role="status">
            <span class="spinner" aria-hidden="true"></span>
            <span>{text}</span>
        </div>
    }
}

/// Says what went wrong and what to do next.
#[component]
pub fn ErrorNote(error: ApiError, #[prop(into, optional)] on_retry: Option<Callback<()>>) -> impl IntoView {
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

/// Says that there is nothing to show, and what to do about it.
#[component]
pub fn Empty(#[prop(into)] title: String, #[prop(into)] text: String) -> impl IntoView {
    view! {
        <div class="empty" data-testid="empty">
            <strong>{title}</strong>
            <p>{text}</p>
        </div>
    }
}
