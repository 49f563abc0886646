//! What learners report, and what was recorded.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, Responder};
use lectern_api::progress::ProgressEvent;

use super::ApiError;
use super::caller::Caller;
use super::sessions::session_id;
use crate::app::Services;

/// `POST /api/v1/sessions/{id}/progress-events`.
pub async fn record_events(
    services: Data<Services>,
    caller: Caller,
    path: Path<String>,
    body: Json<Vec<ProgressEvent>>,
) -> Result<impl Responder, ApiError> {
    services.progress.record_events(caller.id(), session_id(&path)?, &body).await?;
    Ok(HttpResponse::NoContent())
}

/// `GET /api/v1/sessions/{id}/progress`.
pub async fn show_progress(
    services: Data<Services>,
    caller: Caller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    Ok(Json(services.progress.find_progress(caller.id(), session_id(&path)?).await?))
}
