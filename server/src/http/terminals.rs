//! A terminal's WebSocket: who may open it, and its frames to and from the relay.

use std::time::Duration;

use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{CloseCode, CloseReason, Message};
use futures::StreamExt;
use lectern_api::ids::TerminalName;
use tokio::sync::mpsc;

use super::ApiError;
use super::caller::Caller;
use super::error::chain;
use super::origin::check_socket_origin;
use super::sessions::session_id;
use crate::app::Services;
use crate::identity::Login;
use crate::sessions::{AttachTerminal, SessionError};
use crate::terminals::{Attached, RelayEnd, relay};

/// How often the socket is pinged, and its login and session are looked at again.
const PING: Duration = Duration::from_secs(20);
/// Frames on their way to or from the socket; each is at most 32 KiB.
const FRAMES_UNDER_WAY: usize = 8;

/// What the browser says when it attaches.
#[derive(Debug, serde::Deserialize)]
pub struct AttachQuery {
    /// The first byte of output that it lacks; absent: all there is.
    offset: Option<u64>,
    cols: u16,
    rows: u16,
}

/// `GET /api/v1/sessions/{id}/terminals/{name}/attach`.
pub async fn attach_terminal(
    services: Data<Services>,
    req: HttpRequest,
    caller: Caller,
    path: Path<(String, String)>,
    query: Query<AttachQuery>,
    body: Payload,
) -> Result<HttpResponse, ApiError> {
    check_socket_origin(&req, services.config.public_url.as_ref())?;
    let (id, name) = path.into_inner();
    let id = session_id(&id)?;
    let terminal: TerminalName = name.parse()?;
    let wish = AttachTerminal { terminal, offset: query.offset, cols: query.cols, rows: query.rows };
    let attached = services.sessions.attach_terminal(caller.id(), id, wish).await?;
    let (response, socket, messages) =
        actix_ws::handle(&req, body).map_err(|error| ApiError::Unreadable(error.to_string()))?;
    let (check_services, login) = (services.clone(), caller.0);
    actix_web::rt::spawn(async move {
        let still_allowed = move || {
            let (services, login) = (check_services.clone(), login.clone());
            async move { is_allowed(&services, &login, id).await }
        };
        serve_socket(socket, messages, attached, still_allowed).await;
    });
    Ok(response)
}

/// Whether this browser may still have this terminal; else the reason for the close frame. A database that does
/// not answer right now is no reason.
async fn is_allowed(
    services: &Services,
    login: &Login,
    id: lectern_api::ids::SessionId,
) -> Result<(), CloseReason> {
    match services.identity.find_login(&login.token.reveal()).await {
        Ok(None) => return Err(close(4401, "signed out")),
        Err(error) => tracing::warn!(error = chain(&error), "a socket's login could not be looked at"),
        Ok(Some(_)) => {}
    }
    match services.sessions.check_terminal_access(login.user.id, id).await {
        Err(SessionError::UnknownSession) => Err(close(4404, "there is no such session")),
        Err(SessionError::NotRunning) => Err(close(4409, "the session is not running")),
        _ => Ok(()),
    }
}

fn close(code: u16, description: &str) -> CloseReason {
    CloseReason { code: CloseCode::Other(code), description: Some(description.to_owned()) }
}

fn lost() -> CloseReason {
    close(4503, "the connection to the terminal was lost")
}

async fn serve_socket<F: Future<Output = Result<(), CloseReason>>>(
    mut socket: actix_ws::Session,
    messages: actix_ws::MessageStream,
    attached: Attached,
    still_allowed: impl Fn() -> F,
) {
    let (to_agent, from_browser) = mpsc::channel(FRAMES_UNDER_WAY);
    let (to_browser, mut from_agent) = mpsc::channel(FRAMES_UNDER_WAY);
    let mut relaying = actix_web::rt::spawn(relay(attached, from_browser, to_browser));
    let mut messages = messages.max_frame_size(64 * 1024);
    let mut ping = tokio::time::interval(PING);
    ping.reset();
    let mut heard = true;

    // the sending half is a task of its own: a browser that reads slowly holds up neither its typing nor its pings
    let mut sender = socket.clone();
    let mut sending = actix_web::rt::spawn(async move {
        while let Some(frame) = from_agent.recv().await {
            if sender.binary(frame).await.is_err() {
                break;
            }
        }
    });

    // a message is read only when there is room for it: a shell that does not read holds up its typist, while
    // pings and the look at the login go on
    let mut room = None;
    let reason = loop {
        tokio::select! {
            end = &mut relaying => break match end {
                Ok(RelayEnd::ViewerLeft) => None,
                // the link to the workbench went; the browser attaches again and finds out how things are
                Ok(RelayEnd::TerminalWent) | Err(_) => Some(lost()),
                Ok(RelayEnd::BadFrame) => Some(close(1008, "not a frame of this protocol")),
            },
            _ = &mut sending => break None,
            permit = to_agent.reserve(), if room.is_none() => match permit {
                Ok(permit) => room = Some(permit),
                Err(_) => break Some(lost()),
            },
            message = messages.next(), if room.is_some() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    heard = true;
                    if let Some(permit) = room.take() {
                        permit.send(bytes);
                    }
                }
                Some(Ok(Message::Ping(bytes))) => {
                    heard = true;
                    if socket.pong(&bytes).await.is_err() {
                        break None;
                    }
                }
                Some(Ok(Message::Pong(_))) => heard = true,
                Some(Ok(Message::Text(_) | Message::Continuation(_))) => {
                    break Some(close(1003, "only whole binary messages are understood"));
                }
                Some(Ok(Message::Nop)) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
            },
            _ = ping.tick() => {
                if !heard && room.is_some() {
                    break None;
                }
                heard = false;
                if socket.ping(b"").await.is_err() {
                    break None;
                }
                if let Err(reason) = still_allowed().await {
                    break Some(reason);
                }
            }
        }
    };
    sending.abort();
    relaying.abort();
    // fails where the browser went first
    let _ = socket.close(reason).await;
}
