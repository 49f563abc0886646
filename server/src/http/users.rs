//! Accounts, for admins.

use actix_web::http::header;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse, Responder};
use lectern_api::identity::{NewUser, SignInLink};

use super::ApiError;
use super::caller::AdminCaller;
use crate::app::Services;

/// `GET /api/v1/users`.
pub async fn list_users(services: Data<Services>, _: AdminCaller) -> Result<impl Responder, ApiError> {
    Ok(Json(services.identity.list_users().await?))
}

/// `POST /api/v1/users`.
pub async fn add_user(
    services: Data<Services>,
    caller: AdminCaller,
    body: Json<NewUser>,
) -> Result<impl Responder, ApiError> {
    let user = services.identity.add_user(Some(caller.0.id()), body.into_inner()).await?;
    Ok(HttpResponse::Created().json(user))
}

/// `POST /api/v1/users/{id}/sign-in-links`.
pub async fn make_sign_in_link(
    services: Data<Services>,
    req: HttpRequest,
    caller: AdminCaller,
    path: Path<String>,
) -> Result<impl Responder, ApiError> {
    let id = path.parse().map_err(|_| ApiError::NotFound("account"))?;
    let (token, expires_at) = services.identity.make_link(Some(caller.0.id()), id).await?;
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
