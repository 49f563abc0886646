//! A menu that unfolds below its heading, and folds again when it is left.

use leptos::html::Details;
use leptos::prelude::*;
use web_sys::wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, KeyboardEvent, Node};

use crate::browser::{Listener, window};

/// A heading with things to choose from. A choice, Escape, and a press anywhere else fold it.
#[component]
pub fn Menu(
    /// What the heading says.
    heading: AnyView,
    /// More classes.
    class: &'static str,
    /// What tests call the heading.
    testid: &'static str,
    /// The things to choose from.
    children: Children,
) -> impl IntoView {
    let node = NodeRef::<Details>::new();
    let fold = move || {
        if let Some(details) = node.get_untracked().filter(|details| details.open()) {
            details.set_open(false);
        }
    };
    let keyed = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            fold();
            let heading = node.get_untracked().and_then(|it| it.query_selector("summary").ok().flatten());
            if let Some(heading) = heading.and_then(|it| it.dyn_into::<HtmlElement>().ok()) {
                let _ = heading.focus();
            }
        }
    };
    let chosen = move |event: web_sys::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        if target.is_some_and(|target| target.closest("a, button").is_ok_and(|found| found.is_some())) {
            fold();
        }
    };
    let elsewhere = window().and_then(|window| window.document()).map(|document| {
        Listener::new(&document, "pointerdown", move |event| {
            let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
            let inside = node.get_untracked().is_none_or(|details| details.contains(target.as_ref()));
            if !inside {
                fold();
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
