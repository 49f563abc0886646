//! The clickable blocks of a page.

mod frame;

use std::sync::Arc;

use lectern_api::actions::{ActionError, BlockContent};
use lectern_api::page::RenderedPage;
use leptos::prelude::*;
use web_sys::MouseEvent;

use super::action_form::ActionForm;
use crate::actions::on_page::PageActions;
use crate::actions::plan::{CheckPlan, Plan, Target, plan};
use crate::actions::runner::{ActionState, NOT_PASSED, Trigger};
use crate::browser;
use crate::progress::Progress;
use frame::{Block, BlockFace, BlockFrame, Copying, Look, RunButton};

const TERMINAL: Look = Look { family: "terminal", go: "▶", running: "Sending…", done: "Sent" };
const COPY: Look = Look { family: "copy", go: "", running: "Copying…", done: "Copied" };
const LINK: Look = Look { family: "link", go: "↗", running: "Opening…", done: "Opened" };
const TAB: Look = Look { family: "opens-tab", go: "", running: "Opening…", done: "Done" };
const CHECK: Look = Look { family: "check", go: "Check", running: "Checking…", done: "Passed" };
const TOOL: Look = Look { family: "in-tool", go: "", running: "Working…", done: "Done" };
const TICK: Look = Look { family: "tick", go: "", running: "", done: "Done" };

/// One block of a page; `at` is its position among them.
#[component]
pub fn ActionView(
    page: Arc<RenderedPage>,
    at: usize,
    actions: PageActions,
    progress: Progress,
) -> impl IntoView {
    let Some(source) = page.actions.get(at) else { return ().into_any() };
    let block = Block::from(source);
    let action = match &source.content {
        BlockContent::Ready { action } => action,
        BlockContent::Broken { error } => {
            return view! { <BrokenBlock block=block error=error.clone()/> }.into_any();
        }
    };
    let copying = Copying::of(source);
    let page = page.name.clone();
    let planned = plan(action);
    let target = match &planned {
        Plan::Type { target: Target::One(name), .. } | Plan::Paste { target: Target::One(name), .. }
            if name != "1" =>
        {
            format!(" {name}")
        }
        _ => String::new(),
    };
    let (look, goes_on_in_terminal) = match planned {
        Plan::Type { .. } | Plan::Paste { .. } => (&TERMINAL, true),
        Plan::Clear(_) | Plan::Select(_) | Plan::ShowTerminals => (&TERMINAL, false),
        Plan::Copy(_) => (&COPY, false),
        Plan::OpenUrl(_) => (&LINK, false),
        Plan::Tab(_) => (&TAB, false),
        Plan::Tool(_) => (&TOOL, false),
        Plan::Tick => (&TICK, false),
        Plan::Check(check) => {
            return view! {
                <CheckBlock block=block copying=copying page=page check=check actions=actions progress=progress/>
            }
            .into_any();
        }
        Plan::Unsupported(why) => return view! { <UnsupportedBlock block=block why=why/> }.into_any(),
        // sections are part of the page's own HTML
        Plan::BeginSection | Plan::EndSection { .. } => return ().into_any(),
    };
    view! {
        <PressBlock
            block=block
            copying=copying
            page=page
            look=look
            target=target
            goes_on_in_terminal=goes_on_in_terminal
            actions=actions
            progress=progress
        />
    }
    .into_any()
}

/// A block that a click runs.
#[component]
fn PressBlock(
    block: Block,
    copying: Copying,
    page: String,
    look: &'static Look,
    target: String,
    /// Whether the learner will want to type into the terminal next.
    goes_on_in_terminal: bool,
    actions: PageActions,
    progress: Progress,
) -> impl IntoView {
    let id = block.id;
    let Some(state) = actions.state(id) else { return ().into_any() };
    let shown = Memo::new(move |_| match state.get() {
        ActionState::Idle if progress.marks.with(|marks| marks.is_run(&page, id)) => ActionState::Done(None),
        now => now,
    });
    let clicked = move |event: MouseEvent| {
        // a mouse click has a detail; a press of Enter has none, and keeps the focus on the page
        let goes_on_in_terminal =
            goes_on_in_terminal && event.detail() > 0 && browser::matches_media("(hover: hover)");
        actions.click_with(id, Trigger { inputs: None, goes_on_in_terminal });
    };
    view! {
        <BlockFrame block=block.clone() look=look state=shown copying=copying>
            <RunButton block=block look=look target=target state=shown copying=copying on_click=clicked/>
        </BlockFrame>
    }
    .into_any()
}

/// A block that runs a check, after its form is filled in if it has one.
#[component]
fn CheckBlock(
    block: Block,
    copying: Copying,
    page: String,
    check: CheckPlan,
    actions: PageActions,
    progress: Progress,
) -> impl IntoView {
    let id = block.id;
    let Some(state) = actions.state(id) else { return ().into_any() };
    let CheckPlan { name, form, .. } = check;
    let shown = Memo::new(move |_| {
        let earlier = progress.marks.with(|marks| marks.result(&page, &name, id));
        match (state.get(), earlier) {
            (ActionState::Idle, Some(true)) => ActionState::Done(None),
            (ActionState::Idle, Some(false)) => {
                ActionState::Failed { message: NOT_PASSED.to_owned(), output: None }
            }
            (now, _) => now,
        }
    });
    let busy = Signal::derive(move || shown.with(ActionState::is_running));
    let answered = Callback::new(move |answers| {
        actions.click_with(id, Trigger { inputs: Some(answers), goes_on_in_terminal: false });
    });
    let trigger = match form {
        Some(form) => view! {
            <div class="action-run"><BlockFace block=block.clone()/></div>
            <ActionForm form=form id=id busy=busy on_answers=answered/>
        }
        .into_any(),
        None => view! {
            <RunButton block=block.clone() look=&CHECK state=shown copying=copying on_click=move |_| actions.click(id)/>
        }
        .into_any(),
    };
    view! {
        <BlockFrame block=block look=&CHECK state=shown copying=copying>{trigger}</BlockFrame>
    }
    .into_any()
}

/// A block that this workspace cannot run: it says why, and there is nothing to press.
#[component]
fn UnsupportedBlock(block: Block, why: &'static str) -> impl IntoView {
    view! {
        <div
            class="action not-offered"
            role="note"
            data-testid=format!("action-{}", block.id)
            data-action-kind=block.kind.clone()
            data-state="not-offered"
        >
            <div class="action-run"><BlockFace block=block.clone()/></div>
            <div class="action-foot"><span>{why}</span></div>
        </div>
    }
}

/// A block whose text is not an action: it shows the author what is wrong.
#[component]
fn BrokenBlock(block: Block, error: ActionError) -> impl IntoView {
    view! {
        <div
            class="action broken"
            role="note"
            data-testid=format!("action-{}", block.id)
            data-action-kind=block.kind
            data-state="failed"
        >
            <strong>{format!("{} (line {})", error.message, error.line)}</strong>
            <p>{error.reason}</p>
            {(!block.body.is_empty()).then(|| view! { <pre>{block.body}</pre> })}
        </div>
    }
}
