//! Liveness and readiness for operators' tools, and facts about the platform for instructors.

use std::time::{Duration, Instant};

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};

use super::ApiError;
use super::caller::InstructorCaller;
use super::services::Services;
use crate::store;

/// `GET /healthz`: the process is alive.
pub async fn show_liveness() -> impl Responder {
    HttpResponse::Ok().body("ok\n")
}

/// For how long a result is reused.
const READINESS_LASTS: Duration = Duration::from_secs(1);

/// Whether database and cluster answer. Anybody may request this, so they are queried at most once a second.
#[derive(Default)]
pub struct Readiness(tokio::sync::Mutex<Option<(Instant, String)>>);

impl Readiness {
    /// Returns a line for each part that does not answer.
    async fn failures(&self, services: &Services) -> String {
        // the lock is held during the query, so concurrent requests share its result
        let mut last = self.0.lock().await;
        if let Some((at, failures)) = &*last
            && at.elapsed() < READINESS_LASTS
        {
            return failures.clone();
        }
        let (database, cluster) = tokio::join!(store::answers(&services.pool), services.cluster.answers());
        let mut failures = String::new();
        if !database {
            failures.push_str("database: no answer\n");
        }
        if !cluster {
            failures.push_str("cluster: no answer\n");
        }
        *last = Some((Instant::now(), failures.clone()));
        failures
    }
}

/// `GET /readyz`: 200 if database and cluster answer, else 503 with a line for each that does not.
pub async fn show_readiness(services: Data<Services>) -> impl Responder {
    let failures = services.edge.readiness.failures(&services).await;
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
