//! Two panes with a border between them that can be moved, by pointer and by keyboard.

use leptos::html::Div;
use leptos::prelude::*;
use web_sys::{KeyboardEvent, PointerEvent};

use crate::browser::{recall, remember};

const KEY: &str = "lectern.split";
/// The left pane's share of the width, in thousandths: fractions would bring tables of ten kilobytes into the app.
const LEAST: i32 = 200;
const MOST: i32 = 800;
const FIRST: i32 = 420;

/// A page left and terminals right; a narrow screen shows one of them.
#[component]
pub fn SplitPanes(
    /// Whether there is anything to put right.
    #[prop(into)]
    split: Signal<bool>,
    /// Whether a narrow screen shows the right pane.
    shows_right: RwSignal<bool>,
    /// The left pane.
    left: AnyView,
    /// The right pane.
    right: AnyView,
) -> impl IntoView {
    let node = NodeRef::<Div>::new();
    let share = RwSignal::new(recall(KEY).and_then(|text| text.parse().ok()).map_or(FIRST, bounded));
    let drags = RwSignal::new(false);
    let keep = move || remember(KEY, &share.get_untracked().to_string());
    let moved = move |event: PointerEvent| {
        if let Some(frame) = node.get_untracked().filter(|_| drags.get_untracked()) {
            let frame = frame.get_bounding_client_rect();
            if frame.width() > 0.0 {
                share.set(share_at(f64::from(event.client_x()) - frame.left(), frame.width()));
            }
        }
    };
    let pressed = move |event: PointerEvent| {
        event.prevent_default();
        let handle = event_target::<web_sys::Element>(&event);
        // without the capture the border stops following a pointer that outruns it
        let _ = handle.set_pointer_capture(event.pointer_id());
        drags.set(true);
    };
    let released = move |_: PointerEvent| {
        if drags.get_untracked() {
            drags.set(false);
            keep();
        }
    };
    let keyed = move |event: KeyboardEvent| {
        let next = match event.key().as_str() {
            "ArrowLeft" => share.get_untracked() - 20,
            "ArrowRight" => share.get_untracked() + 20,
            "Home" => LEAST,
            "End" => MOST,
            _ => return,
        };
        event.prevent_default();
        share.set(bounded(next));
        keep();
    };
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
            <div
                class="splitter"
                role="separator"
                tabindex="0"
                aria-orientation="vertical"
                aria-label="Border between page and terminals"
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
            {right}
        </div>
    }
}

/// The share of a border that lies so many pixels from the left of a frame of that width.
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
