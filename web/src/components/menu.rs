//! A menu that opens below its heading.

use gloo_events::EventListener;
use leptos::html::Details;
use leptos::prelude::*;
use web_sys::wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent, MouseEvent, Node};

use crate::browser::{document, focus};

/// A heading with a menu. A choice, Escape, and a press anywhere else close it.
#[component]
pub fn Menu(
    heading: AnyView,
    /// More CSS classes.
    class: &'static str,
    /// The test id of the heading.
    testid: &'static str,
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<Details>::new();
    let close = move || {
        if let Some(details) = node.get_untracked().filter(|details| details.open()) {
            details.set_open(false);
        }
    };
    let keyed = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            close();
            focus(node.get_untracked().and_then(|it| it.query_selector("summary").ok().flatten()));
        }
    };
    let chosen = move |event: MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_some_and(|target| target.closest("a, button").is_ok_and(|found| found.is_some())) {
            close();
        }
    };
    let elsewhere = document().map(|document| {
        EventListener::new(&document, "pointerdown", move |event| {
            let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
            let is_inside = node.get_untracked().is_none_or(|details| details.contains(target.as_ref()));
            if !is_inside {
                close();
            }
        })
    });
    let _elsewhere = StoredValue::new_local(elsewhere);
    view! {
        <details class=format!("menu {class}") node_ref=node on:keydown=keyed>
            <summary data-testid=testid>{heading}</summary>
            <div class="menu-items" on:click=chosen>{children()}</div>
        </details>
    }
}
