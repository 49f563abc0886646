//! A page of the lab: its text with the blocks in it, and the buttons to the previous and next page.

use std::any::Any;
use std::sync::Arc;

use lectern_api::page::RenderedPage;
use lectern_api::progress::Happening;
use leptos::html::Div;
use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos_router::components::A;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlDetailsElement, HtmlElement, MouseEvent};

use super::Workspace;
use super::action_block::ActionView;
use crate::actions::address::{is_web_address, leads_nowhere};
use crate::actions::on_page::{PageActions, Sections};
use crate::browser;

#[component]
pub fn LabPage(workspace: Workspace, page: Arc<RenderedPage>) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let (name, html, title) = (page.name.clone(), page.html.clone(), page.title.clone());
    let (sign, link) = (page.exit.sign.clone(), page.exit.link.clone());
    let actions = PageActions::new(workspace.runner, page.clone(), SECTIONS);
    // dropping the handles removes the blocks
    let mounted = StoredValue::new_local(Vec::<Box<dyn Any>>::new());
    Effect::new(move |_| {
        let Some(text) = node.get() else { return };
        for (at, block) in page.actions.iter().enumerate().filter(|(_, block)| !block.options.hidden) {
            let place = text.query_selector(&format!("[data-action=\"{}\"]", block.id));
            let Some(place) = place.ok().flatten().and_then(|place| place.dyn_into::<HtmlElement>().ok())
            else {
                continue;
            };
            let (page, progress) = (page.clone(), workspace.progress);
            let handle = mount_to(place, move || {
                view! {
                    <ActionView page=page at=at actions=actions progress=progress/>
                }
            });
            mounted.update_value(|mounted| mounted.push(Box::new(handle)));
        }
        browser::enhance(&text);
        actions.open_sections();
    });
    let started = StoredValue::new(false);
    Effect::new(move |_| {
        if node.get().is_some() && workspace.progress.is_known.get() && !started.get_value() {
            started.set_value(true);
            actions.start();
        }
    });
    view! {
        <article class="lab-page" data-page=name>
            <h2 class="page-title" data-testid="page-title">{title}</h2>
            <div
                class="prose"
                node_ref=node
                inner_html=html
                on:click=move |event| follow_click(&event, workspace, actions)
            ></div>
            <PageEnd workspace=workspace sign=sign link=link/>
        </article>
    }
}

/// Handles clicks on links to other pages of the lab, and on headings of sections.
fn follow_click(event: &MouseEvent, workspace: Workspace, actions: PageActions) {
    let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
    if let Ok(Some(heading)) = target.closest("[data-section-begin] > summary") {
        // opens the section by its action, as a cascade would
        event.prevent_default();
        let section =
            heading.parent_element().and_then(|section| section.get_attribute("data-section-begin"));
        if let Some(id) = section.and_then(|id| id.parse().ok()) {
            actions.click(id);
        }
    } else if let Ok(Some(link)) = target.closest("a[href^='#page=']") {
        event.prevent_default();
        let name = link.get_attribute("href").unwrap_or_default();
        workspace.go_to.run(crate::paths::decode(name.trim_start_matches("#page=")));
    }
}

const SECTIONS: Sections = Sections {
    is_open: |id| section(id).is_none_or(|section| section.open()),
    set_open: |id, open| {
        if let Some(section) = section(id) {
            section.set_open(open);
        }
    },
};

fn section(id: u32) -> Option<HtmlDetailsElement> {
    browser::document()?.query_selector(&format!("[data-section-begin=\"{id}\"]")).ok()??.dyn_into().ok()
}

#[component]
fn PageEnd(
    workspace: Workspace,
    /// The author's word for the button.
    sign: Option<String>,
    /// Where the button of the last page leads.
    link: Option<String>,
) -> impl IntoView {
    let link = link.filter(|link| is_web_address(link) && !leads_nowhere(link));
    let way_on = link.clone();
    let sign_or = move |word: &str| sign.clone().unwrap_or_else(|| word.to_owned());
    let previous = Memo::new(move |_| workspace.neighbour(-1));
    let next = Memo::new(move |_| workspace.neighbour(1));
    let finished = Memo::new(move |_| workspace.progress.marks.with(|marks| marks.finished));
    let title_of = move |name: &str| {
        workspace.session.with(|session| {
            session
                .pages
                .iter()
                .find(|link| link.name == name)
                .map(|link| link.title.clone())
                .unwrap_or_default()
        })
    };
    let step = move |name: String, word: String, class: &'static str, testid: &'static str| {
        let title = title_of(&name);
        view! {
            <button type="button" class=class data-testid=testid
                on:click=move |_| workspace.go_to.run(name.clone())>
                <span class="step-word">{word}</span>
                <span class="step-title">{title}</span>
            </button>
        }
    };
    let finish = move |_| {
        workspace.progress.record(&workspace.page.get_untracked(), Happening::LabFinished);
        if let Some(link) = &link {
            browser::open_in_new_tab(link);
        }
    };
    view! {
        <nav class="page-end" aria-label="Page by page">
            {move || previous.get().map(|name| step(name, "‹ Previous".to_owned(), "step", "page-previous"))}
            <span class="grow"></span>
            {move || match (next.get(), finished.get()) {
                (Some(name), _) => step(name, sign_or("Next ›"), "step primary", "page-next").into_any(),
                (None, false) => view! {
                    <button type="button" class="step primary" data-testid="page-finish" on:click=finish.clone()>
                        <span class="step-word">{sign_or("Finish lab")}</span>
                    </button>
                }.into_any(),
                (None, true) => ().into_any(),
            }}
        </nav>
        <div role="status">
            <Show when=move || finished.get() && next.get().is_none()>
                <div class="note good" data-testid="lab-finished">
                    <strong>"You finished this lab."</strong>
                    {way_on.clone().map(|link| view! {
                        <p><a href=link target="_blank" rel="noopener noreferrer">"Go on from here"</a></p>
                    })}
                    <p>
                        "Your session stays open until you end it or its time is up. "
                        <A href="/labs">"Browse labs"</A>
                    </p>
                </div>
            </Show>
        </div>
    }
}
