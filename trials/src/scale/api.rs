//! The API server itself, through `kubectl proxy`: plain HTTP and plain JSON.

use anyhow::{Context, Result, bail};
use lectern_testbed::Kubectl;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

/// A running proxy.
pub struct Api {
    http: Client,
    base: String,
    _proxy: Child,
}

impl Api {
    /// Starts a proxy on a free port.
    pub async fn open(kubectl: &Kubectl) -> Result<Self> {
        let mut proxy = kubectl.spawn(&["proxy", "--port=0"])?;
        let output = proxy.stdout.take().context("kubectl proxy has no output")?;
        let line = BufReader::new(output).lines().next_line().await?.context("kubectl proxy ended")?;
        let address = line.rsplit(' ').next().unwrap_or_default();
        Ok(Self {
            http: Client::builder().no_proxy().build()?,
            base: format!("http://{address}"),
            _proxy: proxy,
        })
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: Option<&Value>) -> Result<String> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.header("content-type", kind).body(body.to_string());
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() && status != StatusCode::CONFLICT {
            bail!("{method} {path}: {status}: {text}");
        }
        Ok(text)
    }

    /// Reads text.
    pub async fn text(&self, path: &str) -> Result<String> {
        self.send(Method::GET, path, "", None).await
    }

    /// Reads an object or a list.
    pub async fn read(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(path).await?)?)
    }

    /// The items of a list, each with its kind.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut list = self.read(path).await?;
        let version = list["apiVersion"].clone();
        let kind = list["kind"].as_str().unwrap_or_default().trim_end_matches("List").to_owned();
        let items = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        Ok(items
            .into_iter()
            .map(|mut item| {
                item["apiVersion"] = version.clone();
                item["kind"] = kind.clone().into();
                item
            })
            .collect())
    }

    /// Makes an object; one that is there already stays.
    pub async fn create(&self, path: &str, object: &Value) -> Result<()> {
        self.send(Method::POST, path, "application/json", Some(object)).await.map(drop)
    }

    /// Merges into an object.
    pub async fn merge(&self, path: &str, patch: &Value) -> Result<()> {
        self.send(Method::PATCH, path, "application/merge-patch+json", Some(patch)).await.map(drop)
    }
}
