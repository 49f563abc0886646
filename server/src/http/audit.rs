//! The audit log, for administrators.

use actix_web::Responder;
use actix_web::web::{Data, Json, Query};
use serde::Deserialize;

use super::ApiError;
use super::caller::AdminCaller;
use super::services::Services;

/// Number of records in an answer if the request names none.
const DEFAULT_LIMIT: u16 = 100;

/// Which page of records is requested.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    before: Option<i64>,
    limit: Option<u16>,
}

/// `GET /api/v1/audit?before=…&limit=…`.
pub async fn list_records(
    services: Data<Services>,
    _: AdminCaller,
    query: Query<AuditQuery>,
) -> Result<impl Responder, ApiError> {
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    Ok(Json(services.identity.list_audit(query.before, limit).await?))
}
