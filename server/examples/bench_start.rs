//! Measures from click to prompt, in turn with what bare kubectl takes for a namespace and a pod that is Ready.
//!
//! Run by `cargo xtask bench start`, which starts a Lectern for it and sets `LECTERN_URL`, `LECTERN_SIGN_IN_URL`,
//! `KUBECONFIG` and `LECTERN_CLUSTER_PROGRAM`. A click is the request that starts the session; the prompt is there
//! when the terminal's socket has brought it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::{SinkExt, StreamExt};
use lectern_api::identity::{Me, SignIn};
use lectern_api::sessions::{Session, SessionState};
use lectern_api::terminal::TerminalFrame;
use reqwest::{Client, Method};
use tokio::process::Command;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// How often each is measured.
const ROUNDS: usize = 10;
const LAB: &str = "container-immutability";
const IMAGE: &str = "lectern/workbench:latest";
const PATIENCE: Duration = Duration::from_secs(120);

struct Learner {
    http: Client,
    url: String,
    cookie: String,
    csrf: String,
}

impl Learner {
    async fn sign_in(url: &str, link: &str) -> Result<Self> {
        let http = Client::new();
        let token = link.split('#').nth(1).context("the sign-in link has no token")?.to_owned();
        let response = http.post(format!("{url}/api/v1/logins")).json(&SignIn::Link { token }).send().await?;
        ensure!(response.status().is_success(), "the sign-in link was refused: {}", response.status());
        let cookie = response.headers().get("set-cookie").context("no cookie came")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let me: Me = response.json().await?;
        Ok(Self { http, url: url.to_owned(), cookie, csrf: me.csrf_token })
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}/api/v1{path}", self.url))
            .header("cookie", &self.cookie)
            .header("x-csrf-token", &self.csrf)
    }

    /// Follows a session's events until its state is as wanted.
    async fn wait_for(&self, id: &str, wanted: fn(&SessionState) -> bool) -> Result<()> {
        let mut response = self.request(Method::GET, &format!("/sessions/{id}/events")).send().await?;
        let mut text = String::new();
        while let Some(chunk) = response.chunk().await? {
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some(end) = text.find("\n\n") {
                let event: String = text.drain(..end + 2).collect();
                let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) else { continue };
                let session: Session = serde_json::from_str(data)?;
                if wanted(&session.state) {
                    return Ok(());
                }
                if let SessionState::Failed { reason } = session.state {
                    bail!("the session failed: {reason}");
                }
            }
        }
        bail!("the session's events ended")
    }

    async fn wait_for_prompt(&self, id: &str) -> Result<()> {
        let address = format!("{}/api/v1/sessions/{id}/terminals/1/attach?cols=80&rows=24", self.url);
        let mut request = address.replacen("http", "ws", 1).into_client_request()?;
        request.headers_mut().insert("cookie", self.cookie.parse()?);
        request.headers_mut().insert("origin", self.url.parse()?);
        let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
        let mut shown = vec![];
        while let Some(message) = socket.next().await {
            if let Message::Binary(frame) = message?
                && let TerminalFrame::Output { bytes, .. } = TerminalFrame::decode(&frame)?
            {
                shown.extend(bytes);
                if String::from_utf8_lossy(&shown).contains("$ ") {
                    socket.send(Message::Close(None)).await?;
                    return Ok(());
                }
            }
        }
        bail!("the terminal closed before it showed a prompt: {}", String::from_utf8_lossy(&shown))
    }

    async fn click_to_prompt(&self) -> Result<Duration> {
        let clicked = Instant::now();
        let response =
            self.request(Method::POST, "/sessions").json(&serde_json::json!({ "lab": LAB })).send().await?;
        ensure!(response.status().as_u16() == 201, "no new session: {}", response.status());
        let session: Session = response.json().await?;
        let id = session.id.to_string();
        self.wait_for(&id, |state| matches!(state, SessionState::Running { .. })).await?;
        self.wait_for_prompt(&id).await?;
        let took = clicked.elapsed();
        self.request(Method::DELETE, &format!("/sessions/{id}")).send().await?.error_for_status()?;
        self.wait_for(&id, |state| matches!(state, SessionState::Ended { .. })).await?;
        Ok(took)
    }
}

async fn kubectl(arguments: &[&str]) -> Result<()> {
    let program = std::env::var("LECTERN_CLUSTER_PROGRAM").context("LECTERN_CLUSTER_PROGRAM is not set")?;
    let output = Command::new(program).arg("kubectl").args(arguments).stdin(Stdio::null()).output().await?;
    ensure!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// What one does by hand for the same: a namespace, a pod of the same image, and waiting until it is Ready.
async fn bare_kubectl(round: usize) -> Result<Duration> {
    let name = format!("bench-{}-{round}", std::process::id());
    let began = Instant::now();
    kubectl(&["create", "namespace", &name]).await?;
    // a pod is refused until the namespace has its service account
    while kubectl(&["get", "serviceaccount", "default", "-n", &name]).await.is_err() {
        ensure!(began.elapsed() < PATIENCE, "no service account came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    kubectl(&["run", "bench", "-n", &name, "--image", IMAGE, "--image-pull-policy", "IfNotPresent"]).await?;
    kubectl(&["wait", "-n", &name, "--for=condition=Ready", "pod/bench", "--timeout=60s"]).await?;
    let took = began.elapsed();
    kubectl(&["delete", "namespace", &name]).await?;
    Ok(took)
}

fn percentile(sorted: &[u128], percent: usize) -> u128 {
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}

fn summary(mut millis: Vec<u128>) -> (u128, u128, u128, u128) {
    millis.sort_unstable();
    (millis[0], percentile(&millis, 50), percentile(&millis, 95), millis[millis.len() - 1])
}

#[tokio::main]
async fn main() -> Result<()> {
    let url = std::env::var("LECTERN_URL").context("LECTERN_URL is not set; run `cargo xtask bench start`")?;
    let link = std::env::var("LECTERN_SIGN_IN_URL").context("LECTERN_SIGN_IN_URL is not set")?;
    let learner = Learner::sign_in(&url, &link).await?;
    // the first of each pays for what every later one finds: image unpacked, caches warm
    let first = tokio::time::timeout(PATIENCE, learner.click_to_prompt()).await??;
    bare_kubectl(ROUNDS).await?;
    println!("first start on this node, image not unpacked yet: {} ms", first.as_millis());
    let (mut ours, mut bare) = (vec![], vec![]);
    for round in 0..ROUNDS {
        ours.push(tokio::time::timeout(PATIENCE, learner.click_to_prompt()).await??.as_millis());
        bare.push(tokio::time::timeout(PATIENCE, bare_kubectl(round)).await??.as_millis());
        println!("round {:>2}: click to prompt {:>6} ms, bare kubectl {:>6} ms", round + 1, ours[round], bare[round]);
    }
    let ratio = summary(ours.clone()).1 as f64 / summary(bare.clone()).1 as f64;
    println!("\n{:<18} {:>8} {:>8} {:>8} {:>8}", "milliseconds", "min", "p50", "p95", "max");
    for (name, millis) in [("click to prompt", ours), ("bare kubectl", bare)] {
        let (min, p50, p95, max) = summary(millis);
        println!("{name:<18} {min:>8} {p50:>8} {p95:>8} {max:>8}");
    }
    println!("click to prompt over bare kubectl, p50: {ratio:.2}");
    Ok(())
}
