//! One HTTP call.

use lectern_api::problem::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

use super::ApiError;
use crate::browser::window;
use crate::clock::{learn_server_time, now};

pub struct Call<'a> {
    method: &'static str,
    path: &'a str,
    body: Option<String>,
    /// Whether the call may outlive the page.
    pub keepalive: bool,
}

impl<'a> Call<'a> {
    /// Returns a call without a body; `path` is relative to `/api/v1`.
    pub const fn new(method: &'static str, path: &'a str) -> Self {
        Self { method, path, body: None, keepalive: false }
    }

    /// Adds a JSON body.
    pub fn body(mut self, body: &impl Serialize) -> Result<Self, ApiError> {
        let text = serde_json::to_string(body).map_err(|error| ApiError::unexpected(&error.to_string()))?;
        self.body = Some(text);
        Ok(self)
    }
}

/// The answer to a call that succeeded.
pub struct Answer {
    text: String,
}

impl Answer {
    /// Parses its body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_str(&self.text).map_err(|error| ApiError::unexpected(&error.to_string()))
    }

    /// Whether it has no body.
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn text(self) -> String {
        self.text
    }
}

pub async fn send(call: Call<'_>, csrf: Option<&str>) -> Result<Answer, ApiError> {
    let response = start(&call, csrf).await.map_err(|_| ApiError::Unreachable)?;
    if let Ok(Some(date)) = response.headers().get("date") {
        learn_server_time(&date);
    }
    let status = response.status();
    let retry_after = response.headers().get("retry-after").ok().flatten();
    let text = match response.text() {
        Ok(promise) => JsFuture::from(promise).await.ok().and_then(|text| text.as_string()),
        Err(_) => None,
    };
    let text = text.ok_or(ApiError::Unreachable)?;
    if response.ok() {
        return Ok(Answer { text });
    }
    Err(serde_json::from_str::<Problem>(&text).map_or_else(
        |_| match status {
            502..=504 => ApiError::Unreachable,
            _ => ApiError::unexpected(&format!("status {status}")),
        },
        |problem| ApiError::refused(problem, retry_after.as_deref(), now()),
    ))
}

async fn start(call: &Call<'_>, csrf: Option<&str>) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    headers.set("Accept", "application/json")?;
    let init = RequestInit::new();
    init.set_method(call.method);
    if let Some(body) = &call.body {
        headers.set("Content-Type", "application/json")?;
        init.set_body(&JsValue::from_str(body));
    }
    if let Some(csrf) = csrf.filter(|_| call.method != "GET") {
        headers.set("X-Csrf-Token", csrf)?;
    }
    init.set_headers(headers.as_ref());
    if call.keepalive {
        js_sys::Reflect::set(&init, &"keepalive".into(), &JsValue::TRUE)?;
    }
    let window = window().ok_or(JsValue::NULL)?;
    let url = format!("/api/v1{}", call.path);
    JsFuture::from(window.fetch_with_str_and_init(&url, &init)).await?.dyn_into()
}
