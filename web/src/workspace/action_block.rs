//! A clickable block of a page.

use std::sync::Arc;

use lectern_api::actions::ActionBlock;
use lectern_api::page::RenderedPage;
use leptos::prelude::*;
use web_sys::MouseEvent;

use super::action_form::ActionForm;
use crate::actions::on_page::PageActions;
use crate::actions::plan::{Plan, copy_text, plan};
use crate::actions::runner::ActionState;
use crate::browser;
use crate::progress::Progress;

/// One block. What it shows follows from what happened here and, before that, from what is known of earlier.
#[component]
pub fn ActionView(
    /// The page it stands on.
    page: Arc<RenderedPage>,
    /// Its place among the page's blocks.
    at: usize,
    /// The page's actions.
    actions: PageActions,
    /// What was done before.
    progress: Progress,
) -> AnyView {
    let Some(block) = page.actions.get(at) else { return ().into_any() };
    if let Some(error) = block.error() {
        return view! {
            <div class="action broken" role="note" data-testid=format!("action-{}", block.id) data-state="failed"
                data-action-kind=block.name.clone()>
                <strong>{format!("{} (line {})", error.message, error.line)}</strong>
                <p>{error.reason.clone()}</p>
                {(!block.body.is_empty()).then(|| view! { <pre>{block.body.clone()}</pre> })}
            </div>
        }
        .into_any();
    }
    let Some(action) = block.action() else { return ().into_any() };
    let planned = plan(action);
    if planned.is_section() {
        return ().into_any();
    }
    if let Plan::Unsupported(why) = planned {
        return not_offered(block, why);
    }
    let (check, form) = match &planned {
        Plan::Check(check) => (Some(check.name.clone()), check.form.clone()),
        _ => (None, None),
    };
    let Some(state) = actions.state(block.id) else { return ().into_any() };
    let id = block.id;
    let shown = {
        let (check, page) = (check.clone(), page.name.clone());
        Memo::new(move |_| match state.get() {
            ActionState::Idle => progress.marks.with(|marks| {
                match check.as_ref().and_then(|check| marks.result(&page, check)) {
                    Some(true) => ActionState::Done(Some("Passed".to_owned())),
                    Some(false) => ActionState::Failed { message: "Not passed yet".to_owned(), output: None },
                    None if check.is_none() && marks.is_run(&page, id) => ActionState::Done(None),
                    None => ActionState::Idle,
                }
            }),
            now => now,
        })
    };
    let copied = RwSignal::new(false);
    let text = copy_text(block);
    let copies = text.is_some();
    let text = StoredValue::new(text);
    let copy = move || {
        leptos::task::spawn_local(async move {
            let Some(text) = text.try_get_value().flatten() else { return };
            if browser::copy(&text).await {
                copied.try_set(true);
                browser::sleep(std::time::Duration::from_secs(2)).await;
                copied.try_set(false);
            }
        });
    };
    let types = matches!(planned, Plan::Type { .. });
    let clicked = move |event: MouseEvent| {
        if copies && event.shift_key() {
            copy();
            return;
        }
        actions.click(id);
        // who clicks with a mouse goes on in the terminal; who presses Enter goes on reading
        if types && event.detail() > 0 && browser::matches_media("(hover: hover)") {
            actions.focus_terminal();
        }
    };
    let family = family(&planned);
    let words = move || match (copied.get(), shown.get()) {
        (true, _) => "Copied".to_owned(),
        (_, ActionState::Idle) => String::new(),
        (_, ActionState::Running(word)) => word.unwrap_or_else(|| "running…".to_owned()),
        (_, ActionState::Done(Some(word))) => word,
        (_, ActionState::Done(None)) => done_word(family).to_owned(),
        (_, ActionState::Failed { message, .. }) => message,
    };
    let output = move || match shown.get() {
        ActionState::Failed { output, .. } => output,
        _ => None,
    };
    let answered = Callback::new(move |answers| actions.submit(id, Some(answers)));
    let has_form = form.is_some();
    let busy = Signal::derive(move || matches!(shown.get(), ActionState::Running(_)));
    view! {
        <div
            class=format!("action {family}")
            data-testid=format!("action-{id}")
            data-action-kind=block.name.clone()
            data-state=move || state_word(&shown.get())
        >
            {if has_form {
                view! { <div class="action-run">{face(block)}</div> }.into_any()
            } else {
                view! {
                    <button
                        type="button"
                        class="action-run"
                        aria-busy=move || busy.get().then_some("true")
                        title=if copies { "Click to run, Shift and click to copy" } else { "Click to run" }
                        on:click=clicked
                    >
                        {face(block)}
                    </button>
                }
                .into_any()
            }}
            {copies.then(|| view! {
                <button type="button" class="action-copy" aria-label="Copy" title="Copy" on:click=move |_| copy()></button>
            })}
            {form.map(|form| view! { <ActionForm form=form id=id busy=busy on_answers=answered/> })}
            <div class="action-foot" role="status"><span class="action-state">{words}</span></div>
            {move || output().map(|output| view! { <pre class="action-output" tabindex="0">{output}</pre> })}
        </div>
    }
    .into_any()
}

/// What stands on a block: its bar, and what it does below.
fn face(block: &ActionBlock) -> AnyView {
    view! {
        <span class="action-bar">
            <span class="action-icon" aria-hidden="true"></span>
            <span class="action-label">{block.label.clone()}</span>
        </span>
        {(!block.body.is_empty()).then(|| view! { <code class="action-body">{block.body.clone()}</code> })}
    }
    .into_any()
}

/// A block that this workspace has nothing to run with: it says so, and has nothing to press.
fn not_offered(block: &ActionBlock, why: &'static str) -> AnyView {
    view! {
        <div
            class="action not-offered"
            role="note"
            data-testid=format!("action-{}", block.id)
            data-action-kind=block.name.clone()
            data-state="not-offered"
        >
            <div class="action-run">{face(block)}</div>
            <div class="action-foot"><span>{why}</span></div>
        </div>
    }
    .into_any()
}

const fn state_word(state: &ActionState) -> &'static str {
    match state {
        ActionState::Idle => "idle",
        ActionState::Running(_) => "running",
        ActionState::Done(_) => "done",
        ActionState::Failed { .. } => "failed",
    }
}

const fn done_word(family: &str) -> &'static str {
    match family.as_bytes() {
        b"copy" => "copied",
        b"link" => "opened",
        b"tick" => "done",
        _ => "run",
    }
}

/// What the block looks like.
const fn family(plan: &Plan) -> &'static str {
    match plan {
        Plan::Type { .. } | Plan::Clear(_) | Plan::Select(_) => "terminal",
        Plan::Copy(_) => "copy",
        Plan::OpenUrl(_) => "link",
        Plan::Check(_) => "check",
        Plan::Tick => "tick",
        Plan::BeginSection | Plan::EndSection { .. } | Plan::Unsupported(_) => "other",
    }
}
