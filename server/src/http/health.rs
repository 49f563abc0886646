//! Liveness and readiness for operators' tools, and facts about the platform for instructors.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};

use super::ApiError;
use super::caller::InstructorCaller;
use super::services::Services;

/// `GET /healthz`: the process is alive.
pub async fn show_liveness() -> impl Responder {
    HttpResponse::Ok().body("ok\n")
}

/// `GET /readyz`: 200 if database and cluster answer, with a line for each background job; else 503 with a line for each
/// that does not answer.
pub async fn show_readiness(services: Data<Services>) -> impl Responder {
    let failures = services.edge.readiness.failures(&services.pool, &services.cluster).await;
    if failures.is_empty() {
        HttpResponse::Ok().body(format!("ready\n{}", services.jobs.report()))
    } else {
        HttpResponse::ServiceUnavailable().insert_header(("retry-after", "3")).body(failures)
    }
}

/// `GET /api/v1/platform`.
pub async fn show_platform(
    services: Data<Services>,
    _: InstructorCaller,
) -> Result<impl Responder, ApiError> {
    Ok(Json(services.platform().await?))
}
