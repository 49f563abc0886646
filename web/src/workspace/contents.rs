//! The lab's table of contents, as a menu.

use lectern_api::page::PageLink;
use leptos::prelude::*;

use super::Workspace;
use crate::components::menu::Menu;
use crate::paths;

/// All pages, each with a mark for what was viewed and what passed.
#[component]
pub fn Contents(workspace: Workspace) -> impl IntoView {
    view! {
        <Menu class="contents" testid="contents-open" heading="Contents".into_any()>
            <nav aria-label="Pages of this lab">
                <ol>
                    {move || workspace.session.with(|session| session.pages.clone())
                        .into_iter()
                        .enumerate()
                        .map(|(at, link)| view! { <Item workspace=workspace at=at link=link/> })
                        .collect_view()}
                </ol>
            </nav>
        </Menu>
    }
}

#[component]
fn Item(workspace: Workspace, at: usize, link: PageLink) -> impl IntoView {
    let PageLink { name, title } = link;
    let href = paths::page(workspace.session.with_untracked(|session| session.id), &name);
    let testid = format!("contents-{name}");
    let marked = name.clone();
    // class, sign, and words for screen readers
    let mark = move || {
        let (class, sign, words) = workspace.progress.marks.with(|marks| {
            match (marks.all_passed(&marked), marks.is_viewed(&marked)) {
                (Some(true), _) => ("passed", "✓", "checks passed"),
                (Some(false), _) => ("open", "!", "checks to do"),
                (None, true) => ("seen", "•", "viewed"),
                (None, false) => ("new", "", "not viewed yet"),
            }
        });
        view! {
            <span class=format!("mark {class}") aria-hidden="true">{sign}</span>
            <span class="visually-hidden">{format!(" ({words})")}</span>
        }
    };
    view! {
        <li>
            <a
                href=href
                data-testid=testid
                aria-current=move || (workspace.page.get() == name).then_some("page")
            >
                <span class="contents-number">{at + 1}</span>
                <span class="contents-title">{title}</span>
                {mark}
            </a>
        </li>
    }
}
