//! Recording requests in the audit log: the table of endpoints says which requests are recorded, and handlers add the
//! details to the request's [`Trail`].

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, web};

use super::ApiError;
use super::endpoints::{ENDPOINTS, Recorded};
use super::error::code_of;
use super::services::Services;
use super::trail::Trail;
use crate::audit::{OK, Record};

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
            address: services.full_address_of(response.request()),
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

fn action_of(req: &ServiceRequest) -> Option<(&'static str, Recorded)> {
    /// By method and pattern.
    type Actions = HashMap<(&'static str, &'static str), (&'static str, Recorded)>;
    static ACTIONS: LazyLock<Actions> = LazyLock::new(|| {
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
