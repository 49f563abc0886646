//! What all blocks that run have in common: their face, the button, copying, and how it went.

use std::time::Duration;

use lectern_api::actions::ActionBlock;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::MouseEvent;

use crate::actions::plan::copy_text;
use crate::actions::runner::ActionState;
use crate::browser;

const SHOW_COPIED: Duration = Duration::from_secs(2);

/// What a block shows. [`ActionBlock`] holds the action too, and code that clones those would make the app larger.
#[derive(Clone)]
pub struct Block {
    pub id: u32,
    /// The name of the action, as the author wrote it.
    pub kind: String,
    pub label: String,
    pub body: String,
    /// Whether the label is more than what everybody sees: the author's own words, all that there is, or what happens to a text
    /// that is no command.
    pub shows_label: bool,
}

impl From<&ActionBlock> for Block {
    fn from(block: &ActionBlock) -> Self {
        let options = &block.options;
        Self {
            id: block.id,
            kind: block.name.clone(),
            label: block.label.clone(),
            body: block.body.clone(),
            shows_label: options.title.is_some()
                || options.prefix.is_some()
                || block.body.is_empty()
                || !is_plain(&block.name),
        }
    }
}

/// Whether the icon says what happens to the text: it is run, or copied.
fn is_plain(name: &str) -> bool {
    ["execute", "copy", "terminal:", "workshop:"].iter().any(|start| name.starts_with(start))
}

/// What the blocks of a family look like and say.
pub struct Look {
    /// The CSS class.
    pub family: &'static str,
    /// The word on what is pressed; empty if the block as a whole says it.
    pub go: &'static str,
    /// What to say while the block runs.
    pub running: &'static str,
    /// What to say once it ran.
    pub done: &'static str,
}

/// Copies a block's text. Copies of this share their state.
#[derive(Clone, Copy)]
pub struct Copying {
    text: StoredValue<Option<String>>,
    /// Whether the text was copied a moment ago.
    is_done: RwSignal<bool>,
}

impl Copying {
    pub fn of(block: &ActionBlock) -> Self {
        Self { text: StoredValue::new(copy_text(block)), is_done: RwSignal::new(false) }
    }

    /// Whether the block has a text to copy.
    fn is_possible(self) -> bool {
        self.text.with_value(Option::is_some)
    }

    fn copy(self) {
        spawn_local(async move {
            let Some(text) = self.text.try_get_value().flatten() else { return };
            if browser::copy(&text).await {
                self.is_done.try_set(true);
                browser::sleep(SHOW_COPIED).await;
                self.is_done.try_set(false);
            }
        });
    }
}

/// A block around whatever runs it.
#[component]
pub fn BlockFrame(
    block: Block,
    look: &'static Look,
    state: Memo<ActionState>,
    copying: Copying,
    children: Children,
) -> impl IntoView {
    let message = move || {
        if copying.is_done.get() { "Copied".to_owned() } else { state.with(|state| message(state, look)) }
    };
    // the tick says as much
    let is_plain = move || {
        !copying.is_done.get()
            && state.with(|state| matches!(state, ActionState::Idle | ActionState::Done(None)))
    };
    let output = move || match state.get() {
        ActionState::Failed { output, .. } => output,
        ActionState::Idle | ActionState::Running(_) | ActionState::Done(_) => None,
    };
    view! {
        <div
            class=format!("action {}", look.family)
            data-testid=format!("action-{}", block.id)
            data-action-kind=block.kind
            data-state=move || state.with(state_name)
        >
            {children()}
            {copying.is_possible().then(|| view! {
                <button type="button" class="action-copy" aria-label="Copy" title="Copy" on:click=move |_| copying.copy()></button>
            })}
            <div class="action-foot" class:visually-hidden=is_plain role="status">
                <span class="action-state">{message}</span>
            </div>
            {move || output().map(|output| view! { <pre class="action-output" tabindex="0">{output}</pre> })}
        </div>
    }
}

/// The face of a block as a button that runs it, or copies its text if Shift is held.
#[component]
pub fn RunButton(
    block: Block,
    look: &'static Look,
    /// The terminal that it works in, where that is not the first one.
    #[prop(optional, into)]
    target: String,
    state: Memo<ActionState>,
    copying: Copying,
    #[prop(into)] on_click: Callback<MouseEvent>,
) -> impl IntoView {
    let copies = copying.is_possible();
    let clicked = move |event: MouseEvent| {
        if copies && event.shift_key() {
            copying.copy();
        } else {
            on_click.run(event);
        }
    };
    view! {
        <button
            type="button"
            class="action-run"
            aria-busy=move || state.with(ActionState::is_running).then_some("true")
            title=if copies { "Click to run, Shift-click to copy" } else { "Click to run" }
            on:click=clicked
        >
            <BlockFace block=block go=format!("{}{target}", look.go)/>
        </button>
    }
}

/// What a block does, in one row: its text, and what is pressed at the end.
#[component]
pub fn BlockFace(block: Block, #[prop(optional)] go: String) -> impl IntoView {
    view! {
        <span class="action-row">
            <span class="action-icon" aria-hidden="true"></span>
            <span class="action-text">
                <span class="action-label" class:visually-hidden=!block.shows_label>{block.label}</span>
                {(!block.body.is_empty()).then(|| view! { <code class="action-body">{block.body}</code> })}
            </span>
            {(!go.is_empty()).then(|| view! { <span class="action-go" aria-hidden="true">{go}</span> })}
        </span>
    }
}

const fn state_name(state: &ActionState) -> &'static str {
    match state {
        ActionState::Idle => "idle",
        ActionState::Running(_) => "running",
        ActionState::Done(_) => "done",
        ActionState::Failed { .. } => "failed",
    }
}

fn message(state: &ActionState, look: &Look) -> String {
    match state {
        ActionState::Idle => String::new(),
        ActionState::Running(message) => message.clone().unwrap_or_else(|| look.running.to_owned()),
        ActionState::Done(message) => message.clone().unwrap_or_else(|| look.done.to_owned()),
        ActionState::Failed { message, .. } => message.clone(),
    }
}
