//! A running lab.

use std::sync::Arc;

use lectern_api::ids::SessionId;
use lectern_api::page::RenderedPage;
use lectern_api::progress::Happening;
use lectern_api::sessions::{Session, SessionState};
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map};

use super::not_found::NotFound;
use super::{Loaded, load};
use crate::actions::runner::Runner;
use crate::api::events::EventStream;
use crate::api::{ApiError, Client, use_client};
use crate::browser::{Listener, window};
use crate::components::form::RetryIn;
use crate::components::frame::{Banners, ErrorNote, Loading};
use crate::paths;
use crate::progress::Progress;
use crate::terminal::Terminals;
use crate::workspace::lab_page::LabPage;
use crate::workspace::lifecycle::{NotRunning, Over};
use crate::workspace::splitter::SplitPanes;
use crate::workspace::terminal_pane::TerminalPane;
use crate::workspace::time_left::EndWarning;
use crate::workspace::top_bar::TopBar;
use crate::workspace::{Workspace, is_running};

/// The session that the address names.
#[component]
pub fn WorkspacePage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| {
        params.with(|params| params.get("id")).and_then(|id| id.parse::<SessionId>().ok())
    });
    move || match id.get() {
        Some(id) => view! { <LoadSession id=id/> }.into_any(),
        None => view! { <main class="site"><NotFound/></main> }.into_any(),
    }
}

#[component]
fn LoadSession(id: SessionId) -> impl IntoView {
    let client = use_client();
    let session = RwSignal::new(Loaded::<Session>::Loading);
    load(session, client.show_session(id));
    move || match session.get() {
        Loaded::Loading => view! { <Loading text="Opening your session…"/> }.into_any(),
        Loaded::Failed(error) => view! {
            <main class="site narrow">
                <ErrorNote error=error on_retry=move || load(session, client.show_session(id))/>
                <p><a href="/labs">"Go to the labs"</a></p>
            </main>
        }
        .into_any(),
        Loaded::Ready(session) => view! { <OpenWorkspace session=session/> }.into_any(),
    }
}

#[component]
fn OpenWorkspace(session: Session) -> impl IntoView {
    let client = use_client();
    let id = session.id;
    let Some(me) = client.me() else { return ().into_any() };
    let navigate = StoredValue::new(use_navigate());
    let session = RwSignal::new(session);
    let problem = RwSignal::new(None::<ApiError>);
    let shows_terminals = RwSignal::new(false);
    let go_to = Callback::new(move |name: String| {
        navigate.with_value(|go| go(&paths::page(id, &name), NavigateOptions::default()));
    });
    let progress = Progress::new(client, me.user.id, id);
    let terminals = Terminals::new();
    let page = page_of_address(client, id, session, progress);
    let running = Memo::new(move |_| session.with(|session| is_running(&session.state)));
    let runner = Runner {
        client,
        session: id,
        running: running.into(),
        terminals,
        progress,
        page,
        reveal_terminals: Callback::new(move |()| shows_terminals.set(true)),
    };
    let extending = RwSignal::new(false);
    let on_extend = extend(client, id, session, problem, extending);
    let workspace = Workspace {
        session,
        page,
        progress,
        terminals,
        runner,
        shows_terminals,
        go_to,
        on_extend,
        extending,
    };
    let _stream = StoredValue::new_local(follow(client, id, session));
    let _flush = StoredValue::new_local(flush_when_hidden(progress));
    let restarting = RwSignal::new(false);
    let again = Callback::new(move |()| {
        restarting.set(true);
        problem.set(None);
        let lab = session.with_untracked(|session| session.lab.clone());
        let over = session.with_untracked(|session| matches!(session.state, SessionState::Ended { .. }));
        spawn_local(async move {
            if !over {
                // one that cannot be ended stands in the way of the next, and that call then says so
                let _ = client.end_session(id).await;
            }
            match client.start_session(lab).await {
                Ok(new) => navigate.with_value(|go| go(&paths::session(new.id), NavigateOptions::default())),
                Err(error) => {
                    problem.try_set(Some(error));
                }
            }
            restarting.try_set(false);
        });
    });
    let end = Callback::new(move |()| {
        problem.set(None);
        progress.flush();
        spawn_local(async move {
            match client.end_session(id).await {
                Ok(()) => load_session(client, id, session).await,
                Err(error) => {
                    problem.try_set(Some(error));
                }
            }
        });
    });
    let over = Memo::new(move |_| {
        session.with(|session| matches!(session.state, SessionState::Ending | SessionState::Ended { .. }))
    });
    view! {
        <div class="window">
            <Banners reachable=client.reachable notices=Signal::stored(Vec::new())/>
            {move || problem.get().map(|error| view! {
                <div class="banner warn end-warning" role="alert" data-testid="error">
                    <span><strong>{error.title()}". "</strong>{error.detail()}</span>
                    <RetryIn error=error/>
                    <button type="button" class="button small" on:click=move |_| problem.set(None)>"Close"</button>
                </div>
            })}
            {move || if over.get() {
                view! { <Over workspace=workspace on_again=again busy=restarting/> }.into_any()
            } else {
                view! { <Bench workspace=workspace on_end=end on_retry=again restarting=restarting/> }.into_any()
            }}
        </div>
    }
    .into_any()
}

