//! Signing in and out, registering, and the caller's own account.

use actix_web::http::StatusCode;
use actix_web::http::header::USER_AGENT;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Responder, ResponseError as _};
use lectern_api::identity::{Me, Registration, SetPassword, SignIn};
use serde::Deserialize;

use super::ApiError;
use super::caller::{Caller, OwnPage, device_cookie, login_cookie, visitor};
use super::services::Services;
use super::trail::Trail;
use crate::audit;
use crate::identity::{Login, Visitor};
use crate::report::chain;

/// Answers a sign-in, after recording its browser and remembering it for the next one.
async fn signed_in(
    services: &Services,
    req: &HttpRequest,
    mut login: Login,
    from: &Visitor,
    by_link: bool,
) -> Result<HttpResponse, ApiError> {
    let trail = Trail::of(req);
    trail.actor(login.user.id);
    trail.object(audit::user(login.user.id));
    let user_agent = req.headers().get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let address = services.full_address_of(req);
    services.identity.describe_login(&mut login, user_agent, &address, by_link).await?;
    let mut response = HttpResponse::Created();
    response.cookie(login_cookie(services, Some(&login)));
    remember(services, &login, from, &mut response).await;
    Ok(response.json(me_of(&login)))
}

async fn remember(services: &Services, login: &Login, from: &Visitor, response: &mut HttpResponseBuilder) {
    match services.identity.remember_device(login, from).await {
        Ok(device) => {
            response.cookie(device_cookie(services, &device));
        }
        Err(error) => tracing::warn!(error = chain(&error), "failed to remember a browser"),
    }
}

fn me_of(login: &Login) -> Me {
    Me {
        user: login.user.clone(),
        csrf_token: login.token.csrf(),
        has_password: login.has_password,
        needs_current_password: login.has_password && !login.resets,
    }
}

/// Names in the audit log the account that somebody failed to sign in to. The name as typed is not recorded: it may
/// be a password.
async fn name_account(services: &Services, trail: &Trail, username: &str) {
    if let Ok(user) = services.identity.find_by_username(username).await {
        trail.object(audit::user(user.id));
    }
}

/// `POST /api/v1/logins`.
pub async fn sign_in(
    services: Data<Services>,
    req: HttpRequest,
    page: OwnPage,
    trail: Trail,
    body: Json<SignIn>,
) -> Result<impl Responder, ApiError> {
    match body.into_inner() {
        SignIn::Password { username, password } => {
            services.edge.limits.count_password(services.address_of(&req))?;
            let signed = services.identity.sign_in(&username, password, &page.0).await;
            if signed.is_err() {
                name_account(&services, &trail, &username).await;
            }
            signed_in(&services, &req, signed?, &page.0, false).await
        }
        SignIn::Link { token } => {
            trail.detail("by link");
            let login = services.identity.sign_in_by_link(&token).await?;
            signed_in(&services, &req, login, &page.0, true).await
        }
    }
}

/// `DELETE /api/v1/logins/current`.
pub async fn sign_out(services: Data<Services>, caller: Caller) -> Result<impl Responder, ApiError> {
    services.identity.sign_out(&caller.0).await?;
    Ok(HttpResponse::NoContent().cookie(login_cookie(&services, None)).finish())
}

/// `POST /api/v1/registrations`.
pub async fn register(
    services: Data<Services>,
    req: HttpRequest,
    page: OwnPage,
    body: Json<Registration>,
) -> Result<impl Responder, ApiError> {
    services.edge.limits.count_password(services.address_of(&req))?;
    let login = services.identity.register(body.into_inner(), &page.0).await?;
    signed_in(&services, &req, login, &page.0, false).await
}

#[derive(Deserialize)]
pub struct ShowMeQuery {
    /// Whether nobody may be signed in, which is then answered by 204 instead of an error.
    #[serde(default)]
    optional: bool,
}

/// `GET /api/v1/me`.
pub async fn show_me(
    caller: Result<Caller, ApiError>,
    query: Query<ShowMeQuery>,
) -> Result<HttpResponse, ApiError> {
    match caller {
        Ok(caller) => Ok(HttpResponse::Ok().json(me_of(&caller.0))),
        Err(error) if query.optional && error.status_code() == StatusCode::UNAUTHORIZED => {
            Ok(HttpResponse::NoContent().finish())
        }
        Err(error) => Err(error),
    }
}

/// `PUT /api/v1/me/password`.
pub async fn set_password(
    services: Data<Services>,
    req: HttpRequest,
    caller: Caller,
    trail: Trail,
    body: Json<SetPassword>,
) -> Result<impl Responder, ApiError> {
    let SetPassword { current, new } = body.into_inner();
    if caller.0.resets {
        trail.detail("after a link");
    }
    services.identity.set_password(&caller.0, current, new).await?;
    // setting a password forgets all remembered browsers; this one is known to be the person's
    let mut response = HttpResponse::NoContent();
    remember(&services, &caller.0, &visitor(&services, &req), &mut response).await;
    Ok(response.finish())
}
