//! Two panes with a splitter between them that moves by pointer and by keyboard.

use leptos::html::Div;
use leptos::prelude::*;
use web_sys::{KeyboardEvent, PointerEvent};

use crate::browser::{load_setting, save_setting};

const KEY: &str = "lectern.split";
// The left pane's share of the width, in thousandths: fractions would add tables of ten kilobytes to the app.
const LEAST: i32 = 200;
const MOST: i32 = 800;
const FIRST: i32 = 420;

/// Two panes side by side; a narrow screen shows one of them.
#[component]
pub fn SplitPanes(
    /// Whether there is a right pane.
    #[prop(into)]
    split: Signal<bool>,
    /// Whether a narrow screen shows the right pane.
    shows_right: RwSignal<bool>,
    left: AnyView,
    right: AnyView,
) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let saved = load_setting(KEY).and_then(|text| text.parse().ok());
    let share = RwSignal::new(saved.map_or(FIRST, bounded));
    let drags = RwSignal::new(false);
    view! {
        <div
            node_ref=node
            class="panes"
            class:single=move || !split.get()
            class:dragging=move || drags.get()
            class:right-first=move || shows_right.get()
            style=move || format!("--share: calc({} * .1%)", share.get())
        >
            {left}
            <Splitter panes=node share=share drags=drags/>
            {right}
        </div>
    }
}

#[component]
fn Splitter(panes: NodeRef<Div>, share: RwSignal<i32>, drags: RwSignal<bool>) -> impl IntoView {
    let save = move || save_setting(KEY, &share.get_untracked().to_string());
    let pressed = move |event: PointerEvent| {
        event.prevent_default();
        let splitter = event_target::<web_sys::Element>(&event);
        // without the capture the splitter stops following a pointer that outruns it
        let _ = splitter.set_pointer_capture(event.pointer_id());
        drags.set(true);
    };
    let moved = move |event: PointerEvent| {
        if let Some(panes) = panes.get_untracked().filter(|_| drags.get_untracked()) {
            let panes = panes.get_bounding_client_rect();
            if panes.width() > 0.0 {
                share.set(share_at(f64::from(event.client_x()) - panes.left(), panes.width()));
            }
        }
    };
    let released = move |_: PointerEvent| {
        if drags.get_untracked() {
            drags.set(false);
            save();
        }
    };
    let keyed = move |event: KeyboardEvent| {
        if let Some(next) = share_after_key(&event.key(), share.get_untracked()) {
            event.prevent_default();
            share.set(next);
            save();
        }
    };
    view! {
        <div
            class="splitter"
            role="separator"
            tabindex="0"
            aria-orientation="vertical"
            aria-label="Resize panes"
            aria-valuemin=LEAST / 10
            aria-valuemax=MOST / 10
            aria-valuenow=move || share.get() / 10
            data-testid="splitter"
            on:pointerdown=pressed
            on:pointermove=moved
            on:pointerup=released
            on:pointercancel=released
            on:keydown=keyed
        ></div>
    }
}

fn share_after_key(key: &str, share: i32) -> Option<i32> {
    match key {
        "ArrowLeft" => Some(bounded(share - 20)),
        "ArrowRight" => Some(bounded(share + 20)),
        "Home" => Some(LEAST),
        "End" => Some(MOST),
        _ => None,
    }
}

/// Returns the share at `left` pixels from the left edge of a frame of this width.
#[expect(clippy::cast_possible_truncation, reason = "a cast to a whole number saturates")]
fn share_at(left: f64, width: f64) -> i32 {
    bounded((left / width * 1000.0) as i32)
}

fn bounded(share: i32) -> i32 {
    share.clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_pane_can_be_pushed_away() {
        assert_eq!(share_at(-5.0, 1000.0), LEAST);
        assert_eq!(share_at(2000.0, 1000.0), MOST);
        assert_eq!(share_at(333.0, 1000.0), 333);
    }
}
