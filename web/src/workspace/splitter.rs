//! Borders between panes that move by pointer and by keyboard.

use leptos::html::Div;
use leptos::prelude::*;
use web_sys::{KeyboardEvent, PointerEvent};

use crate::browser::{load_setting, save_setting};

const KEY: &str = "lectern.split";
// The first pane's share, in thousandths: fractions would add tables of ten kilobytes to the app.
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
    let (share, drags) = (RwSignal::new(FIRST), RwSignal::new(false));
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
            <Splitter
                frame=node
                share=share
                drags=drags
                direction=Direction::Beside
                label="Resize panes".to_owned()
                key=KEY.to_owned()
                first=FIRST
            />
            {right}
        </div>
    }
}

/// How two panes stand.
#[derive(Clone)]
pub enum Direction {
    /// Side by side in their frame.
    Beside,
    /// One above the other; the upper one has this id.
    Below(String),
}

/// A border that changes the share of the pane before it. The share is remembered under `key`; a double click sets it
/// back to `first`.
#[component]
pub fn Splitter(
    frame: NodeRef<Div>,
    share: RwSignal<i32>,
    drags: RwSignal<bool>,
    direction: Direction,
    label: String,
    key: String,
    first: i32,
) -> impl IntoView {
    let saved = load_setting(&key).and_then(|text| text.parse().ok());
    share.set(saved.map_or(first, bounded));
    let key = StoredValue::new(key);
    let save = move || key.with_value(|key| save_setting(key, &share.get_untracked().to_string()));
    let is_beside = matches!(direction, Direction::Beside);
    let upper = match direction {
        Direction::Beside => None,
        Direction::Below(id) => Some(id),
    };
    let upper = StoredValue::new(upper);
    let pressed = move |event: PointerEvent| {
        event.prevent_default();
        let splitter = event_target::<web_sys::Element>(&event);
        // without the capture the splitter stops following a pointer that outruns it
        let _ = splitter.set_pointer_capture(event.pointer_id());
        drags.set(true);
    };
    let moved = move |event: PointerEvent| {
        let Some(frame) = frame.get_untracked().filter(|_| drags.get_untracked()) else { return };
        let frame = frame.get_bounding_client_rect();
        let (at, length) = if is_beside {
            (f64::from(event.client_x()) - frame.left(), frame.width())
        } else {
            let top = upper.with_value(|id| id.as_deref().and_then(top_of)).unwrap_or_else(|| frame.top());
            (f64::from(event.client_y()) - top, frame.height())
        };
        if length > 0.0 {
            share.set(share_at(at, length));
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
    let reset = move |_| {
        share.set(first);
        save();
    };
    view! {
        <div
            class="splitter"
            class:level=!is_beside
            role="separator"
            tabindex="0"
            aria-orientation=if is_beside { "vertical" } else { "horizontal" }
            aria-label=label
            aria-valuemin=LEAST / 10
            aria-valuemax=MOST / 10
            aria-valuenow=move || share.get() / 10
            data-testid=if is_beside { "splitter" } else { "splitter-level" }
            on:pointerdown=pressed
            on:pointermove=moved
            on:pointerup=released
            on:pointercancel=released
            on:dblclick=reset
            on:keydown=keyed
        ></div>
    }
}

/// Returns where an element begins in the window, from above.
fn top_of(id: &str) -> Option<f64> {
    Some(crate::browser::document()?.get_element_by_id(id)?.get_bounding_client_rect().top())
}

fn share_after_key(key: &str, share: i32) -> Option<i32> {
    match key {
        "ArrowLeft" | "ArrowUp" => Some(bounded(share - 20)),
        "ArrowRight" | "ArrowDown" => Some(bounded(share + 20)),
        "Home" => Some(LEAST),
        "End" => Some(MOST),
        _ => None,
    }
}

/// Returns the share at `at` pixels from the beginning of a frame of this length.
#[expect(clippy::cast_possible_truncation, reason = "a cast to a whole number saturates")]
fn share_at(at: f64, length: f64) -> i32 {
    bounded((at / length * 1000.0) as i32)
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
