//! Small things of the browser: storage, timers, clipboard, downloads, focus.

pub use gloo_timers::future::sleep;
use wasm_bindgen::prelude::*;
use web_sys::{Document, Element, HtmlElement, Storage, Window};

#[must_use]
pub fn window() -> Option<Window> {
    web_sys::window()
}

#[must_use]
pub fn document() -> Option<Document> {
    window()?.document()
}

/// Returns the local storage; `None` if the browser does not allow it.
#[must_use]
pub fn storage() -> Option<Storage> {
    window()?.local_storage().ok().flatten()
}

/// Reads a setting that [`save_setting`] wrote.
#[must_use]
pub fn load_setting(key: &str) -> Option<String> {
    storage()?.get_item(key).ok().flatten()
}

pub fn save_setting(key: &str, text: &str) {
    if let Some(storage) = storage() {
        // where the storage is full or forbidden, the setting lasts until the page is closed
        let _ = storage.set_item(key, text);
    }
}

#[must_use]
pub fn is_page_visible() -> bool {
    document().is_none_or(|document| document.visibility_state() != web_sys::VisibilityState::Hidden)
}

/// Moves the focus to an element.
pub fn focus(element: Option<Element>) {
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

pub fn focus_by_id(id: &str) {
    focus(document().and_then(|document| document.get_element_by_id(id)));
}

/// Moves the focus to the first field that is marked as invalid.
pub fn focus_first_invalid() {
    focus(document().and_then(|document| document.query_selector("[aria-invalid=true]").ok().flatten()));
}

/// Sets the title that the browser's tab shows.
pub fn set_title(title: &str) {
    if let Some(document) = document() {
        document.set_title(&format!("{title} · Lectern"));
    }
}

/// Offers a text as a file to save. Returns whether the browser allowed it.
pub fn save_file(name: &str, text: &str) -> bool {
    offer_file(name, text).is_some()
}

fn offer_file(name: &str, text: &str) -> Option<()> {
    let blob = web_sys::Blob::new_with_str_sequence(&js_sys::Array::of1(&text.into())).ok()?;
    let address = web_sys::Url::create_object_url_with_blob(&blob).ok()?;
    let link = document()?.create_element("a").ok()?.dyn_into::<HtmlElement>().ok()?;
    link.set_attribute("href", &address).ok()?;
    link.set_attribute("download", name).ok()?;
    link.click();
    // the browser has taken the file by the time that the click returns
    web_sys::Url::revoke_object_url(&address).ok()
}

#[must_use]
pub fn matches_media(query: &str) -> bool {
    window().and_then(|window| window.match_media(query).ok().flatten()).is_some_and(|list| list.matches())
}

/// Returns a text in lower case. The browser does it: Rust's tables would add ten kilobytes to the app.
#[must_use]
pub fn lower_case(text: &str) -> String {
    js_sys::JsString::from(text).to_lower_case().into()
}

/// Returns a random number between 0 and 1.
#[must_use]
pub fn random() -> f64 {
    js_sys::Math::random()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = LecternPage, js_name = copyText)]
    async fn copy_text(text: &str) -> JsValue;

    #[wasm_bindgen(js_namespace = LecternPage, js_name = isServerThere)]
    async fn server_answers() -> JsValue;

    /// Adds to the text of a lab's page what its HTML cannot have: see `js/page.ts`.
    #[wasm_bindgen(js_namespace = LecternPage)]
    pub fn enhance(page: &HtmlElement);
}

/// Copies a text to the clipboard. Returns whether the browser allowed it.
pub async fn copy(text: &str) -> bool {
    copy_text(text).await.is_truthy()
}

/// Whether the server answers within two seconds.
pub async fn is_server_there() -> bool {
    server_answers().await.is_truthy()
}

/// Opens an address in a new tab that has no access to this one.
pub fn open_in_new_tab(address: &str) -> bool {
    window().is_some_and(|window| {
        window.open_with_url_and_target_and_features(address, "_blank", "noopener,noreferrer").is_ok()
    })
}
