//! A clickable block of a page.

use lectern_api::actions::ActionBlock;
use leptos::prelude::*;
use web_sys::MouseEvent;

use crate::actions::on_page::PageActions;
use crate::actions::plan::{Plan, copy_text, plan};
use crate::actions::runner::ActionState;
use crate::browser;
use crate::progress::Progress;

/// One block. What it shows follows from what happened here and, before that, from what is known of earlier.
#[component]
pub fn ActionView(
    /// The block.
    block: ActionBlock,
    /// The page it stands on.
    page: String,
    /// The page's actions.
    actions: PageActions,
    /// What was done before.
    progress: Progress,
) -> AnyView {
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
    if planned == Plan::Section {
        return ().into_any();
    }
    let unsupported = match planned {
        Plan::Unsupported(name) => Some(format!("This version of Lectern cannot run {name} yet.")),
        _ => None,
    };
    let check = match &planned {
        Plan::Check(check) => Some(check.name.clone()),
        _ => None,
    };
    let Some(state) = actions.state(block.id) else { return ().into_any() };
    let id = block.id;
    let shown = {
        let check = check.clone();
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
    let text = StoredValue::new(copy_text(&block));
    let copy = move || {
        leptos::task::spawn_local(async move {
            let Some(text) = text.try_get_value() else { return };
            if browser::copy(&text).await {
                copied.try_set(true);
                browser::sleep(std::time::Duration::from_secs(2)).await;
                copied.try_set(false);
            }
        });
    };
    let clicked = move |event: MouseEvent| {
        if event.shift_key() {
            copy();
        } else {
            actions.click(id);
        }
    };
    let family = family(&planned);
    let words = move || match (copied.get(), shown.get()) {
        (true, _) => "Copied".to_owned(),
        (_, ActionState::Idle) => String::new(),
        (_, ActionState::Running(word)) => word.unwrap_or_else(|| "running…".to_owned()),
        (_, ActionState::Done(Some(word))) => word,
        (_, ActionState::Done(None)) if family == "copy" => "copied".to_owned(),
        (_, ActionState::Done(None)) => "run".to_owned(),
        (_, ActionState::Failed { message, .. }) => message,
    };
    let output = move || match shown.get() {
        ActionState::Failed { output, .. } => output,
        _ => None,
    };
    let disabled = unsupported.is_some();
    view! {
        <div
            class=format!("action {family}")
            class:disabled=disabled
            data-testid=format!("action-{id}")
            data-action-kind=block.name.clone()
            data-state=move || state_word(&shown.get())
        >
            <button
                type="button"
                class="action-run"
                disabled=disabled
                aria-busy=move || matches!(shown.get(), ActionState::Running(_)).then_some("true")
                title=(!disabled).then_some("Click to run, Shift and click to copy")
                on:click=clicked
            >
                <span class="action-bar">
                    <span class="action-icon" aria-hidden="true"></span>
                    <span class="action-label">{block.label.clone()}</span>
                </span>
                {(!block.body.is_empty()).then(|| view! { <code class="action-body">{block.body.clone()}</code> })}
            </button>
            {(!disabled).then(|| view! {
                <button type="button" class="action-copy" aria-label="Copy" title="Copy" on:click=move |_| copy()>
                </button>
            })}
            <div class="action-foot" role="status">
                {match unsupported {
                    Some(words) => view! { <span>{words}</span> }.into_any(),
                    None => view! { <span class="action-state">{words}</span> }.into_any(),
                }}
            </div>
            {move || output().map(|output| view! { <pre class="action-output">{output}</pre> })}
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

/// What the block looks like.
const fn family(plan: &Plan) -> &'static str {
    match plan {
        Plan::Type { .. } | Plan::Clear(_) | Plan::Select(_) => "terminal",
        Plan::Copy(_) => "copy",
        Plan::OpenUrl(_) => "link",
        Plan::Check(_) => "check",
        Plan::Tick => "tick",
        Plan::Section | Plan::Unsupported(_) => "other",
    }
}
