//! A web page in a tab.

use leptos::prelude::*;

use super::Workspace;
use crate::actions::address::leads_nowhere;
use crate::tabs::list::Content;

/// What a page in a tab may do. It stays in its frame: nothing lets it lead the whole window elsewhere.
const SANDBOX: &str = "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox \
                       allow-modals allow-downloads allow-pointer-lock";

#[component]
pub fn WebPane(workspace: Workspace, id: u32) -> impl IntoView {
    let tabs = workspace.tabs;
    let shown = Memo::new(move |_| {
        tabs.list.with(|list| match list.get(id)?.content.clone() {
            Content::Web { url, loads } => Some((list.get(id)?.name.clone(), url, loads)),
            _ => None,
        })
    });
    move || {
        let (name, url, _) = shown.get()?;
        if leads_nowhere(&url) {
            return Some(
                view! {
                    <div class="tab-note" role="note">
                        <p>"This workspace can't show web applications. Its operator can switch that on."</p>
                    </div>
                }
                .into_any(),
            );
        }
        let reload = {
            let name = name.clone();
            move |_| {
                tabs.reload(&name, false);
            }
        };
        Some(view! {
            <div class="web-bar">
                <span class="web-address" title=url.clone()>{url.clone()}</span>
                <button type="button" data-testid=format!("web-reload-{id}") on:click=reload>"Reload"</button>
                <a href=url.clone() target="_blank" rel="noopener noreferrer" title="Some sites can't be shown in a frame">
                    "Open in a browser tab"
                </a>
            </div>
            <iframe
                class="web-frame"
                title=name
                src=url
                sandbox=SANDBOX
                referrerpolicy="no-referrer"
                allow="clipboard-read; clipboard-write; fullscreen"
                data-testid=format!("web-{id}")
            ></iframe>
        }
        .into_any())
    }
}
