//! Two panes with a border between them that can be moved, by pointer and by keyboard.

use leptos::html::Div;
use leptos::prelude::*;
use web_sys::{KeyboardEvent, PointerEvent};

use crate::browser::{recall, remember};

const KEY: &str = "lectern.splitter";
const LEAST: f64 = 20.0;
const MOST: f64 = 80.0;

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
    let share = RwSignal::new(recall(KEY).and_then(|text| text.parse().ok()).map_or(42.0, bounded));
    let drags = RwSignal::new(false);
    let keep = move || remember(KEY, &share.get_untracked().to_string());
    let moved = move |event: PointerEvent| {
        if let Some(frame) = node.get_untracked().filter(|_| drags.get_untracked()) {
            let frame = frame.get_bounding_client_rect();
            if frame.width() > 0.0 {
                share.set(bounded((f64::from(event.client_x()) - frame.left()) / frame.width() * 100.0));
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
            "ArrowLeft" => share.get_untracked() - 2.0,
            "ArrowRight" => share.get_untracked() + 2.0,
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
            style=move || format!("--share: {}%", share.get())
        >
            {left}
            <div
                class="splitter"
                role="separator"
                tabindex="0"
                aria-orientation="vertical"
                aria-label="Border between page and terminals"
                aria-valuemin=LEAST
                aria-valuemax=MOST
                aria-valuenow=move || share.get().round()
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

fn bounded(share: f64) -> f64 {
    if share.is_finite() { share.clamp(LEAST, MOST) } else { 42.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_pane_can_be_pushed_away() {
        assert!((bounded(-5.0) - LEAST).abs() < f64::EPSILON);
        assert!((bounded(300.0) - MOST).abs() < f64::EPSILON);
        assert!((bounded(f64::NAN) - 42.0).abs() < f64::EPSILON);
    }
}
