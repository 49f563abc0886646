//! A web page in a tab.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Workspace;
use crate::actions::address::{leads_nowhere, through_lectern};
use crate::tabs::list::Content;

/// What a page in a tab may do. It stays in its frame: nothing lets it lead the whole window elsewhere.
const SANDBOX: &str = "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox \
                       allow-modals allow-downloads allow-pointer-lock";
const NO_WEB_APPLICATIONS: &str =
    "This workspace can't show web applications. Its operator can switch that on.";

/// What the frame shows.
#[derive(Clone, PartialEq)]
enum Frame {
    Opening,
    Page(String),
    /// Why there is none.
    Refused(String),
}

#[component]
pub fn WebPane(workspace: Workspace, id: u32) -> impl IntoView {
    let tabs = workspace.tabs;
    let shown = Memo::new(move |_| {
        tabs.list.with(|list| match list.get(id)?.content.clone() {
            Content::Web { url, loads } => Some((list.get(id)?.name.clone(), url, loads)),
            _ => None,
        })
    });
    let frame = RwSignal::new(Frame::Opening);
    let (session, namespace) =
        workspace.session.with_untracked(|session| (session.id, session.namespace.clone()));
    let client = workspace.runner.client;
    let own = namespace.clone();
    Effect::new(move |_| {
        let Some((_, url, _)) = shown.get() else { return };
        if leads_nowhere(&url) {
            frame.set(Frame::Refused(NO_WEB_APPLICATIONS.to_owned()));
            return;
        }
        if !url.contains(&own) {
            // a frame loads its page again only if it is another frame
            frame.set(Frame::Opening);
            frame.set(Frame::Page(url));
            return;
        }
        // an application of the session lets its learner in only
        frame.set(Frame::Opening);
        spawn_local(async move {
            let answer = match client.grant_preview(session, &url).await {
                Ok(address) => Frame::Page(address),
                Err(error) => Frame::Refused(error.detail()),
            };
            frame.try_set(answer);
        });
    });
    let reload = Callback::new(move |()| {
        if let Some((name, ..)) = shown.get_untracked() {
            tabs.reload(&name, false);
        }
    });
    let address = move || shown.get().map(|(_, url, _)| url).unwrap_or_default();
    let name = move || shown.get().map(|(name, ..)| name).unwrap_or_default();
    view! {
        <div class="web-bar">
            <span class="web-address" title=address>{address}</span>
            <button type="button" data-testid=format!("web-reload-{id}") on:click=move |_| reload.run(())>"Reload"</button>
            <a
                href=move || through_lectern(&address(), session, &namespace)
                target="_blank"
                rel="noopener noreferrer"
                title="Some sites can't be shown in a frame"
            >
                "Open in a browser tab"
            </a>
        </div>
        {move || match frame.get() {
            Frame::Opening => view! { <div class="tab-note" role="status"><p>"Opening…"</p></div> }.into_any(),
            Frame::Refused(why) => view! {
                <div class="tab-note" role="alert">
                    <p>{why}</p>
                    <button type="button" class="button" on:click=move |_| reload.run(())>"Try again"</button>
                </div>
            }
            .into_any(),
            Frame::Page(address) => view! {
                <iframe
                    class="web-frame"
                    title=name
                    src=address
                    sandbox=SANDBOX
                    referrerpolicy="no-referrer"
                    allow="clipboard-read; clipboard-write; fullscreen"
                    data-testid=format!("web-{id}")
                ></iframe>
            }
            .into_any(),
        }}
    }
}
