//! A terminal's WebSocket: who may open it, and its frames to and from the relay.

use std::cell::Cell;
use std::time::Duration;

use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{CloseCode, CloseReason, Message, MessageStream, Session};
use bytes::Bytes;
use futures::{SinkExt, Stream, StreamExt};
use lectern_api::ids::{SessionId, TerminalName};
use lectern_api::terminal::{AttachQuery, MAX_PAYLOAD_BYTES};

use super::ApiError;
use super::caller::Caller;
use super::origin::check_socket_origin;
use super::paths::PathTarget as _;
use super::services::Services;
use crate::identity::Login;
use crate::report::chain;
use crate::sessions::SessionError;
use crate::terminals::{Attached, RelayEnd, relay};

/// How often the socket is pinged, and its login and session are looked at again.
const PING: Duration = Duration::from_secs(20);
/// The longest message of a browser, in bytes.
const LONGEST_MESSAGE: usize = MAX_PAYLOAD_BYTES + 64;
/// How long the socket's end may take to be told.
const FAREWELL: Duration = Duration::from_secs(2);

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
    let id = SessionId::parse(id)?;
    let terminal: TerminalName = name.parse()?;
    let open = services.terminals.open(caller.id())?;
    let request = query.into_inner().into_request(terminal, open.window_bytes());
    let attached = services.workbenches.attach_terminal(caller.id(), id, request).await?;
    let (response, socket, messages) =
        actix_ws::handle(&req, body).map_err(|error| ApiError::BadRequest(error.to_string()))?;
    let services = services.clone();
    actix_web::rt::spawn(async move {
        serve_socket(socket, messages, attached, async || is_allowed(&services, &caller.0, id).await).await;
        drop(open);
    });
    Ok(response)
}

/// Whether this browser may still have this terminal; else the reason for the close frame. A database that does
/// not answer right now is no reason.
async fn is_allowed(services: &Services, login: &Login, id: SessionId) -> Result<(), CloseReason> {
    match services.identity.find_login(&login.token.reveal()).await {
        Ok(None) => return Err(close(4401, "signed out")),
        Err(error) => tracing::warn!(error = chain(&error), "a socket's login could not be looked at"),
        Ok(Some(_)) => {}
    }
    match services.workbenches.check_terminal_access(login.user.id, id).await {
        Err(SessionError::UnknownSession) => Err(close(4404, "there is no such session")),
        Err(SessionError::NotRunning) => Err(close(4409, "the session is not running")),
        _ => Ok(()),
    }
}

fn close(code: u16, description: &str) -> CloseReason {
    CloseReason { code: CloseCode::Other(code), description: Some(description.to_owned()) }
}

/// What is known of the browser's side of a socket.
struct Browser {
    /// Something came since this was looked at last: at first, the request itself.
    is_heard: Cell<bool>,
    /// Something would be read if it came: while the shell does not take what was typed, nothing is.
    is_listened_to: Cell<bool>,
    /// Why nothing more is read.
    breach: Cell<Option<CloseReason>>,
}

impl Default for Browser {
    fn default() -> Self {
        Self { is_heard: Cell::new(true), is_listened_to: Cell::default(), breach: Cell::default() }
    }
}

async fn serve_socket(
    socket: Session,
    messages: MessageStream,
    attached: Attached,
    still_allowed: impl AsyncFn() -> Result<(), CloseReason>,
) {
    let browser = Browser::default();
    let frames = frames(messages.max_frame_size(LONGEST_MESSAGE), socket.clone(), &browser);
    let to_browser = socket
        .clone()
        .with(|frame: Bytes| std::future::ready(Ok::<_, actix_ws::Closed>(Message::Binary(frame))));
    // beside the relay: neither a browser that does not read nor a slow database holds up the terminal
    let reason = tokio::select! {
        end = relay(attached, frames, to_browser) => match end {
            RelayEnd::ViewerLeft => browser.breach.take(),
            // the link to the workbench went; the browser attaches again and finds out how things are
            RelayEnd::TerminalWent => Some(close(4503, "the connection to the terminal was lost")),
            RelayEnd::BadFrame => Some(close(1008, "not a frame of this protocol")),
        },
        reason = watch_over(socket.clone(), &browser, PING, still_allowed) => reason,
    };
    // fails where the browser went first
    let _ = tokio::time::timeout(FAREWELL, socket.close(reason)).await;
}

