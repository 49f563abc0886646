//! Classes and enrolments.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, Responder};
use lectern_api::classes::{JoinClass, NewClass};
use lectern_api::ids::ClassId;

use super::ApiError;
use super::caller::{Caller, InstructorCaller};
use super::live;
use crate::app::Services;

fn class_id(text: &str) -> Result<ClassId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound("class"))
}

/// `GET /api/v1/classes`.
pub async fn list_classes(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    Ok(Json(services.progress.list_classes(caller.id()).await?))
}

/// `POST /api/v1/classes`.
pub async fn add_class(
    services: Data<Services>,
    caller: InstructorCaller,
    body: Json<NewClass>,
) -> Result<impl Responder, ApiError> {
    let class = services.progress.add_class(caller.0.id(), &body.name).await?;
    Ok(HttpResponse::Created().json(class))
}

/// `GET /api/v1/classes/{id}`.
pub async fn show_class(
    services: Data<Services>,
    caller: InstructorCaller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    Ok(Json(services.progress.find_class(caller.0.id(), class_id(&path)?).await?))
}

/// `GET /api/v1/classes/{id}/learners`.
pub async fn list_learners(
    services: Data<Services>,
    caller: InstructorCaller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    Ok(Json(services.progress.list_learners(caller.0.id(), class_id(&path)?).await?))
}

/// `GET /api/v1/classes/{id}/events`: first every learner, then each one whose session changed.
pub async fn follow_class(
    services: Data<Services>,
    caller: InstructorCaller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    let class = class_id(&path)?;
    let listener = live::Listener::open(services.clone(), caller.0.0.clone())?;
    let rows = services.progress.list_learners(caller.0.id(), class).await?;
    Ok(live::class_stream(listener, class, rows))
}

/// `POST /api/v1/enrolments`.
pub async fn join_class(
    services: Data<Services>,
    caller: Caller,
    body: Json<JoinClass>,
) -> Result<impl Responder, ApiError> {
    let attempt = services.identity.count_code(caller.id()).await?;
    let class = services.progress.join_class(caller.id(), &body.join_code).await?;
    services.identity.take_back(attempt).await?;
    Ok(HttpResponse::Created().json(class))
}
