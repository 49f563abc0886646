//! The parts of the app that are fetched when they are first needed: the workspace, and the pages about people and
//! classes. What only they reach is not in the module that the first page waits for: `xtask/wasm-bindgen-driver` cuts it
//! off here.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};
use wasm_bindgen::prelude::*;

use crate::browser::window;
use crate::components::frame::{Loading, PageHeading};
use crate::pages::account::AccountPage;
use crate::pages::audit::AuditPage;
use crate::pages::class::ClassPage;
use crate::pages::classes::ClassesPage;
use crate::pages::people::PeoplePage;
use crate::pages::person::PersonPage;
use crate::pages::workspace::WorkspacePage;

/// A page of another part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    Account,
    Audit,
    Class,
    Classes,
    People,
    Person,
    Workspace,
}

/// Draws a page of a part that is here.
type Draw = fn(Page) -> AnyView;

#[wasm_split(workspace, wasm_split_path = leptos::wasm_split, fallible)]
fn workspace() -> Result<Draw, SplitLoaderError> {
    Ok(|_| WorkspacePage().into_any())
}

#[wasm_split(people, wasm_split_path = leptos::wasm_split, fallible)]
fn people() -> Result<Draw, SplitLoaderError> {
    Ok(|page| match page {
        Page::Account => AccountPage().into_any(),
        Page::Audit => AuditPage().into_any(),
        Page::Class => ClassPage().into_any(),
        Page::Classes => ClassesPage().into_any(),
        Page::People => PeoplePage().into_any(),
        Page::Person => PersonPage().into_any(),
        Page::Workspace => ().into_any(),
    })
}

#[wasm_bindgen]
extern "C" {
    /// Fetches the workspace's styles; returns whether they are here. See `js/parts.ts`.
    #[wasm_bindgen(js_namespace = LecternParts, js_name = loadStyles)]
    async fn load_styles() -> JsValue;
}

/// Fetches the part that a page is in, with its styles, unless it is here. `None` if that failed.
async fn fetch(page: Page) -> Option<Draw> {
    if page != Page::Workspace {
        return people().await.ok();
    }
    let (draw, styles) = futures::join!(workspace(), load_styles());
    draw.ok().filter(|_| styles.is_truthy())
}

/// Begins to fetch the part that a page is in, because it will soon be shown.
pub fn fetch_ahead(page: Page) {
    spawn_local(async move {
        // whoever shows the page says so if this failed
        let _ = fetch(page).await;
    });
}

#[derive(Clone, Copy)]
enum State {
    Fetching,
    Here(Draw),
    Failed,
}

/// Draws a page of another part, as soon as the part is here.
#[component]
pub fn Later(page: Page) -> impl IntoView {
    let state = RwSignal::new(State::Fetching);
    spawn_local(async move {
        state.try_set(fetch(page).await.map_or(State::Failed, State::Here));
    });
    move || match state.get() {
        State::Fetching => view! { <Loading text="Loading…"/> }.into_any(),
        State::Here(draw) => draw(page),
        State::Failed => view! { <NotFetched/> }.into_any(),
    }
}

/// Says that a part could not be fetched: there is no connection, or the server has another version of the app by now.
#[component]
fn NotFetched() -> impl IntoView {
    let reload = move |_| {
        if let Some(window) = window() {
            let _ = window.location().reload();
        }
    };
    view! {
        <div class="note error" role="alert" data-testid="part-failed">
            <PageHeading title="This page couldn't be loaded"/>
            <p>"Lectern may have been updated since you opened it, or there is no connection. Reload the page."</p>
            <button type="button" class="button" on:click=reload>"Reload"</button>
        </div>
    }
}
