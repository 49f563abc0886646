//! Managing accounts: for administrators, and for instructors those of their learners.

use actix_web::http::header;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, Responder};
use lectern_api::identity::{ChangeUser, NewUser, SignInLink};

use super::ApiError;
use super::caller::{AdminCaller, InstructorCaller};
use super::paths::UserPath;
use super::services::Services;
use super::trail::Trail;
use crate::audit;

/// `GET /api/v1/users`.
pub async fn list_users(services: Data<Services>, _: AdminCaller) -> Result<impl Responder, ApiError> {
    Ok(Json(services.identity.list_users().await?))
}

/// `POST /api/v1/users`.
pub async fn add_user(
    services: Data<Services>,
    _: AdminCaller,
    trail: Trail,
    body: Json<NewUser>,
) -> Result<impl Responder, ApiError> {
    // without this the record of a failure would name the administrator as its object
    trail.object(String::new());
    trail.detail(body.role.as_str());
    let user = services.identity.add_user(body.into_inner()).await?;
    trail.object(audit::user(user.id));
    Ok(HttpResponse::Created().json(user))
}

/// `PATCH /api/v1/users/{id}`.
pub async fn change_user(
    services: Data<Services>,
    path: UserPath,
    trail: Trail,
    body: Json<ChangeUser>,
) -> Result<impl Responder, ApiError> {
    let change = body.into_inner();
    trail.action(match change {
        ChangeUser { disabled: Some(true), .. } => "disable_user",
        ChangeUser { disabled: Some(false), .. } => "enable_user",
        ChangeUser { role: Some(_), .. } => "change_role",
        ChangeUser { .. } => "change_user",
    });
    if let Some(role) = change.role {
        trail.detail(role.as_str());
    }
    Ok(Json(services.identity.change_user(path.target, change).await?))
}

/// `DELETE /api/v1/users/{id}/logins`.
pub async fn end_logins(services: Data<Services>, path: UserPath) -> Result<impl Responder, ApiError> {
    services.identity.end_logins_of(path.target).await?;
    Ok(HttpResponse::NoContent())
}

/// `POST /api/v1/users/{id}/sign-in-links`.
pub async fn make_sign_in_link(
    services: Data<Services>,
    req: HttpRequest,
    path: UserPath<InstructorCaller>,
) -> Result<impl Responder, ApiError> {
    let (token, expires_at) = services.identity.reset_user(&path.caller.0.0.user, path.target).await?;
    let base = match &services.config.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        // the name that the browser used, which has been checked to be one of this server's
        None => {
            let host = req.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            format!("http://{}", host.unwrap_or("localhost"))
        }
    };
    let url = format!("{base}/sign-in#{}", token.reveal());
    Ok(HttpResponse::Created().json(SignInLink { url, expires_at }))
}
