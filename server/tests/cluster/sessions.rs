//! Whole sessions: the real server with its database, on real workbenches.

mod allowances;
mod checks;
mod definition;
mod failures;
mod previews;
mod replicas;
mod reserve;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::{SinkExt as _, StreamExt as _};
use lectern_api::ids::SessionId;
use lectern_api::sessions::{CheckOutcome, Session, SessionState};
use lectern_api::terminal::{TerminalFrame, ViewerFrame};
use lectern_server::cluster::ClusterConfig;
use lectern_server::config::portal::{Labs, Maxima, Portal};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::client::{Answer, Client};
use crate::support::stream::EventStream;
use crate::support::{PATIENCE, Setting, TestApp, in_time};

/// A server of its own mark, with workbenches that start.
fn real() -> Setting {
    let named = std::env::var("LECTERN_WORKBENCH_IMAGE");
    let image = named.unwrap_or_else(|_| ClusterConfig::default().workbench_image);
    Setting { own_cluster: true, workbench_image: Some(image.leak()), ..Setting::default() }
}

/// The same on a platform that allows labs more.
fn allowing(allow: serde_json::Value) -> Setting {
    let allow = serde_json::from_value(allow).expect("what labs may be allowed");
    let portal = Portal {
        sessions: Maxima { reserved_labs: Some(0), ..Maxima::default() },
        labs: Labs { allow, ..Labs::default() },
        ..Portal::default()
    };
    Setting { portal: Some(portal), ..real() }
}

/// Writes a lab's definition, one page of its own and whatever else it has.
fn write_lab(app: &TestApp, lab: &str, spec: &str, files: &[(&str, &str)]) {
    app.labs.write(
        &format!("{lab}/resources/workshop.yaml"),
        &format!(
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: {lab}}}\nspec:\n  title: A lab\n{spec}"
        ),
    );
    app.labs.write(&format!("{lab}/workshop/content/page.md"), "# Hello\n");
    for (path, text) in files {
        let path = app.labs.write(&format!("{lab}/{path}"), text);
        if text.starts_with("#!") {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(path, mode).expect("a file of ours");
        }
    }
    app.services.catalog.reload().expect("the folder of labs is there");
}

async fn start(learner: &Client, lab: &str, parameters: &BTreeMap<&str, &str>) -> Answer {
    learner.post("/api/v1/sessions", &json!({ "lab": lab, "parameters": parameters })).await
}

fn path(id: SessionId) -> String {
    format!("/api/v1/sessions/{id}")
}

async fn show(learner: &Client, id: SessionId) -> Session {
    learner.get(&path(id)).await.json()
}

/// Waits for a state.
async fn wait_for(learner: &Client, id: SessionId, wanted: impl Fn(&SessionState) -> bool) -> Session {
    let mut live = EventStream::open(learner, &format!("{}/events", path(id))).await;
    live.wait_for("session", |session: &Session| wanted(&session.state)).await
}

fn is_running(state: &SessionState) -> bool {
    if let SessionState::Failed { reason } = state {
        panic!("the session failed: {reason}");
    }
    matches!(state, SessionState::Running { .. })
}

/// Starts a lab and waits until it runs.
async fn run_lab(learner: &Client, lab: &str) -> Session {
    let session: Session = start(learner, lab, &BTreeMap::new()).await.expect(201).json();
    wait_for(learner, session.id, is_running).await
}

/// Starts a lab that does not start; what the learner is told.
async fn fail_lab(learner: &Client, lab: &str) -> String {
    let session: Session = start(learner, lab, &BTreeMap::new()).await.expect(201).json();
    let failed = wait_for(learner, session.id, |state| matches!(state, SessionState::Failed { .. })).await;
    match failed.state {
        SessionState::Failed { reason } => reason,
        other => panic!("{other:?}"),
    }
}

/// Runs one of the lab's checks.
async fn check(learner: &Client, id: SessionId, name: &str) -> CheckOutcome {
    learner.post(&format!("{}/checks/{name}", path(id)), &json!({})).await.json()
}

/// Ends a session and waits until it is over.
async fn end(learner: &Client, id: SessionId) {
    learner.delete(&path(id)).await.expect(204);
    wait_for(learner, id, |state| matches!(state, SessionState::Ended { .. })).await;
}

/// The socket of a terminal.
type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn attach(learner: &Client, id: SessionId) -> Socket {
    let address = format!("{}{}/terminals/1/attach?cols=120&rows=40", learner.base, path(id));
    let mut request = address.replacen("http", "ws", 1).into_client_request().expect("a WebSocket's address");
    request.headers_mut().insert("cookie", learner.cookie().parse().expect("a cookie is text"));
    request.headers_mut().insert("origin", learner.base.parse().expect("an address is text"));
    tokio_tungstenite::connect_async(request).await.expect("the terminal is there").0
}

/// Whether a terminal says that its home was empty when its workbench was started.
async fn is_home_new(learner: &Client, id: SessionId) -> bool {
    let mut socket = attach(learner, id).await;
    in_time("the beginning of the terminal", async {
        loop {
            let message = socket.next().await.expect("the terminal stays").expect("the socket is open");
            if let Message::Binary(frame) = message
                && let TerminalFrame::Began { is_home_new, .. } =
                    TerminalFrame::decode(&frame).expect("a frame")
            {
                return is_home_new;
            }
        }
    })
    .await
}

/// Types into a terminal and gives what it showed until `wanted` was part of it.
async fn type_in(learner: &Client, id: SessionId, input: &str, wanted: &str) -> String {
    let mut socket = attach(learner, id).await;
    let typed = ViewerFrame::Input(input.as_bytes().to_vec()).encode();
    socket.send(Message::Binary(typed.into())).await.expect("the socket is open");
    let mut shown = vec![];
    in_time(&format!("{wanted:?} in the terminal"), async {
        while !String::from_utf8_lossy(&shown).contains(wanted) {
            let message = socket.next().await.expect("the terminal stays").expect("the socket is open");
            if let Message::Binary(frame) = message
                && let TerminalFrame::Output { bytes, .. } = TerminalFrame::decode(&frame).expect("a frame")
            {
                shown.extend(bytes);
            }
        }
    })
    .await;
    String::from_utf8_lossy(&shown).into_owned()
}

/// Asks again and again until something is true, which nothing announces.
async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
