//! Recording requests in the audit log: the table of endpoints says which requests are recorded, and handlers add the
//! details.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::LazyLock;

use actix_web::body::MessageBody;
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use lectern_api::ids::UserId;

use super::ApiError;
use super::endpoints::{ENDPOINTS, Recorded};
use super::error::code_of;
use super::services::Services;
use super::visitor::client_address;
use crate::audit::{OK, Record};

/// What is known about a request so far. Handlers take it as an argument and add to it.
#[derive(Clone, Debug, Default)]
pub struct Trail(Rc<RefCell<Details>>);

#[derive(Debug, Default)]
struct Details {
    actor: Option<UserId>,
    action: Option<&'static str>,
    object: Option<String>,
    detail: String,
}

impl Trail {
    /// Returns the trail of a request.
    pub(super) fn of(req: &HttpRequest) -> Self {
        let mut extensions = req.extensions_mut();
        if let Some(trail) = extensions.get::<Self>() {
            return trail.clone();
        }
        let trail = Self::default();
        extensions.insert(trail.clone());
        trail
    }

    /// Sets who sent the request.
    pub fn actor(&self, user: UserId) {
        self.0.borrow_mut().actor = Some(user);
    }

    /// Sets a more exact name for the action than the table's.
    pub fn action(&self, action: &'static str) {
        self.0.borrow_mut().action = Some(action);
    }

    /// Sets what the request acts on.
    pub fn object(&self, object: String) {
        self.0.borrow_mut().object = Some(object);
    }

    /// Sets further details. Never pass text that somebody typed: it may be a password.
    pub fn detail(&self, detail: impl Into<String>) {
        self.0.borrow_mut().detail = detail.into();
    }
}

impl FromRequest for Trail {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(req)))
    }
}

/// Records the request and its outcome if the table of endpoints says so; a middleware.
pub async fn record_request(
    req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let Some((action, recorded)) = action_of(&req) else { return next.call(req).await };
    let Some(services) = req.app_data::<web::Data<Services>>().cloned() else { return next.call(req).await };
    let trail = Trail::of(req.request());
    let response = next.call(req).await?;
    let outcome = outcome_of(&response);
    // such a request changed nothing, and a page whose login has ended sends many of them
    if outcome == "not_signed_in" {
        return Ok(response);
    }
    let record = {
        let mut details = trail.0.borrow_mut();
        let object = details.object.take().or_else(|| object_in_path(response.request()));
        Record {
            actor: details.actor,
            address: client_of(&services, response.request()),
            action: details.action.unwrap_or(action),
            object: object.or_else(|| details.actor.map(crate::audit::user)).unwrap_or_default(),
            outcome,
            detail: std::mem::take(&mut details.detail),
        }
    };
    // refusals by the limits on requests are not logged, so that nobody can fill the log with them
    let is_ours = !record.outcome.starts_with("status_");
    if record.outcome != OK && is_ours && recorded.lets_in() {
        tracing::warn!(
            client.address = record.address,
            record.action,
            record.outcome,
            record.object,
            "a sign-in, registration or join request was refused"
        );
    }
    match recorded {
        Recorded::Soon(_) => services.audit.enqueue(record),
        // no success is reported before it is on record
        _ => services.audit.write(record).await,
    }
    Ok(response)
}

/// Returns the full address that a request came from.
pub(super) fn client_of(services: &Services, req: &HttpRequest) -> String {
    let peer = req.peer_addr().map(|peer| peer.ip());
    peer.map(|peer| client_address(peer, req.headers(), &services.config.trusted_proxies).to_string())
        .unwrap_or_default()
}

fn action_of(req: &ServiceRequest) -> Option<(&'static str, Recorded)> {
    static ACTIONS: LazyLock<HashMap<(&str, &str), (&'static str, Recorded)>> = LazyLock::new(|| {
        let recorded = ENDPOINTS.iter().filter_map(|endpoint| {
            Some(((endpoint.method, endpoint.path), (endpoint.recorded.action()?, endpoint.recorded)))
        });
        recorded.collect()
    });
    let pattern = req.match_pattern()?;
    ACTIONS.get(&(req.method().as_str(), pattern.as_str())).copied()
}

fn outcome_of<B>(response: &ServiceResponse<B>) -> String {
    let status = response.status();
    if status.is_success() {
        return OK.to_owned();
    }
    match response.response().error().and_then(|error| error.as_error::<ApiError>()) {
        Some(error) => code_of(error).to_owned(),
        None => format!("status_{}", status.as_u16()),
    }
}

/// Returns what the path names, as `user:<id>`; `None` if it names no id, so that no typed text gets into the log.
fn object_in_path(req: &HttpRequest) -> Option<String> {
    let id: uuid::Uuid = req.match_info().get("id")?.parse().ok()?;
    let pattern = req.match_pattern()?;
    let kind = match pattern.split('/').nth(3)? {
        "users" => "user",
        "classes" | "enrolments" => "class",
        "sessions" => "session",
        "logins" => "login",
        _ => return None,
    };
    Some(format!("{kind}:{id}"))
}
