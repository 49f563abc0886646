//! All that is kept about a person: handing it out, and removing it.

use actix_web::http::header::{CONTENT_DISPOSITION, ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, Responder};
use lectern_api::identity::DeleteMe;
use lectern_api::ids::UserId;

use super::ApiError;
use super::caller::{AdminCaller, Caller, login_cookie};
use super::users::user_id;
use crate::app::Services;

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
pub async fn export_user(
    services: Data<Services>,
    _: AdminCaller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    export(&services, user_id(&path)?).await
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
pub async fn delete_user(
    services: Data<Services>,
    _: AdminCaller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    services.identity.delete_user(user_id(&path)?).await?;
    Ok(HttpResponse::NoContent())
}
