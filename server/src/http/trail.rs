//! What the audit log says of a request: the table of endpoints says which requests are recorded, handlers say what
//! they were about.

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
use super::visitor::client_address;
use crate::app::Services;
use crate::audit::{OK, Record};

/// What is known of a request so far. Handlers take it as an argument and add to it.
#[derive(Clone, Debug, Default)]
pub struct Trail(Rc<RefCell<Said>>);

#[derive(Debug, Default)]
struct Said {
    actor: Option<UserId>,
    action: Option<&'static str>,
    object: Option<String>,
    detail: String,
}

impl Trail {
    /// The request's.
    pub(super) fn of(req: &HttpRequest) -> Self {
        let mut extensions = req.extensions_mut();
        if let Some(trail) = extensions.get::<Self>() {
            return trail.clone();
        }
        let trail = Self::default();
        extensions.insert(trail.clone());
        trail
    }

    /// Says who did it.
    pub fn actor(&self, user: UserId) {
        self.0.borrow_mut().actor = Some(user);
    }

    /// Says more exactly than the table what was done.
    pub fn action(&self, action: &'static str) {
        self.0.borrow_mut().action = Some(action);
    }

    /// Says to what it was done.
    pub fn object(&self, object: String) {
        self.0.borrow_mut().object = Some(object);
    }

    /// Says more about it; never what somebody typed.
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

/// Records the request if the table says so, with how it ended; a middleware.
///
/// # Errors
/// Whatever the request's handler fails with.
pub async fn record_request(
    req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let Some((action, recorded)) = action_of(&req) else { return next.call(req).await };
    let Some(services) = req.app_data::<web::Data<Services>>().cloned() else { return next.call(req).await };
    let trail = Trail::of(req.request());
    let response = next.call(req).await?;
    let outcome = outcome_of(&response);
    // who is not signed in was not let in, and changed nothing: a page whose login has ended asks all the time
    if outcome == "not_signed_in" {
        return Ok(response);
    }
    let record = {
        let mut said = trail.0.borrow_mut();
        let object = said.object.take().or_else(|| object_in_path(response.request()));
        Record {
            actor: said.actor,
            address: client_of(&services, response.request()),
            action: said.action.unwrap_or(action),
            object: object.or_else(|| said.actor.map(crate::audit::user)).unwrap_or_default(),
            outcome,
            detail: std::mem::take(&mut said.detail),
        }
    };
    // whoever sends more than the edge lets through fills no log either
    let is_judged = !record.outcome.starts_with("status_");
    if record.outcome != OK && is_judged && recorded.lets_in() {
        tracing::warn!(
            client.address = record.address,
            record.action,
            record.outcome,
            record.object,
            "somebody was not let in"
        );
    }
    match recorded {
        Recorded::Soon(_) => services.audit.note(record),
        // nothing is said to have been done that is not on record
        _ => services.audit.write(record).await,
    }
    Ok(response)
}

/// The address that a request came from, whole.
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

/// What the address names, as `user:<id>`; nothing if it is no id, so that nothing typed gets into the log.
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
