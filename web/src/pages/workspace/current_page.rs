//! Reading the page of the lab that is on screen.

use std::sync::Arc;

use lectern_api::progress::Happening;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::api::use_client;
use crate::browser::{document, set_title};
use crate::components::frame::Loading;
use crate::pages::fetched::{WhenFetched, use_fetched};
use crate::workspace::Workspace;
use crate::workspace::lab_page::LabPage;

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
    Effect::new(move |_| workspace.session.with(|session| set_title(&session.lab_title)));
    move || match name.get() {
        name if name.is_empty() => view! { <Loading text=WAITING/> }.into_any(),
        name => view! { <NamedPage workspace=workspace name=name/> }.into_any(),
    }
}

#[component]
fn NamedPage(workspace: Workspace, name: String) -> impl IntoView {
    let client = use_client();
    let id = workspace.runner.session;
    let page = use_fetched(move || {
        let name = name.clone();
        async move {
            let page = client.show_page(id, &name).await?;
            // the learner may have gone on before it arrived
            if workspace.page.try_get_untracked().as_ref() == Some(&name) {
                workspace.progress.record(&name, Happening::PageViewed);
            }
            Ok(Arc::new(page))
        }
    });
    view! {
        <WhenFetched data=page waiting=WAITING let:page>
            <LabPage workspace=workspace page=page/>
        </WhenFetched>
    }
}

fn show_from_top() {
    let pane = document().and_then(|document| document.get_element_by_id("lab-page"));
    if let Some(pane) = pane.and_then(|pane| pane.dyn_into::<HtmlElement>().ok()) {
        pane.set_scroll_top(0);
        let _ = pane.focus();
    }
}
