//! The tools of the workspace: the editor, the files, the view of the cluster. They are written in TypeScript and fetched
//! when they are first needed (`js/panels.ts`).

use lectern_api::ids::SessionId;
use lectern_api::sessions::Tool;
use wasm_bindgen::prelude::*;
use web_sys::HtmlElement;

#[wasm_bindgen]
extern "C" {
    type Mounted;

    #[wasm_bindgen(js_namespace = LecternPanels)]
    fn mount(kind: &str, element: &HtmlElement, session: &str, on_show: &Closure<dyn Fn(String)>) -> Mounted;

    #[wasm_bindgen(method)]
    fn dispose(this: &Mounted);

    #[wasm_bindgen(js_namespace = LecternPanels, js_name = actOfPage, catch)]
    async fn act(kind: &str, page: &str, block: u32) -> Result<JsValue, JsValue>;
}

/// A tool in the page. Dropping it removes it.
pub struct OpenPanel {
    mounted: Mounted,
    _on_show: Closure<dyn Fn(String)>,
}

impl OpenPanel {
    /// Draws a tool within `element`. It calls `on_show` when another tool is to come to the front.
    pub fn open(
        tool: Tool,
        element: &HtmlElement,
        session: SessionId,
        on_show: impl Fn(Tool) + 'static,
    ) -> Self {
        let on_show = Closure::new(move |name: String| {
            if let Some(tool) = crate::tabs::list::tool_named(&name) {
                on_show(tool);
            }
        });
        let mounted = mount(word(tool), element, &session.to_string(), &on_show);
        Self { mounted, _on_show: on_show }
    }
}

impl Drop for OpenPanel {
    fn drop(&mut self) {
        self.mounted.dispose();
    }
}

/// Lets a tool carry out the action of a block, which waits until the tool has been drawn. `page` is the block's page as the
/// server sent it. Returns what to say of it.
///
/// # Errors
/// Returns why it could not, in a sentence for the learner.
pub async fn carry_out(tool: Tool, page: &str, block: u32) -> Result<Option<String>, String> {
    match act(word(tool), page, block).await {
        Ok(said) => Ok(said.as_string().filter(|said| !said.is_empty())),
        Err(error) => {
            let message = js_sys::Reflect::get(&error, &"message".into()).ok().and_then(|it| it.as_string());
            Err(message
                .or_else(|| error.as_string())
                .unwrap_or_else(|| "This didn't work. Try again.".to_owned()))
        }
    }
}

/// Returns the name under which `js/panels.ts` knows a tool.
#[must_use]
pub const fn word(tool: Tool) -> &'static str {
    match tool {
        Tool::Editor => "editor",
        Tool::Files => "files",
        Tool::Cluster => "cluster",
    }
}