/// Page and terminals, side by side.
#[component]
fn Bench(
    workspace: Workspace,
    on_end: Callback<()>,
    on_retry: Callback<()>,
    restarting: RwSignal<bool>,
) -> impl IntoView {
    let has_terminals = workspace
        .session
        .with_untracked(|session| session.terminal_layout != "none" && !session.terminals.is_empty());
    let shows = workspace.shows_terminals;
    let left = view! {
        <div class="pane page-pane" id="lab-page" tabindex="-1">
            {(!has_terminals).then(|| view! { <NotRunning workspace=workspace on_retry=on_retry busy=restarting/> })}
            <PageOfLab workspace=workspace/>
        </div>
    };
    let right = view! {
        <div class="pane terminal-pane">
            {has_terminals.then(|| view! {
                <TerminalPane workspace=workspace/>
                <NotRunning workspace=workspace on_retry=on_retry busy=restarting/>
            })}
        </div>
    };
    view! {
        <div class="workspace" data-testid="workspace">
            <TopBar workspace=workspace has_terminals=has_terminals on_end=on_end/>
            <EndWarning workspace=workspace/>
            <SplitPanes
                split=Signal::stored(has_terminals)
                shows_right=shows
                left=left.into_any()
                right=right.into_any()
            />
        </div>
    }
}

#[component]
fn PageOfLab(workspace: Workspace) -> impl IntoView {
    let client = use_client();
    let id = workspace.runner.session;
    let content = RwSignal::new(Loaded::<Arc<RenderedPage>>::Loading);
    let fetch = move |name: String| {
        content.set(Loaded::Loading);
        spawn_local(async move {
            let outcome = client.show_page(id, &name).await;
            if workspace.page.try_get_untracked().as_ref() != Some(&name) {
                return;
            }
            if outcome.is_ok() {
                workspace.progress.record(&name, Happening::PageViewed);
            }
            content.try_set(outcome.map(Arc::new).into());
        });
    };
    Effect::new(move |before: Option<String>| {
        let name = workspace.page.get();
        if !name.is_empty() && before.as_ref() != Some(&name) {
            if before.is_some_and(|before| !before.is_empty()) {
                show_from_top();
            }
            workspace.shows_terminals.set(false);
            fetch(name.clone());
        }
        name
    });
    Effect::new(move |_| {
        let lab = workspace.session.with(|session| session.lab_title.clone());
        if let Some(document) = window().and_then(|window| window.document()) {
            document.set_title(&format!("{lab} · Lectern"));
        }
    });
    move || match content.get() {
        Loaded::Loading => view! { <Loading text="Loading the page…"/> }.into_any(),
        Loaded::Failed(error) => view! {
            <ErrorNote error=error on_retry=move || fetch(workspace.page.get_untracked())/>
        }
        .into_any(),
        Loaded::Ready(page) => view! { <LabPage workspace=workspace page=page/> }.into_any(),
    }
}

