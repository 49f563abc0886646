//! Recording and showing learners' progress.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};
use lectern_api::progress::ProgressEvent;

use super::ApiError;
use super::paths::SessionPath;
use super::services::Services;

/// `POST /api/v1/sessions/{id}/progress-events`.
pub async fn record_events(
    services: Data<Services>,
    path: SessionPath,
    body: Json<Vec<ProgressEvent>>,
) -> Result<impl Responder, ApiError> {
    services.progress.record_events(path.caller.id(), path.target, &body).await?;
    Ok(HttpResponse::NoContent())
}

/// `GET /api/v1/sessions/{id}/progress`.
pub async fn show_progress(services: Data<Services>, path: SessionPath) -> Result<impl Responder, ApiError> {
    Ok(Json(services.progress.find_progress(path.caller.id(), path.target).await?))
}
