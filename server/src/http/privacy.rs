//! Exporting and deleting the data kept about a person.

use actix_web::http::header::{CONTENT_DISPOSITION, ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};
use lectern_api::identity::DeleteMe;
use lectern_api::ids::UserId;

use super::ApiError;
use super::caller::{Caller, login_cookie};
use super::paths::UserPath;
use super::services::Services;

async fn export(services: &Services, user: UserId) -> Result<HttpResponse, ApiError> {
    let all = services.identity.export_user(user).await?;
    let file = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename("lectern-export.json".to_owned())],
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_DISPOSITION, file))
        .insert_header(("cache-control", "no-store"))
        .json(all))
}

/// `GET /api/v1/me/export`.
pub async fn export_me(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    export(&services, caller.id()).await
}

/// `GET /api/v1/users/{id}/export`.
pub async fn export_user(services: Data<Services>, path: UserPath) -> Result<impl Responder, ApiError> {
    export(&services, path.target).await
}

/// `DELETE /api/v1/me`.
pub async fn delete_me(
    services: Data<Services>,
    caller: Caller,
    body: Json<DeleteMe>,
) -> Result<impl Responder, ApiError> {
    services.identity.confirm_password(&caller.0, body.into_inner().password, "password").await?;
    services.identity.delete_user(caller.id()).await?;
    Ok(HttpResponse::NoContent().cookie(login_cookie(&services, None)).finish())
}

/// `DELETE /api/v1/users/{id}`.
pub async fn delete_user(services: Data<Services>, path: UserPath) -> Result<impl Responder, ApiError> {
    services.identity.delete_user(path.target).await?;
    Ok(HttpResponse::NoContent())
}
