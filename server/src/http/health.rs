//! What operators' tools ask, and what the platform says of itself.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};

use super::ApiError;
use super::caller::InstructorCaller;
use crate::app::Services;
use crate::store;

/// `GET /healthz`: the program runs.
pub async fn show_liveness() -> impl Responder {
    HttpResponse::Ok().body("ok\n")
}

/// `GET /readyz`: database and cluster answer; else 503 with a line for each that does not.
pub async fn show_readiness(services: Data<Services>) -> impl Responder {
    let (database, cluster) = tokio::join!(store::answers(&services.pool), services.cluster.answers());
    let mut failures = String::new();
    if !database {
        failures.push_str("database: no answer\n");
    }
    if !cluster {
        failures.push_str("cluster: no answer\n");
    }
    if failures.is_empty() {
        HttpResponse::Ok().body("ready\n")
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
