//! The lab's table of contents, as a menu.

use leptos::prelude::*;

use super::Workspace;
use crate::components::menu::Menu;
use crate::paths;

/// All pages, with what was seen and what passed.
#[component]
pub fn Contents(
    /// The workspace.
    workspace: Workspace,
) -> impl IntoView {
    let item = move |at: usize, name: String, title: String| {
        let href = paths::page(workspace.session.with_untracked(|session| session.id), &name);
        let (mark_name, current_name) = (name.clone(), name.clone());
        let mark = move || {
            workspace.progress.marks.with(|marks| {
                match (marks.all_passed(&mark_name), marks.is_viewed(&mark_name)) {
                    (Some(true), _) => ("passed", "✓", "checks passed"),
                    (Some(false), _) => ("open", "!", "checks to do"),
                    (None, true) => ("seen", "•", "seen"),
                    (None, false) => ("new", "", "not seen yet"),
                }
            })
        };
        let (for_class, for_words) = (mark.clone(), mark.clone());
        view! {
            <li>
                <a
                    href=href
                    data-testid=format!("contents-{name}")
                    aria-current=move || (workspace.page.get() == current_name).then_some("page")
                >
                    <span class="contents-number">{at + 1}</span>
                    <span class="contents-title">{title}</span>
                    <span class=move || format!("mark {}", for_class().0) aria-hidden="true">{move || mark().1}</span>
                    <span class="visually-hidden">{move || format!(" ({})", for_words().2)}</span>
                </a>
            </li>
        }
    };
    view! {
        <Menu class="contents" testid="contents-open" heading="Contents".into_any()>
            <nav aria-label="Pages of this lab">
                <ol>
                    {move || workspace.session.with(|session| session.pages.clone())
                        .into_iter()
                        .enumerate()
                        .map(|(at, link)| item(at, link.name, link.title))
                        .collect_view()}
                </ol>
            </nav>
        </Menu>
    }
}
