//! Requests and answers between actix and the HTTP client: piece by piece, as they come.

use std::io;

use actix_web::body::SizedStream;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, rt};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio_util::io::ReaderStream;

use crate::http::limits::Slot;
use crate::previews::{Body, PreviewError, empty};

/// How many pieces of a body wait for the application.
const PIECES: usize = 4;
/// The size of the pieces of a socket, in bytes.
const PIECE: usize = 32 * 1024;

/// Builds the request for the application. A socket's body is what comes after the application has agreed, and is returned
/// apart.
pub(super) fn request(
    req: &HttpRequest,
    payload: Payload,
    is_socket: bool,
) -> Result<(Request<Body>, Option<Payload>), PreviewError> {
    let unreadable =
        |what: &str| PreviewError::BadAnswer(format!("the request's {what} cannot be passed on"));
    let mut headers = HeaderMap::new();
    for (name, value) in req.headers() {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|_| unreadable("headers"))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unreadable("headers"))?;
        headers.append(name, value);
    }
    let has_body = headers.contains_key(http::header::TRANSFER_ENCODING)
        || headers.get(http::header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    let (body, rest) = match (is_socket, has_body) {
        (true, _) => (empty(), Some(payload)),
        (false, false) => (empty(), None),
        (false, true) => (streamed(payload), None),
    };
    let mut request = Request::new(body);
    *request.method_mut() =
        Method::from_bytes(req.method().as_str().as_bytes()).map_err(|_| unreadable("method"))?;
    let asked = req.uri().path_and_query().map_or("/", |asked| asked.as_str());
    *request.uri_mut() = asked.parse::<Uri>().map_err(|_| unreadable("address"))?;
    *request.headers_mut() = headers;
    Ok((request, rest))
}

/// Moves a body off this thread, on which alone actix gives it out.
fn streamed(mut payload: Payload) -> Body {
    let (sender, mut receiver) = mpsc::channel::<io::Result<Bytes>>(PIECES);
    rt::spawn(async move {
        while let Some(piece) = payload.next().await {
            // fails if the application has answered without reading on
            if sender.send(piece.map_err(io::Error::other)).await.is_err() {
                return;
            }
        }
    });
    let pieces = futures::stream::poll_fn(move |cx| receiver.poll_recv(cx));
    StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync()
}

/// Builds the answer for the browser, which ends early if its leave does. Holds the slot as long as it lasts.
pub(super) fn response(
    response: Response<Incoming>,
    is_head: bool,
    slot: Slot,
    revoked: impl Future<Output = ()> + 'static,
) -> HttpResponse {
    let (head, body) = response.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut builder = HttpResponse::build(status);
    add(&mut builder, &head.headers);
    let length = head.headers.get(http::header::CONTENT_LENGTH);
    let length: Option<u64> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return builder.finish();
    }
    let pieces = body.into_data_stream();
    let pieces = held(pieces, slot).take_until(Box::pin(revoked));
    match length {
        Some(length) => builder.body(SizedStream::new(length, pieces)),
        // what a HEAD would answer is as long as nobody knows
        None if is_head => builder.finish(),
        None => builder.streaming(pieces),
    }
}

/// Builds the answer with which a socket begins, and passes on what both sides send.
pub(super) fn upgraded(
    headers: HeaderMap,
    stream: TokioIo<Upgraded>,
    from_browser: Option<Payload>,
    slot: Slot,
    revoked: impl Future<Output = ()> + 'static,
) -> HttpResponse {
    let (read, mut write) = tokio::io::split(stream);
    if let Some(mut payload) = from_browser {
        rt::spawn(async move {
            while let Some(Ok(piece)) = payload.next().await {
                if write.write_all(&piece).await.is_err() {
                    return;
                }
            }
            // fails if the application went first
            let _ = write.shutdown().await;
        });
    }
    let mut builder = HttpResponse::build(StatusCode::SWITCHING_PROTOCOLS);
    builder.upgrade("websocket");
    add(&mut builder, &headers);
    let pieces = ReaderStream::with_capacity(read, PIECE);
    builder.streaming(held(pieces, slot).take_until(Box::pin(revoked)))
}

fn add(builder: &mut HttpResponseBuilder, headers: &HeaderMap) {
    for (name, value) in headers {
        builder.append_header((name.as_str(), value.as_bytes()));
    }
}

/// Keeps a slot for as long as the stream lasts.
fn held<T>(stream: impl Stream<Item = T>, slot: Slot) -> impl Stream<Item = T> {
    stream.map(move |piece| {
        let _held = &slot;
        piece
    })
}
