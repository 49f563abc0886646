//! Small things of the browser: storage, timers, clipboard, listeners.

use std::time::Duration;

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event, EventTarget, Storage, Window};

/// The browser's window; nothing outside a browser.
#[must_use]
pub fn window() -> Option<Window> {
    web_sys::window()
}

/// The local storage, where the browser allows it.
#[must_use]
pub fn storage() -> Option<Storage> {
    window()?.local_storage().ok().flatten()
}

/// Reads a remembered text.
#[must_use]
pub fn recall(key: &str) -> Option<String> {
    storage()?.get_item(key).ok().flatten()
}

/// Remembers a text, where the browser allows it.
pub fn remember(key: &str, text: &str) {
    if let Some(storage) = storage() {
        // a full or forbidden storage costs only the memory
        let _ = storage.set_item(key, text);
    }
}

/// Whether somebody can see the page.
#[must_use]
pub fn is_looked_at() -> bool {
    let document = window().and_then(|window| window.document());
    document.is_none_or(|document| document.visibility_state() != web_sys::VisibilityState::Hidden)
}

/// Gives the keyboard to the element of that id.
pub fn focus_by_id(id: &str) {
    let found =
        window().and_then(|window| window.document()).and_then(|document| document.get_element_by_id(id));
    if let Some(element) = found.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Gives the keyboard to the first field that something is wrong with.
pub fn focus_first_invalid() {
    let found = window()
        .and_then(|window| window.document())
        .and_then(|document| document.query_selector("[aria-invalid=true]").ok().flatten());
    if let Some(element) = found.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

/// Hands a text to the browser as a file to save; says whether that was possible.
pub fn save_file(name: &str, text: &str) -> bool {
    offer_file(name, text).is_some()
}

fn offer_file(name: &str, text: &str) -> Option<()> {
    let blob = web_sys::Blob::new_with_str_sequence(&js_sys::Array::of1(&text.into())).ok()?;
    let address = web_sys::Url::create_object_url_with_blob(&blob).ok()?;
    let link = window()?.document()?.create_element("a").ok()?.dyn_into::<web_sys::HtmlElement>().ok()?;
    link.set_attribute("href", &address).ok()?;
    link.set_attribute("download", name).ok()?;
    link.click();
    // the browser has taken the file by the time that the click returns
    web_sys::Url::revoke_object_url(&address).ok()
}

/// Whether a media query holds.
#[must_use]
pub fn matches_media(query: &str) -> bool {
    window().and_then(|window| window.match_media(query).ok().flatten()).is_some_and(|list| list.matches())
}

/// A text in lower case. The browser knows the letters of all the world; a second table would cost ten kilobytes.
#[must_use]
pub fn lower_case(text: &str) -> String {
    js_sys::JsString::from(text).to_lower_case().into()
}

/// Waits.
pub async fn sleep(time: Duration) {
    let millis = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        if let Some(window) = window() {
            let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis);
        }
    });
    let _ = JsFuture::from(promise).await;
}

/// A number between 0 and 1 by chance.
#[must_use]
pub fn chance() -> f64 {
    js_sys::Math::random()
}

/// Puts a text on the clipboard; says whether that was possible.
pub async fn copy(text: &str) -> bool {
    let Some(window) = window() else { return false };
    // on pages that are not served securely there is no clipboard at all
    if window.is_secure_context() {
        return JsFuture::from(window.navigator().clipboard().write_text(text)).await.is_ok();
    }
    copy_by_selection(text).unwrap_or(false)
}

fn copy_by_selection(text: &str) -> Option<bool> {
    let document = window()?.document()?;
    let active = document.active_element();
    let area = document.create_element("textarea").ok()?;
    area.set_class_name("off-screen");
    area.set_text_content(Some(text));
    document.body()?.append_child(&area).ok()?;
    let select = js_sys::Reflect::get(&area, &"select".into()).ok()?.dyn_into::<js_sys::Function>().ok()?;
    let _ = select.call0(&area);
    let command = js_sys::Reflect::get(&document, &"execCommand".into()).ok()?;
    let done = command.dyn_into::<js_sys::Function>().ok()?.call1(&document, &"copy".into());
    area.remove();
    if let Some(active) = active.and_then(|it| it.dyn_into::<web_sys::HtmlElement>().ok()) {
        let _ = active.focus();
    }
    Some(done.is_ok_and(|value| value.is_truthy()))
}

/// Opens an address in a new tab that knows nothing of this one.
pub fn open_in_new_tab(address: &str) -> bool {
    window().is_some_and(|window| {
        window.open_with_url_and_target_and_features(address, "_blank", "noopener,noreferrer").is_ok()
    })
}

/// Calls a function on each event of a kind until it is dropped.
pub struct Listener {
    target: EventTarget,
    kind: &'static str,
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Listens to `target`.
    pub fn new(target: &EventTarget, kind: &'static str, call: impl FnMut(Event) + 'static) -> Self {
        let closure = Closure::<dyn FnMut(Event)>::new(call);
        let _ = target.add_event_listener_with_callback(kind, closure.as_ref().unchecked_ref());
        Self { target: target.clone(), kind, closure }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let function = self.closure.as_ref().unchecked_ref();
        let _ = self.target.remove_event_listener_with_callback(self.kind, function);
    }
}
