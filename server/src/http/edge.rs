//! What every request passes before any handler sees it.
//!
//! It must name this server, bring a body as it is and within its time, and be one of not too many. The answer gets
//! the headers that all have. Nothing here asks the database.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Once;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _};
use futures::StreamExt as _;
use tokio::time::Instant;

use super::ApiError;
use super::caller::cookie_name;
use super::headers::Headers;
use super::health::Readiness;
use super::hosts::Hosts;
use super::limits::{Counted, Limits, cost_of_change};
use super::visitor::{client_address, network_of};
use crate::app::Services;
use crate::config::ServiceConfig;
use crate::identity::Token;

/// How long a request's body may take, from its head to its last byte.
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// What requests are measured by.
pub struct Edge {
    /// How much everybody has asked for.
    pub limits: Limits,
    /// The headers of answers.
    pub headers: Headers,
    /// Whether database and cluster answered.
    pub readiness: Readiness,
    hosts: Hosts,
    told_of_https: Once,
}

impl Edge {
    /// As the operator's settings want it.
    #[must_use]
    pub fn new(config: &ServiceConfig) -> Self {
        Self {
            limits: Limits::default(),
            headers: Headers::new(config),
            readiness: Readiness::default(),
            hosts: Hosts::new(config.public_url.as_ref(), &config.allowed_hosts),
            told_of_https: Once::new(),
        }
    }
}

/// The address that limits count a request by.
#[must_use]
pub fn address_of(services: &Services, req: &HttpRequest) -> IpAddr {
    // only a request without a socket has no peer
    let peer = req.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    network_of(client_address(peer, req.headers(), &services.config.trusted_proxies))
}

/// Lets a request through to its handler, or refuses it.
///
/// # Errors
/// Whatever the request's handler fails with.
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
        Ok(counted) => {
            bound_body(&mut req);
            let response = next.call(req).await?.map_into_boxed_body();
            drop(counted);
            response
        }
    };
    edge.headers.add(&path, response.headers_mut());
    Ok(response)
}

/// Looks at the head of a request.
fn admit(services: &Services, req: &HttpRequest) -> Result<Option<Counted>, ApiError> {
    let edge = &services.edge;
    if let Some(encoding) = req.headers().get(header::CONTENT_ENCODING)
        && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
    {
        return Err(ApiError::EncodedBody);
    }
    // operators' tools ask by address, often and from anywhere, and hear one word
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
    // a terminal is counted where it is opened, and a page may open many at once
    let is_socket = req.headers().contains_key(header::UPGRADE) && req.path().ends_with("/attach");
    let changes = !matches!(*req.method(), Method::GET | Method::HEAD);
    let cost = if changes { cost_of_change(body_bytes(req)) } else { 1 };
    let counted = edge.limits.count_request(address_of(services, req), login.as_deref(), cost)?;
    Ok(counted.filter(|_| !is_socket))
}

/// How long the request says that its body is; `None` if it has one and does not say.
fn body_bytes(req: &HttpRequest) -> Option<u64> {
    if req.headers().contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    match req.headers().get(header::CONTENT_LENGTH) {
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => Some(0),
    }
}

/// Tells the operator once of a proxy with TLS that Lectern was not told of.
fn warn_of_https(services: &Services, req: &HttpRequest) {
    let is_https =
        || req.headers().get("x-forwarded-proto").is_some_and(|scheme| scheme.as_bytes() == b"https");
    if services.config.public_url.is_none() && is_https() {
        services.edge.told_of_https.call_once(|| {
            tracing::warn!(
                "a proxy speaks HTTPS for this server, which does not know: cookies go without protection. \
                 Set --public-url to the address that browsers use"
            );
        });
    }
}

/// Gives the rest of a body its time; then reading it fails.
fn bound_body(req: &mut ServiceRequest) {
    // what a socket sends is its body, too
    if matches!(*req.method(), Method::GET | Method::HEAD) {
        return;
    }
    let deadline = Instant::now() + BODY_WITHIN;
    let pieces = futures::stream::unfold(Some(req.take_payload()), move |payload| async move {
        let mut payload: Payload = payload?;
        match tokio::time::timeout_at(deadline, payload.next()).await {
            Ok(piece) => Some((piece?, Some(payload))),
            Err(_) => Some((Err(PayloadError::Io(std::io::ErrorKind::TimedOut.into())), None)),
        }
    });
    req.set_payload(Payload::Stream { payload: Box::pin(pieces) });
}

/// Why a body could not be read.
pub fn unreadable_body(error: &actix_web::error::JsonPayloadError) -> actix_web::Error {
    use actix_web::error::JsonPayloadError as E;
    match error {
        E::Payload(PayloadError::Io(cause)) if cause.kind() == std::io::ErrorKind::TimedOut => {
            ApiError::SlowBody.into()
        }
        other => ApiError::Unreadable(other.to_string()).into(),
    }
}

/// Closes the connection of a request whose body will not be read.
pub fn give_up(error: &ApiError, response: &mut HttpResponse) {
    if matches!(error, ApiError::EncodedBody | ApiError::SlowBody) {
        response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    }
}
