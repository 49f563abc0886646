//! The audit log, for administrators.

use actix_web::Responder;
use actix_web::web::{Data, Json, Query};
use serde::Deserialize;

use super::ApiError;
use super::caller::AdminCaller;
use crate::app::Services;

/// Which records are asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    before: Option<i64>,
    limit: Option<u16>,
}

/// `GET /api/v1/audit?before=…&limit=…`.
pub async fn list_records(
    services: Data<Services>,
    _: AdminCaller,
    wanted: Query<Wanted>,
) -> Result<impl Responder, ApiError> {
    Ok(Json(services.identity.list_audit(wanted.before, wanted.limit.unwrap_or(100)).await?))
}
