//! The browsers in which the caller is signed in.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, Responder};

use super::ApiError;
use super::caller::{Caller, login_cookie};
use crate::app::Services;

/// `GET /api/v1/logins`.
pub async fn list_logins(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    Ok(Json(services.identity.list_logins(&caller.0).await?))
}

/// `DELETE /api/v1/logins/{id}`.
pub async fn end_login(
    services: Data<Services>,
    caller: Caller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    let id = path.parse().map_err(|_| ApiError::NotFound("login"))?;
    services.identity.end_login(caller.id(), id).await?;
    Ok(HttpResponse::NoContent())
}

/// `DELETE /api/v1/logins`: signs the caller out everywhere.
pub async fn end_all_logins(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    services.identity.end_logins(caller.id()).await?;
    Ok(HttpResponse::NoContent().cookie(login_cookie(&services, None)).finish())
}
