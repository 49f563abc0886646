//! Signing in and out, registering, and the caller's own account.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};
use lectern_api::identity::{Me, Registration, SetPassword, SignIn};

use super::ApiError;
use super::caller::{Caller, OwnPage, login_cookie};
use crate::app::Services;
use crate::identity::Login;

fn signed_in(services: &Services, login: &Login) -> HttpResponse {
    HttpResponse::Created().cookie(login_cookie(services, Some(login))).json(me_of(login))
}

fn me_of(login: &Login) -> Me {
    Me { user: login.user.clone(), csrf_token: login.token.csrf(), has_password: login.has_password }
}

/// `POST /api/v1/logins`.
pub async fn sign_in(
    services: Data<Services>,
    page: OwnPage,
    body: Json<SignIn>,
) -> Result<impl Responder, ApiError> {
    let login = match body.into_inner() {
        SignIn::Password { username, password } => {
            services.identity.sign_in(&username, password, &page.address).await?
        }
        SignIn::Link { token } => services.identity.sign_in_by_link(&token, &page.address).await?,
    };
    Ok(signed_in(&services, &login))
}

/// `DELETE /api/v1/logins/current`.
pub async fn sign_out(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    services.identity.sign_out(&caller.0).await?;
    Ok(HttpResponse::NoContent().cookie(login_cookie(&services, None)).finish())
}

/// `POST /api/v1/registrations`.
pub async fn register(
    services: Data<Services>,
    page: OwnPage,
    body: Json<Registration>,
) -> Result<impl Responder, ApiError> {
    let login = services.identity.register(body.into_inner(), &page.address).await?;
    Ok(signed_in(&services, &login))
}

/// `GET /api/v1/me`.
pub async fn show_me(caller: Caller) -> impl Responder {
    Json(me_of(&caller.0))
}

/// `PUT /api/v1/me/password`.
pub async fn set_password(
    services: Data<Services>,
    caller: Caller,
    body: Json<SetPassword>,
) -> Result<impl Responder, ApiError> {
    let SetPassword { current, new } = body.into_inner();
    services.identity.set_password(&caller.0, current, new).await?;
    Ok(HttpResponse::NoContent())
}
