//! Accounts: for admins, and for instructors those of their learners.

use actix_web::http::header;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, Responder};
use lectern_api::identity::{ChangeUser, NewUser, SignInLink};
use lectern_api::ids::UserId;

use super::ApiError;
use super::caller::{AdminCaller, InstructorCaller};
use super::trail::Trail;
use crate::app::Services;
use crate::audit;
use crate::store::users::role_text;

/// Reads an account's id; one that is none is answered as an unknown one.
///
/// # Errors
/// [`ApiError::NotFound`].
pub fn user_id(text: &str) -> Result<UserId, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound("account"))
}

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
    // a failure is not about the administrator
    trail.object(String::new());
    trail.detail(role_text(body.role));
    let user = services.identity.add_user(body.into_inner()).await?;
    trail.object(audit::user(user.id));
    Ok(HttpResponse::Created().json(user))
}

/// `PATCH /api/v1/users/{id}`.
pub async fn change_user(
    services: Data<Services>,
    _: AdminCaller,
    trail: Trail,
    path: Path<String>,
    body: Json<ChangeUser>,
) -> Result<impl Responder, ApiError> {
    let id = user_id(&path)?;
    let change = body.into_inner();
    trail.action(match change {
        ChangeUser { disabled: Some(true), .. } => "disable_user",
        ChangeUser { disabled: Some(false), .. } => "enable_user",
        ChangeUser { role: Some(_), .. } => "change_role",
        ChangeUser { .. } => "change_user",
    });
    if let Some(role) = change.role {
        trail.detail(role_text(role));
    }
    Ok(Json(services.identity.change_user(id, change).await?))
}

/// `DELETE /api/v1/users/{id}/logins`.
pub async fn end_logins(
    services: Data<Services>,
    _: AdminCaller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    services.identity.end_logins_of(user_id(&path)?).await?;
    Ok(HttpResponse::NoContent())
}

/// `POST /api/v1/users/{id}/sign-in-links`.
pub async fn make_sign_in_link(
    services: Data<Services>,
    req: HttpRequest,
    caller: InstructorCaller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    let (token, expires_at) = services.identity.reset_user(&caller.0.0.user, user_id(&path)?).await?;
    let base = match &services.config.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        // the name that the browser asked for, which was found to be one of ours
        None => {
            let host = req.headers().get(header::HOST).and_then(|host| host.to_str().ok());
            format!("http://{}", host.unwrap_or("localhost"))
        }
    };
    let url = format!("{base}/sign-in#{}", token.reveal());
    Ok(HttpResponse::Created().json(SignInLink { url, expires_at }))
}
