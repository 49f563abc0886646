//! What operators' tools ask, and what the platform says of itself.

use std::time::{Duration, Instant};

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

/// How long an answer about readiness counts.
const READINESS_LASTS: Duration = Duration::from_secs(1);

/// What database and cluster said last. Anybody may ask, so they are asked once a second, however many do.
#[derive(Default)]
pub struct Readiness(tokio::sync::Mutex<Option<(Instant, String)>>);

impl Readiness {
    /// A line for each part that does not answer.
    async fn failures(&self, services: &Services) -> String {
        // who comes meanwhile waits for the answer that is on its way
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

/// `GET /readyz`: database and cluster answer; else 503 with a line for each that does not.
pub async fn show_readiness(services: Data<Services>) -> impl Responder {
    let failures = services.edge.readiness.failures(&services).await;
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
