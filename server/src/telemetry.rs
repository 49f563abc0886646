//! The log.

use std::io::IsTerminal;
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error. `RUST_LOG` chooses what is shown.
pub fn start() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,lectern_server::telemetry=warn,lectern_embedded=warn,sqlx=warn,kube=warn,kube_client::client::builder=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

/// Logs each request with its status and time, without what it carried.
///
/// # Errors
/// Whatever the request's handler fails with.
pub async fn log_request(
    req: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let started = Instant::now();
    let (method, path) = (req.method().clone(), req.match_pattern());
    let response = next.call(req).await?;
    tracing::info!(
        http.method = %method,
        http.route = path.as_deref().unwrap_or("(asset)"),
        http.status = response.status().as_u16(),
        http.millis = started.elapsed().as_millis(),
        "answered a request"
    );
    Ok(response)
}
