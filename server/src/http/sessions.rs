//! Sessions: starting, showing, ending; their pages and checks.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, Responder};
use lectern_api::ids::{CheckName, PageName, SessionId};
use lectern_api::sessions::{ExtendSession, RunCheck, StartSession};

use super::ApiError;
use super::caller::Caller;
use super::live;
use super::trail::Trail;
use crate::app::Services;
use crate::audit;

/// Reads a session's id; one that is none is answered as an unknown one.
///
/// # Errors
/// [`ApiError::NotFound`].
pub fn session_id(text: &str) -> Result<SessionId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound("session"))
}

/// `GET /api/v1/sessions`.
pub async fn list_sessions(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    Ok(Json(services.sessions.list_sessions(caller.id()).await?))
}

/// `POST /api/v1/sessions`.
pub async fn start_session(
    services: Data<Services>,
    caller: Caller,
    trail: Trail,
    body: Json<StartSession>,
) -> Result<impl Responder, ApiError> {
    trail.detail(body.lab.as_str());
    let (session, is_new) = services.sessions.start_session(caller.id(), body.into_inner()).await?;
    trail.object(audit::session(session.id));
    Ok(if is_new { HttpResponse::Created() } else { HttpResponse::Ok() }.json(session))
}

/// `GET /api/v1/sessions/{id}`.
pub async fn show_session(
    services: Data<Services>,
    caller: Caller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    Ok(Json(services.sessions.find_session(caller.id(), session_id(&path)?).await?))
}

/// `DELETE /api/v1/sessions/{id}`.
pub async fn end_session(
    services: Data<Services>,
    caller: Caller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    services.sessions.end_session(caller.id(), session_id(&path)?, "ended by the learner").await?;
    Ok(HttpResponse::NoContent())
}

/// `POST /api/v1/sessions/{id}/extensions`: 201 where its end moved, 200 where it had moved already.
pub async fn extend_session(
    services: Data<Services>,
    caller: Caller,
    path: Path<String>,
    body: Json<ExtendSession>,
) -> Result<impl Responder, ApiError> {
    let (session, moved) =
        services.sessions.extend_session(caller.id(), session_id(&path)?, body.expires_at).await?;
    Ok(if moved { HttpResponse::Created() } else { HttpResponse::Ok() }.json(session))
}

/// `GET /api/v1/sessions/{id}/events`.
pub async fn follow_session(
    services: Data<Services>,
    caller: Caller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    let id = session_id(&path)?;
    let listener = live::Listener::open(services.clone(), caller.0.clone())?;
    let first = services.sessions.find_session(caller.id(), id).await?;
    Ok(live::session_stream(listener, first))
}

/// `GET /api/v1/sessions/{id}/pages/{name}`.
pub async fn show_page(
    services: Data<Services>,
    caller: Caller,
    path: Path<(String, String)>,
) -> Result<impl Responder, ApiError> {
    let (id, page) = path.into_inner();
    let page: PageName = page.parse()?;
    Ok(Json(services.sessions.render_page(caller.id(), session_id(&id)?, &page).await?))
}

/// `POST /api/v1/sessions/{id}/checks/{name:.+}`.
pub async fn run_check(
    services: Data<Services>,
    caller: Caller,
    path: Path<(String, String)>,
    body: Json<RunCheck>,
) -> Result<impl Responder, ApiError> {
    let (id, check) = path.into_inner();
    let check: CheckName = check.parse()?;
    let outcome =
        services.sessions.run_check(caller.id(), session_id(&id)?, &check, body.into_inner()).await?;
    Ok(Json(outcome))
}
