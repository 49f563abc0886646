//! Classes and enrolments.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};
use lectern_api::classes::{JoinClass, JoinRules, NewClass};

use super::ApiError;
use super::caller::{Caller, InstructorCaller};
use super::live;
use super::paths::{At, ClassLearnerPath, ClassPath};
use super::services::Services;
use super::trail::Trail;
use crate::audit;
use crate::enrolment::JoinRefused;
use crate::progress::ProgressError;

/// `GET /api/v1/classes`.
pub async fn list_classes(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    Ok(Json(services.progress.list_classes(caller.id()).await?))
}

/// `POST /api/v1/classes`.
pub async fn add_class(
    services: Data<Services>,
    caller: InstructorCaller,
    trail: Trail,
    body: Json<NewClass>,
) -> Result<impl Responder, ApiError> {
    let class = services.progress.add_class(caller.id(), &body.name).await?;
    trail.object(audit::class(class.id));
    Ok(HttpResponse::Created().json(class))
}

/// `GET /api/v1/classes/{id}`.
pub async fn show_class(services: Data<Services>, path: ClassPath) -> Result<impl Responder, ApiError> {
    Ok(Json(services.progress.find_class(path.caller.id(), path.target).await?))
}

/// `GET /api/v1/classes/{id}/learners`.
pub async fn list_learners(services: Data<Services>, path: ClassPath) -> Result<impl Responder, ApiError> {
    Ok(Json(services.progress.list_learners(path.caller.id(), path.target).await?))
}

/// `GET /api/v1/classes/{id}/events`: first every learner, then each one whose session changed.
pub async fn follow_class(services: Data<Services>, path: ClassPath) -> Result<impl Responder, ApiError> {
    let At { caller, target: class } = path;
    let owner = caller.id();
    let listener = live::Listener::open(services.clone(), caller.0.0)?;
    let rows = services.progress.list_learners(owner, class).await?;
    Ok(live::class_stream(listener, class, rows))
}

/// `POST /api/v1/enrolments`.
pub async fn join_class(
    services: Data<Services>,
    caller: Caller,
    trail: Trail,
    body: Json<JoinClass>,
) -> Result<impl Responder, ApiError> {
    let attempt = services.identity.count_code(caller.id()).await?;
    let joined = services.progress.join_class(caller.id(), &body.join_code).await;
    // only a code that no class has counts as a guess
    if !matches!(joined, Err(ProgressError::Join(JoinRefused::Unknown))) {
        services.identity.uncount(attempt).await?;
    }
    let class = joined?;
    trail.object(audit::class(class.id));
    Ok(HttpResponse::Created().json(class))
}

/// `DELETE /api/v1/enrolments/{id}`: leaves the class with this id.
pub async fn leave_class(
    services: Data<Services>,
    path: ClassPath<Caller>,
) -> Result<impl Responder, ApiError> {
    services.progress.leave_class(path.caller.id(), path.target).await?;
    Ok(HttpResponse::NoContent())
}

/// `DELETE /api/v1/classes/{id}/learners/{user}`.
pub async fn remove_learner(
    services: Data<Services>,
    path: ClassLearnerPath,
    trail: Trail,
) -> Result<impl Responder, ApiError> {
    let At { caller, target } = path;
    services.progress.remove_learner(caller.id(), target.class, target.learner).await?;
    trail.detail(audit::user(target.learner));
    Ok(HttpResponse::NoContent())
}

/// `POST /api/v1/classes/{id}/join-codes`.
pub async fn replace_join_code(
    services: Data<Services>,
    path: ClassPath,
) -> Result<impl Responder, ApiError> {
    let class = services.progress.replace_join_code(path.caller.id(), path.target).await?;
    Ok(HttpResponse::Created().json(class))
}

/// `PUT /api/v1/classes/{id}/join-rules`.
pub async fn set_join_rules(
    services: Data<Services>,
    path: ClassPath,
    trail: Trail,
    body: Json<JoinRules>,
) -> Result<impl Responder, ApiError> {
    let class = services.progress.set_join_rules(path.caller.id(), path.target, &body).await?;
    trail.detail(match &*body {
        JoinRules { open: false, .. } => "closed",
        JoinRules { .. } => "open",
    });
    Ok(Json(class))
}
