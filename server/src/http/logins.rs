//! The browsers in which the caller is signed in.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};

use super::ApiError;
use super::caller::{Caller, login_cookie};
use super::paths::LoginPath;
use super::services::Services;

/// `GET /api/v1/logins`.
pub async fn list_logins(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    Ok(Json(services.identity.list_logins(&caller.0).await?))
}

/// `DELETE /api/v1/logins/{id}`.
pub async fn end_login(services: Data<Services>, path: LoginPath) -> Result<impl Responder, ApiError> {
    services.identity.end_login(path.caller.id(), path.target).await?;
    Ok(HttpResponse::NoContent())
}

/// `DELETE /api/v1/logins`: signs the caller out everywhere.
pub async fn end_all_logins(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    services.identity.end_logins(caller.id()).await?;
    Ok(HttpResponse::NoContent().cookie(login_cookie(&services, None)).finish())
}
