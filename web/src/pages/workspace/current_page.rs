//! Reading the page of the lab that is on screen.

use std::sync::Arc;
use std::time::Duration;

use lectern_api::page::RenderedPage;
use lectern_api::progress::Happening;
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::api::{ApiError, Client, use_client};
use crate::browser::{document, set_title, sleep};
use crate::components::frame::Loading;
use crate::kept_pages::KeptPage;
use crate::pages::fetched::{WhenFetched, use_fetched};
use crate::workspace::Workspace;
use crate::workspace::lab_page::LabPage;

/// How many pages to fetch ahead.
const FETCHED_AHEAD: usize = 10;
/// How long to wait before each: what the learner does comes first.
const BETWEEN_PAGES: Duration = Duration::from_millis(700);
/// How long a page that was fetched is shown as it is: an author's changes are seen after that.
const FRESH_MS: f64 = 60_000.0;
const WAITING: &str = "Loading the page…";

#[component]
pub fn CurrentPage(workspace: Workspace) -> impl IntoView {
    let name = Memo::new(move |_| workspace.page.get());
    Effect::new(move |before: Option<String>| {
        let name = name.get();
        if !name.is_empty() && before.as_ref() != Some(&name) {
            if before.is_some_and(|before| !before.is_empty()) {
                show_from_top();
            }
            workspace.tabs.shown.set(false);
        }
        name
    });
    Effect::new(move |_| {
        let name = name.get();
        workspace.session.with(|session| {
            let title = session.pages.iter().find(|link| link.name == name).map(|link| link.title.as_str());
            set_title(&[title.unwrap_or_default(), " · ", &session.lab_title].concat());
        });
    });
    move || match name.get() {
        name if name.is_empty() => view! { <Loading text=WAITING/> }.into_any(),
        name => view! { <NamedPage workspace=workspace name=name/> }.into_any(),
    }
}

#[component]
fn NamedPage(workspace: Workspace, name: String) -> impl IntoView {
    let reader = Reader { client: use_client(), workspace };
    let page = use_fetched(move || {
        let name = name.clone();
        async move {
            let page = reader.read(&name).await?;
            // the learner may have gone on before it arrived
            if reader.is_on_screen(&name) {
                workspace.progress.record(&name, Happening::PageViewed);
                spawn_local(reader.fetch_ahead(name));
            }
            Ok(page)
        }
    });
    view! {
        <WhenFetched data=page waiting=WAITING let:page>
            <LabPage workspace=workspace page=page/>
        </WhenFetched>
    }
}

/// Reads pages, and those behind them ahead of time.
#[derive(Clone, Copy)]
struct Reader {
    client: Client,
    workspace: Workspace,
}

impl Reader {
    fn is_on_screen(self, name: &str) -> bool {
        self.workspace.page.try_with_untracked(|page| page == name).unwrap_or_default()
    }

    /// Returns a page that was fetched a moment ago, or fetches it; without a connection, the one that was fetched last.
    async fn read(self, name: &str) -> Result<Arc<RenderedPage>, ApiError> {
        let kept = self.workspace.runner.pages.find(name);
        if let Some(kept) = kept.as_ref().filter(|kept| js_sys::Date::now() - kept.at_ms < FRESH_MS) {
            return Ok(kept.page.clone());
        }
        self.fetch(name).await.or_else(|error| kept.map(|kept| kept.page).ok_or(error))
    }

    async fn fetch(self, name: &str) -> Result<Arc<RenderedPage>, ApiError> {
        let runner = self.workspace.runner;
        let (page, json) = self.client.show_page(runner.session, name).await?;
        let page = Arc::new(page);
        runner.pages.keep(KeptPage { page: page.clone(), json: json.into(), at_ms: js_sys::Date::now() });
        Ok(page)
    }

    /// Fetches the pages behind this one, one after another, for as long as the learner stays on it.
    async fn fetch_ahead(self, from: String) {
        let behind = self.workspace.session.try_with_untracked(|session| {
            let names = session.pages.iter().map(|link| link.name.clone());
            names.skip_while(|name| *name != from).skip(1).take(FETCHED_AHEAD).collect::<Vec<_>>()
        });
        for name in behind.unwrap_or_default() {
            sleep(BETWEEN_PAGES).await;
            let is_kept = self.workspace.runner.pages.find(&name).is_some();
            if !self.is_on_screen(&from) || (!is_kept && self.fetch(&name).await.is_err()) {
                return;
            }
        }
    }
}

fn show_from_top() {
    let pane = document().and_then(|document| document.get_element_by_id("lab-page"));
    if let Some(pane) = pane.and_then(|pane| pane.dyn_into::<HtmlElement>().ok()) {
        pane.set_scroll_top(0);
        let _ = pane.focus();
    }
}
