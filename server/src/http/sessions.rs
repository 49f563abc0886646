//! Sessions: starting, showing and ending them; their pages and checks.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};
use lectern_api::sessions::{ExtendSession, RunCheck, StartSession};

use super::ApiError;
use super::caller::Caller;
use super::live;
use super::paths::{At, CheckPath, PagePath, SessionPath};
use super::services::Services;
use super::trail::Trail;
use crate::audit;

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
pub async fn show_session(services: Data<Services>, path: SessionPath) -> Result<impl Responder, ApiError> {
    Ok(Json(services.sessions.find_session(path.caller.id(), path.target).await?))
}

/// `DELETE /api/v1/sessions/{id}`.
pub async fn end_session(services: Data<Services>, path: SessionPath) -> Result<impl Responder, ApiError> {
    services.sessions.end_session(path.caller.id(), path.target).await?;
    Ok(HttpResponse::NoContent())
}

/// `POST /api/v1/sessions/{id}/extensions`: 201 if the session's end moved, 200 if it had already moved.
pub async fn extend_session(
    services: Data<Services>,
    path: SessionPath,
    body: Json<ExtendSession>,
) -> Result<impl Responder, ApiError> {
    let (session, moved) =
        services.sessions.extend_session(path.caller.id(), path.target, body.expires_at).await?;
    Ok(if moved { HttpResponse::Created() } else { HttpResponse::Ok() }.json(session))
}

/// `GET /api/v1/sessions/{id}/events`.
pub async fn follow_session(services: Data<Services>, path: SessionPath) -> Result<impl Responder, ApiError> {
    let learner = path.caller.id();
    let listener = live::Listener::open(services.clone(), path.caller.0)?;
    let current = services.sessions.find_session(learner, path.target).await?;
    Ok(live::session_stream(listener, current))
}

/// `GET /api/v1/sessions/{id}/pages/{name}`.
pub async fn show_page(services: Data<Services>, path: PagePath) -> Result<impl Responder, ApiError> {
    let At { caller, target } = path;
    Ok(Json(services.sessions.render_page(caller.id(), target.session, &target.page).await?))
}

/// `POST /api/v1/sessions/{id}/checks/{name:.+}`.
pub async fn run_check(
    services: Data<Services>,
    path: CheckPath,
    body: Json<RunCheck>,
) -> Result<impl Responder, ApiError> {
    let At { caller, target } = path;
    let outcome =
        services.workbenches.run_check(caller.id(), target.session, &target.check, body.into_inner()).await?;
    Ok(Json(outcome))
}