/// The page that the address names; where it names none, the one last viewed, or the first.
fn page_of_address(
    client: Client,
    id: SessionId,
    session: RwSignal<Session>,
    progress: Progress,
) -> RwSignal<String> {
    let params = use_params_map();
    let navigate = use_navigate();
    let page = RwSignal::new(String::new());
    let last = RwSignal::new(None::<Option<String>>);
    spawn_local(async move {
        let known = client.show_progress(id).await.unwrap_or_default();
        progress.marks.try_update(|marks| marks.merge(&known));
        last.try_set(Some(known.current_page.map(|name| name.to_string())));
    });
    Effect::new(move |_| {
        let rest = params.with(|params| params.get("rest")).unwrap_or_default();
        match rest.strip_prefix("pages/").filter(|name| !name.is_empty()) {
            Some(name) => {
                if page.get_untracked() != name {
                    page.set(name.to_owned());
                }
            }
            None => {
                let Some(last) = last.get() else { return };
                let pages = session.with_untracked(|session| session.pages.clone());
                let known = last.filter(|last| pages.iter().any(|link| link.name == *last));
                if let Some(name) = known.or_else(|| pages.first().map(|link| link.name.clone())) {
                    let options = NavigateOptions { replace: true, ..NavigateOptions::default() };
                    navigate(&paths::page(id, &name), options);
                }
            }
        }
    });
    page
}

fn extend(
    client: Client,
    id: SessionId,
    session: RwSignal<Session>,
    problem: RwSignal<Option<ApiError>>,
    extending: RwSignal<bool>,
) -> Callback<()> {
    Callback::new(move |()| {
        let SessionState::Running { expires_at, .. } =
            session.with_untracked(|session| session.state.clone())
        else {
            return;
        };
        extending.set(true);
        problem.set(None);
        spawn_local(async move {
            match client.extend_session(id, expires_at).await {
                Ok(extended) => {
                    session.try_set(extended);
                }
                Err(error) => {
                    problem.try_set(Some(error));
                }
            }
            extending.try_set(false);
        });
    })
}

/// Listens for what becomes of the session.
fn follow(client: Client, id: SessionId, session: RwSignal<Session>) -> EventStream {
    let lost = RwSignal::new(false);
    EventStream::open(
        &format!("/sessions/{id}/events"),
        "session",
        move |heard: Session| {
            if session.try_with_untracked(|known| *known != heard) == Some(true) {
                session.try_set(heard);
            }
        },
        move |open| {
            if lost.try_get_untracked() == Some(true) || !open {
                // what changed meanwhile, or why nothing can be heard
                spawn_local(load_session(client, id, session));
            }
            lost.try_set(!open);
        },
    )
}

async fn load_session(client: Client, id: SessionId, session: RwSignal<Session>) {
    if let Ok(now) = client.show_session(id).await
        && session.try_with_untracked(|known| *known != now) == Some(true)
    {
        session.try_set(now);
    }
}

fn flush_when_hidden(progress: Progress) -> Option<Listener> {
    let document = window()?.document()?;
    let state = document.clone();
    Some(Listener::new(&document, "visibilitychange", move |_| {
        if state.visibility_state() == web_sys::VisibilityState::Hidden {
            progress.flush();
        }
    }))
}

fn show_from_top() {
    let pane = window().and_then(|it| it.document()).and_then(|it| it.get_element_by_id("lab-page"));
    if let Some(pane) =
        pane.and_then(|pane| wasm_bindgen::JsCast::dyn_into::<web_sys::HtmlElement>(pane).ok())
    {
        pane.set_scroll_top(0);
        let _ = pane.focus();
    }
}
