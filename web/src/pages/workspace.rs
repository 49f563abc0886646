//! A running lab.

mod address;
mod current_page;
mod requests;
mod stream;

use gloo_events::EventListener;
use lectern_api::ids::SessionId;
use lectern_api::sessions::{Session, SessionState};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::fetched::{FetchStatus, use_fetched};
use super::not_found::NotFound;
use super::params::use_id;
use crate::actions::runner::Runner;
use crate::actions::typist::Typist;
use crate::api::{ApiError, use_client};
use crate::browser::{document, is_page_visible};
use crate::components::form::RetryIn;
use crate::components::frame::Banners;
use crate::kept_pages::KeptPages;
use crate::paths;
use crate::progress::Progress;
use crate::tabs::Tabs;
use crate::workspace::Workspace;
use crate::workspace::lifecycle::{NotRunning, Over};
use crate::workspace::notices::Notices;
use crate::workspace::splitter::SplitPanes;
use crate::workspace::tab_pane::TabPane;
use crate::workspace::time_left::EndWarning;
use crate::workspace::top_bar::TopBar;
use address::use_page_of_address;
use current_page::CurrentPage;
use requests::{Requests, use_requests};
use stream::use_session_stream;

#[component]
pub fn WorkspacePage() -> impl IntoView {
    let id = use_id::<SessionId>();
    move || match id.get() {
        Some(id) => view! { <LoadSession id=id/> }.into_any(),
        None => view! { <main class="site"><NotFound/></main> }.into_any(),
    }
}

#[component]
fn LoadSession(id: SessionId) -> impl IntoView {
    let client = use_client();
    let session = use_fetched(move || client.show_session(id));
    move || match session.value.get() {
        Some(session) => view! { <OpenWorkspace session=session/> }.into_any(),
        None => view! {
            <main class="site narrow">
                <FetchStatus state=session.state waiting="Opening your session…" whole_page=true/>
            </main>
        }
        .into_any(),
    }
}

#[component]
fn OpenWorkspace(session: Session) -> impl IntoView {
    let client = use_client();
    // only signed-in users get here, but a login can end at any moment
    let Some(me) = client.me() else { return ().into_any() };
    let id = session.id;
    let tabs = Tabs::of(&session);
    let session = RwSignal::new(session);
    use_session_stream(client, id, session);
    let progress = Progress::new(client, me.user.id, id);
    let _flush = StoredValue::new_local(flush_when_hidden(progress));
    let requests = use_requests(client, session, progress);
    let page = use_page_of_address(client, id, session, progress);
    let navigate = StoredValue::new(use_navigate());
    let workspace = Workspace {
        session,
        page,
        progress,
        tabs,
        runner: Runner {
            client,
            session: id,
            typist: Typist::new(session, tabs),
            tabs,
            pages: KeptPages::new(),
            progress,
            page,
            starting: StoredValue::new(Vec::new()),
        },
        go_to: Callback::new(move |name: String| {
            navigate.with_value(|go| go(&paths::page(id, &name), NavigateOptions::default()));
        }),
        on_extend: requests.extend.send,
        extending: requests.extend.busy,
    };
    view! { <Layout workspace=workspace requests=requests/> }.into_any()
}

/// The workspace, or what takes its place once the session is over.
#[component]
fn Layout(workspace: Workspace, requests: Requests) -> impl IntoView {
    let reachable = use_client().reachable;
    let is_over = Memo::new(move |_| {
        workspace
            .session
            .with(|session| matches!(session.state, SessionState::Ending | SessionState::Ended { .. }))
    });
    view! {
        <div class="window">
            <Banners reachable=reachable notices=Signal::stored(Vec::new())/>
            <Problem problem=requests.problem/>
            {move || if is_over.get() {
                view! {
                    <Over workspace=workspace on_again=requests.restart.send busy=requests.restart.busy/>
                }.into_any()
            } else {
                view! { <Panes workspace=workspace requests=requests/> }.into_any()
            }}
        </div>
    }
}

/// Why the last request failed.
#[component]
fn Problem(problem: RwSignal<Option<ApiError>>) -> impl IntoView {
    move || {
        problem.get().map(|error| {
            view! {
                <div class="banner warn end-warning" role="alert" data-testid="error">
                    <span><strong>{error.title()}". "</strong>{error.detail()}</span>
                    <RetryIn error=error/>
                    <button type="button" class="button small" on:click=move |_| problem.set(None)>"Close"</button>
                </div>
            }
        })
    }
}

/// Page and tabs, side by side.
#[component]
fn Panes(workspace: Workspace, requests: Requests) -> impl IntoView {
    let tabs = workspace.tabs;
    let has_tabs = Memo::new(move |_| tabs.list.with(|list| !list.all().is_empty()));
    let curtain = move || {
        view! {
            <NotRunning workspace=workspace on_retry=requests.restart.send busy=requests.restart.busy/>
        }
    };
    let left = view! {
        <div class="pane page-pane" id="lab-page" tabindex="-1">
            {move || (!has_tabs.get()).then(curtain)}
            <CurrentPage workspace=workspace/>
        </div>
    };
    let right = view! {
        <div class="pane tab-pane">
            {move || has_tabs.get().then(|| view! { <TabPane workspace=workspace/> {curtain()} })}
        </div>
    };
    view! {
        <div class="workspace" data-testid="workspace">
            <TopBar workspace=workspace has_tabs=has_tabs on_end=requests.end.send/>
            <main class="workspace-main">
                <EndWarning workspace=workspace/>
                <Notices workspace=workspace/>
                <SplitPanes split=has_tabs shows_right=tabs.shown left=left.into_any() right=right.into_any()/>
            </main>
        </div>
    }
}

/// Sends what is left of the progress when the page is hidden, which may be its last moment.
fn flush_when_hidden(progress: Progress) -> Option<EventListener> {
    let document = document()?;
    Some(EventListener::new(&document, "visibilitychange", move |_| {
        if !is_page_visible() {
            progress.flush();
        }
    }))
}
