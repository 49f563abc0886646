//! The screen of a terminal: xterm.js, through `js/terminal.ts`.

use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    /// One xterm.js terminal.
    pub type Screen;

    #[wasm_bindgen(js_namespace = LecternTerminal, js_name = open)]
    fn open_screen(
        element: &HtmlElement,
        name: &str,
        on_input: &Closure<dyn Fn(String)>,
        on_fit: &Closure<dyn Fn(u16, u16)>,
        on_leave: &Closure<dyn Fn()>,
    ) -> Screen;

    #[wasm_bindgen(method)]
    fn write(this: &Screen, bytes: &[u8], shown: &JsValue);

    /// Sets the size that the server chose.
    #[wasm_bindgen(method)]
    pub fn resize(this: &Screen, cols: u16, rows: u16);

    /// While replaying old output, the terminal does not answer the queries in it.
    #[wasm_bindgen(method, js_name = setReplaying)]
    pub fn set_replaying(this: &Screen, replaying: bool);

    #[wasm_bindgen(method)]
    pub fn reset(this: &Screen);

    /// Clears the screen and what has scrolled off it.
    #[wasm_bindgen(method)]
    pub fn clear(this: &Screen);

    /// Types a text as if it were pasted.
    #[wasm_bindgen(method)]
    pub fn paste(this: &Screen, text: &str);

    /// Returns the keys for a command, with its tabs protected from completion.
    #[wasm_bindgen(method)]
    pub fn quoted(this: &Screen, keys: &str) -> String;

    #[wasm_bindgen(method)]
    pub fn focus(this: &Screen);

    #[wasm_bindgen(method)]
    fn dispose(this: &Screen);
}

type Closures = (Closure<dyn Fn(String)>, Closure<dyn Fn(u16, u16)>, Closure<dyn Fn()>);

/// A screen with the callbacks it calls. Dropping it removes it from the page.
pub struct OpenScreen {
    screen: Screen,
    _closures: Closures,
}

impl OpenScreen {
    /// Opens a screen within `element`. It calls `on_input` with what is typed, `on_fit` with the columns and rows that
    /// fit, and `on_leave` when the focus is to leave it.
    pub fn open(
        element: &HtmlElement,
        name: &str,
        on_input: impl Fn(String) + 'static,
        on_fit: impl Fn(u16, u16) + 'static,
        on_leave: impl Fn() + 'static,
    ) -> Self {
        let closures: Closures = (Closure::new(on_input), Closure::new(on_fit), Closure::new(on_leave));
        let screen = open_screen(element, name, &closures.0, &closures.1, &closures.2);
        Self { screen, _closures: closures }
    }

    /// Shows output, then calls `shown`.
    pub fn show(&self, bytes: &[u8], shown: impl FnOnce() + 'static) {
        self.screen.write(bytes, &Closure::once_into_js(shown));
    }
}

impl std::ops::Deref for OpenScreen {
    type Target = Screen;
    fn deref(&self) -> &Screen {
        &self.screen
    }
}

impl Drop for OpenScreen {
    fn drop(&mut self) {
        self.screen.dispose();
    }
}
