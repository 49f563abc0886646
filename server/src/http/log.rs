//! A line of the log for each request.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

/// Logs each request with its status and time, without what it carried.
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
