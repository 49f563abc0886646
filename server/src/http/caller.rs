//! Extractors for the caller of a request. They refuse requests that change something unless these come from our own
//! pages.

use std::future::Future;
use std::pin::Pin;

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::HeaderValue;
use actix_web::{FromRequest, HttpRequest, web};
use lectern_api::identity::Role;
use lectern_api::ids::UserId;
use subtle::ConstantTimeEq as _;

use super::ApiError;
use super::origin::check_origin;
use super::services::Services;
use super::trail::Trail;
use crate::catalog::Viewer;
use crate::identity::{DEVICE_DAYS, Login, Token, Visitor};

/// The header that carries the CSRF token.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// A signed-in person.
#[derive(Clone, Debug)]
pub struct Caller(pub Login);

impl Caller {
    #[must_use]
    pub fn id(&self) -> UserId {
        self.0.user.id
    }

    /// Returns how much of the catalogue the person sees.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        match self.0.user.role {
            Role::Learner => Viewer::Learner,
            Role::Instructor => Viewer::Instructor,
            Role::Author | Role::Admin => Viewer::Author,
        }
    }
}

/// An instructor, author or admin. Anybody else gets 404.
#[derive(Clone, Debug)]
pub struct InstructorCaller(pub Caller);

impl InstructorCaller {
    #[must_use]
    pub fn id(&self) -> UserId {
        self.0.id()
    }
}

/// An admin. Anybody else gets 404.
#[derive(Clone, Debug)]
pub struct AdminCaller(pub Caller);

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>>>>;

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let services = services(&req)?;
            let cookie = req.cookie(cookie_name(services)).ok_or(ApiError::NotSignedIn)?;
            let login = services.identity.find_login(cookie.value()).await?.ok_or(ApiError::NotSignedIn)?;
            services.edge.limits.remember_login(login.token.hash(), login.user.id);
            if !matches!(*req.method(), Method::GET | Method::HEAD) {
                check_origin(&req, services.config.public_url.as_ref())?;
                let sent = req.headers().get(CSRF_HEADER).map(HeaderValue::as_bytes).unwrap_or_default();
                if !bool::from(sent.ct_eq(login.token.csrf().as_bytes())) {
                    return Err(ApiError::ForeignRequest);
                }
            }
            Trail::of(&req).actor(login.user.id);
            Ok(Self(login))
        })
    }
}

fn at_least(req: &HttpRequest, payload: &mut Payload, role: Role) -> Extracting<Caller> {
    let caller = Caller::from_request(req, payload);
    Box::pin(async move {
        let caller = caller.await?;
        if caller.0.user.role >= role { Ok(caller) } else { Err(ApiError::NotFound("page")) }
    })
}

impl FromRequest for InstructorCaller {
    type Error = ApiError;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = at_least(req, payload, Role::Instructor);
        Box::pin(async move { caller.await.map(Self) })
    }
}

impl FromRequest for AdminCaller {
    type Error = ApiError;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = at_least(req, payload, Role::Admin);
        Box::pin(async move { caller.await.map(Self) })
    }
}

/// A request that needs no login but must come from our own pages: signing in and registering.
#[derive(Clone, Debug)]
pub struct OwnPage(
    /// Where the request comes from, for the limits on guessing.
    pub Visitor,
);

impl FromRequest for OwnPage {
    type Error = ApiError;
    type Future = Extracting<Self>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move {
            let services = services(&req)?;
            check_origin(&req, services.config.public_url.as_ref())?;
            Ok(Self(visitor(services, &req)))
        })
    }
}

/// Returns where a request comes from, for the limits on guessing.
#[must_use]
pub fn visitor(services: &Services, req: &HttpRequest) -> Visitor {
    let device = req.cookie(device_cookie_name(services));
    Visitor {
        address: services.address_of(req).to_string(),
        device: device.and_then(|cookie| Token::parse(cookie.value())),
    }
}

fn services(req: &HttpRequest) -> Result<&Services, ApiError> {
    req.app_data::<web::Data<Services>>()
        .map(web::Data::get_ref)
        .ok_or(ApiError::Internal("the application was started without its services"))
}

/// Returns the login cookie's name. Over HTTPS it has the prefix that binds the cookie to exactly this host.
#[must_use]
pub fn cookie_name(services: &Services) -> &'static str {
    if services.config.is_https() { "__Host-lectern" } else { "lectern" }
}

fn device_cookie_name(services: &Services) -> &'static str {
    if services.config.is_https() { "__Host-lectern-device" } else { "lectern-device" }
}

/// Returns the cookie for a login; for `None` one that deletes the cookie.
#[must_use]
pub fn login_cookie(services: &Services, login: Option<&Login>) -> Cookie<'static> {
    let value = login.map(|l| l.token.reveal()).unwrap_or_default();
    let age = if login.is_some() { time::Duration::days(14) } else { time::Duration::ZERO };
    cookie(services, cookie_name(services), value, age)
}

/// Returns the cookie by which a browser is recognised after its login has ended. It lets nobody in.
#[must_use]
pub fn device_cookie(services: &Services, device: &Token) -> Cookie<'static> {
    let age = time::Duration::days(DEVICE_DAYS);
    cookie(services, device_cookie_name(services), device.reveal(), age)
}

fn cookie(services: &Services, name: &'static str, value: String, age: time::Duration) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .secure(services.config.is_https())
        .same_site(SameSite::Lax)
        .max_age(age)
        .finish()
}

#[cfg(test)]
mod tests {
    use actix_web::ResponseError as _;
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;

    use super::*;

    #[actix_web::test]
    async fn an_application_without_its_services_is_a_fault_of_the_server() {
        let request = TestRequest::default().to_http_request();
        let error = Caller::extract(&request).await.unwrap_err();
        assert_eq!(error.status_code(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
