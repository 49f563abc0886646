//! Checks that every request passes before its handler, and headers that every answer gets.
//!
//! A request must name this server, send its body uncompressed and in time, and stay within the limits on requests.
//! Nothing here queries the database.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, ResponseError as _};
use futures::StreamExt as _;
use tokio::time::Instant;

use super::ApiError;
use super::caller::cookie_name;
use super::limits::{Slot, cost_of_change, cost_of_transfer};
use super::services::Services;
use crate::identity::Token;

/// Timeout for a request's body, from its head to its last byte.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout for each piece of a file that a learner sends, which may be large.
const PIECE_TIMEOUT: Duration = Duration::from_secs(30);

/// Passes a request on to its handler, or refuses it; a middleware.
pub async fn guard(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(services) = req.app_data::<Data<Services>>().cloned() else {
        return Ok(next.call(req).await?.map_into_boxed_body());
    };
    let edge = &services.edge;
    let path = req.path().to_owned();
    let mut response = match admit(&services, req.request()) {
        Err(refusal) => req.into_response(refusal.error_response()),
        Ok(slot) => {
            set_body_timeout(&mut req);
            let response = next.call(req).await?.map_into_boxed_body();
            drop(slot);
            response
        }
    };
    edge.headers.add(&path, response.headers_mut());
    Ok(response)
}

/// Checks the head of a request and counts it.
fn admit(services: &Services, req: &HttpRequest) -> Result<Option<Slot>, ApiError> {
    let edge = &services.edge;
    if let Some(encoding) = req.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(ApiError::EncodedBody);
    }
    // operators' tools probe by IP address, often and from anywhere, and the answer is one word
    if matches!(req.path(), "/healthz" | "/readyz") {
        return Ok(None);
    }
    let host = req.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    if !edge.hosts.is_own(host) {
        return Err(ApiError::ForeignHost);
    }
    warn_of_https(services, req);
    let login = req.cookie(cookie_name(services)).and_then(|cookie| Token::parse(cookie.value()));
    let login = login.map(|token| token.hash());
    // terminals have a limit of their own, and a page may open many at once
    let is_socket = req.headers().contains_key(header::UPGRADE) && req.path().ends_with("/attach");
    let changes = !matches!(*req.method(), Method::GET | Method::HEAD);
    let cost = match changes {
        true if is_transfer(req) => cost_of_transfer(body_bytes(req)),
        true => cost_of_change(body_bytes(req)),
        false => 1,
    };
    let slot = edge.limits.count_request(services.address_of(req), login.as_deref(), cost)?;
    Ok(slot.filter(|_| !is_socket))
}

/// Returns whether the request's body is a learner's file, which is passed on to the workbench piece by piece.
fn is_transfer(req: &HttpRequest) -> bool {
    *req.method() == Method::PUT
        && req.path().starts_with("/api/v1/sessions/")
        && req.path().ends_with("/files/content")
}

/// Returns the declared length of the request's body; `None` if it has a body of undeclared length.
fn body_bytes(req: &HttpRequest) -> Option<u64> {
    if req.headers().contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    match req.headers().get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => Some(0),
    }
}

/// Warns the operator once if a proxy terminates HTTPS and `--public-url` is not set.
fn warn_of_https(services: &Services, req: &HttpRequest) {
    let is_https =
        || req.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes() == b"https");
    if services.config.public_url.is_none() && is_https() {
        services.edge.https_warning.call_once(|| {
            tracing::warn!(
                "browsers reach this server by HTTPS through a proxy, but --public-url is not set, so cookies are not \
                 marked as secure; set --public-url to the address that browsers use"
            );
        });
    }
}

/// Makes reading the body fail once its time is up.
fn set_body_timeout(req: &mut ServiceRequest) {
    // the body of a GET may be a web socket, which has no end
    if matches!(*req.method(), Method::GET | Method::HEAD) {
        return;
    }
    let is_transfer = is_transfer(req.request());
    let end = Instant::now() + BODY_TIMEOUT;
    let pieces = futures::stream::unfold(Some(req.take_payload()), move |payload| async move {
        let mut payload: Payload = payload?;
        let deadline = if is_transfer { Instant::now() + PIECE_TIMEOUT } else { end };
        match tokio::time::timeout_at(deadline, payload.next()).await {
            Ok(piece) => Some((piece?, Some(payload))),
            Err(_) => Some((Err(PayloadError::Io(std::io::ErrorKind::TimedOut.into())), None)),
        }
    });
    req.set_payload(Payload::Stream { payload: Box::pin(pieces) });
}

/// Converts actix's error about a body into ours.
pub fn unreadable_body(error: &actix_web::error::JsonPayloadError) -> actix_web::Error {
    use actix_web::error::JsonPayloadError as E;
    match error {
        E::Payload(PayloadError::Io(cause)) if cause.kind() == std::io::ErrorKind::TimedOut => {
            ApiError::SlowBody.into()
        }
        other => ApiError::BadRequest(other.to_string()).into(),
    }
}