/// The frames that the browser sends, until it leaves or sends something else.
fn frames<'a>(
    messages: MessageStream,
    socket: Session,
    browser: &'a Browser,
) -> impl Stream<Item = Bytes> + use<'a> {
    futures::stream::unfold((messages, socket), async move |(mut messages, mut socket)| {
        loop {
            browser.is_listened_to.set(true);
            let message = messages.next().await?.ok()?;
            browser.is_listened_to.set(false);
            browser.is_heard.set(true);
            match message {
                Message::Binary(frame) => return Some((frame, (messages, socket))),
                Message::Ping(bytes) => socket.pong(&bytes).await.ok()?,
                Message::Pong(_) | Message::Nop => {}
                Message::Text(_) | Message::Continuation(_) => {
                    browser.breach.set(Some(close(1003, "only whole binary messages are understood")));
                    return None;
                }
                Message::Close(_) => return None,
            }
        }
    })
}

/// Pings the socket and looks at its login now and then; resolves when it shall be closed, with the reason.
async fn watch_over(
    mut socket: Session,
    browser: &Browser,
    period: Duration,
    still_allowed: impl AsyncFn() -> Result<(), CloseReason>,
) -> Option<CloseReason> {
    loop {
        tokio::time::sleep(period).await;
        if !browser.is_heard.replace(false) && browser.is_listened_to.get() {
            // neither a frame nor the answer to the ping before: nobody is there
            return None;
        }
        // one that has no room for it will not answer it either, and is gone the next time
        if let Ok(Err(_)) = tokio::time::timeout(FAREWELL, socket.ping(b"")).await {
            return None;
        }
        if let Err(reason) = still_allowed().await {
            return Some(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;

    use actix_web::FromRequest;
    use actix_web::body::{BoxBody, MessageBody};
    use actix_web::http::header;
    use actix_web::test::TestRequest;

    use super::*;

    const PERIOD: Duration = Duration::from_millis(2);
    /// A ping without content.
    const PINGED: &[u8] = &[0x89, 0];

    /// A socket, and what the browser gets of it.
    async fn socket() -> (Session, BoxBody) {
        let (req, mut payload) = TestRequest::get()
            .insert_header((header::UPGRADE, "websocket"))
            .insert_header((header::CONNECTION, "upgrade"))
            .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
            .insert_header((header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="))
            .to_http_parts();
        let payload = Payload::from_request(&req, &mut payload).await.unwrap();
        let (response, socket, _) = actix_ws::handle(&req, payload).unwrap();
        (socket, response.into_body())
    }

    async fn sent(body: &mut BoxBody) -> Bytes {
        poll_fn(|cx| Pin::new(&mut *body).poll_next(cx)).await.expect("the socket is open").unwrap()
    }

    #[actix_web::test]
    async fn an_idle_socket_is_pinged_and_given_up_only_when_it_does_not_answer() {
        let (socket, mut body) = socket().await;
        let browser = Browser::default();
        browser.is_listened_to.set(true);
        let watching = watch_over(socket, &browser, PERIOD, async || Ok(()));
        let answering = async {
            for _ in 0..3 {
                assert_eq!(&sent(&mut body).await[..], PINGED);
                browser.is_heard.set(true);
            }
            assert_eq!(&sent(&mut body).await[..], PINGED);
        };
        let (reason, ()) = tokio::join!(watching, answering);
        assert_eq!(reason, None);
    }

    #[actix_web::test]
    async fn a_browser_whose_typing_waits_for_the_shell_is_not_given_up() {
        let (socket, mut body) = socket().await;
        let browser = Browser::default();
        let watching = watch_over(socket, &browser, PERIOD, async || Ok(()));
        let pinged = async {
            for _ in 0..4 {
                assert_eq!(&sent(&mut body).await[..], PINGED);
            }
        };
        tokio::select! {
            reason = watching => panic!("given up: {reason:?}"),
            () = pinged => {}
        }
    }

    #[actix_web::test]
    async fn a_socket_whose_login_ends_is_closed_with_the_reason() {
        let (socket, _body) = socket().await;
        let looks = Cell::new(0);
        let browser = Browser::default();
        let still_allowed = async || {
            looks.set(looks.get() + 1);
            if looks.get() < 3 { Ok(()) } else { Err(close(4401, "signed out")) }
        };
        let reason = watch_over(socket, &browser, PERIOD, still_allowed).await;
        assert_eq!((reason, looks.get()), (Some(close(4401, "signed out")), 3));
    }
}
