//! Origins of web applications: the exchange of grants, and requests to applications. These origins serve nothing of
//! Lectern's own but that exchange and short pages that say why there is no application to see.

mod bodies;
mod grants;
mod pages;

use std::net::Ipv4Addr;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::{self, Data, Query};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde::Deserialize;

use super::limits::Slot;
use super::services::Services;
use super::visitor::client_address;
use crate::config::previews::PreviewSite;
use crate::previews::address::without_port;
use crate::previews::{Answer, ENTER_PATH, Pass, PreviewError, Visitor};
use crate::report::chain;
pub use grants::{grant_preview, open_preview, open_session_preview};
use pages::Page;

/// An application's origin, as it was asked for.
struct Origin {
    /// The application's host.
    host: String,
    /// The application's port, if applications differ by port.
    port: Option<u16>,
}

/// Serves requests whose host is an application's; passes all others on; a middleware.
pub async fn divert(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let services = req.app_data::<Data<Services>>().cloned();
    let host = services
        .as_ref()
        .and_then(|services| services.previews.find_host(without_port(host_of(req.request())), None));
    let (Some(services), Some(host)) = (services, host) else {
        return Ok(next.call(req).await?.map_into_boxed_body());
    };
    let (req, payload) = req.into_parts();
    let response = serve(&services, &req, payload, Origin { host, port: None }).await;
    Ok(ServiceResponse::new(req, response))
}

/// Serves one of the ports for applications.
pub async fn serve_port(services: Data<Services>, req: HttpRequest, payload: web::Payload) -> HttpResponse {
    let port = req.app_config().local_addr().port();
    match services.previews.find_host("", Some(port)) {
        Some(host) => serve(&services, &req, payload.into_inner(), Origin { host, port: Some(port) }).await,
        None => Page::unknown().response(&req),
    }
}

/// Returns the `Host` header.
pub(super) fn host_of(req: &HttpRequest) -> &str {
    req.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

async fn serve(
    services: &Data<Services>,
    req: &HttpRequest,
    payload: Payload,
    origin: Origin,
) -> HttpResponse {
    let rules = services.previews.cookie_rules(&origin.host, origin.port);
    let cookies = req.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
    let cookie = cookies.filter_map(|value| rules.find_own(value)).next().unwrap_or_default();
    // what asks the database counts for the address, as everything does of people who are not known yet
    let asks = req.path() == ENTER_PATH || !services.previews.knows(cookie, &origin.host);
    if asks && let Err(error) = services.edge.limits.count_request(services.address_of(req), None, 1) {
        return error.error_response();
    }
    if req.path() == ENTER_PATH {
        return enter(services, req, &origin).await;
    }
    let pass = match services.previews.admit(cookie, &origin.host).await {
        Ok(Some(pass)) => pass,
        Ok(None) => return not_admitted(services, req, &origin),
        Err(error) => return failed(req, &error),
    };
    let Ok(slot) = services.edge.limits.open_preview(pass.user()) else {
        return failed(req, &PreviewError::TooMany);
    };
    match pass_on(services, req, payload, &pass, &origin, cookie, slot).await {
        Ok(response) => response,
        Err(error) => failed(req, &error),
    }
}

async fn pass_on(
    services: &Data<Services>,
    req: &HttpRequest,
    payload: Payload,
    pass: &Pass,
    origin: &Origin,
    cookie: &str,
    slot: Slot,
) -> Result<HttpResponse, PreviewError> {
    let peer = req.peer_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.ip());
    let address = client_address(peer, req.headers(), &services.config.trusted_proxies);
    let visitor = Visitor { address, port: origin.port };
    let is_socket = req.headers().contains_key(header::UPGRADE);
    let (request, rest) = bodies::request(req, payload, is_socket)?;
    let revoked = {
        let (previews, cookie, host) = (services.previews.clone(), cookie.to_owned(), origin.host.clone());
        async move { previews.revoked(cookie, host).await }
    };
    Ok(match services.previews.forward(pass, &visitor, request).await? {
        Answer::Response(response) => bodies::response(response, req.method() == Method::HEAD, slot, revoked),
        Answer::Upgraded(headers, stream) => bodies::upgraded(headers, stream, rest, slot, revoked),
    })
}

#[derive(Deserialize)]
struct EnterQuery {
    grant: String,
}

/// Exchanges a grant for this origin's cookie, and leads to the application.
async fn enter(services: &Services, req: &HttpRequest, origin: &Origin) -> HttpResponse {
    let grant = Query::<EnterQuery>::from_query(req.query_string()).map(|query| query.into_inner().grant);
    let entered = services.previews.enter(&grant.unwrap_or_default(), &origin.host).await;
    match entered {
        Ok(Some(entered)) => {
            let cookie =
                services.previews.cookie_rules(&origin.host, origin.port).own_cookie(&entered.cookie);
            HttpResponse::SeeOther()
                .insert_header((header::LOCATION, entered.path))
                .insert_header((header::SET_COOKIE, cookie))
                .insert_header((header::REFERRER_POLICY, "no-referrer"))
                .insert_header((header::CACHE_CONTROL, "no-store"))
                .finish()
        }
        Ok(None) => Page::used_up().response(req),
        Err(error) => failed(req, &error),
    }
}

/// Answers a browser without a cookie that allows this application. One that opens it in a tab is led to Lectern, which knows
/// who that is; everywhere else browsers do not say.
fn not_admitted(services: &Services, req: &HttpRequest, origin: &Origin) -> HttpResponse {
    if let Some(answer) = preflight(services, req, origin) {
        return answer;
    }
    let opens_tab = req.method() == Method::GET
        && req.headers().get("sec-fetch-dest").is_some_and(|dest| dest.as_bytes() == b"document");
    let Some(lectern) = lectern_of(services, req, origin).filter(|_| opens_tab) else {
        return Page::not_admitted().response(req);
    };
    let url = format!("{}://{}{}", services.previews.site().scheme(), host_of(req), req.uri());
    let query: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("url", &url).finish();
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, format!("{lectern}/api/v1/previews/open?{query}")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// Answers a browser that asks, without cookies as browsers do, whether one application of a session may send a request to
/// another. What the answer to that request may be read by, the application decides.
fn preflight(services: &Services, req: &HttpRequest, origin: &Origin) -> Option<HttpResponse> {
    let header = |name: header::HeaderName| req.headers().get(name)?.to_str().ok();
    let method = header(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| req.method() == Method::OPTIONS)?;
    let asking =
        header(header::ORIGIN).filter(|asking| services.previews.shares_session(asking, &origin.host))?;
    let mut answer = HttpResponse::NoContent();
    answer
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, asking))
        .insert_header((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"))
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, method))
        .insert_header((header::VARY, "Origin"));
    if let Some(headers) = header(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, headers));
    }
    Some(answer.finish())
}

/// Returns the address of Lectern's own pages.
fn lectern_of(services: &Services, req: &HttpRequest, origin: &Origin) -> Option<String> {
    if let Some(url) = &services.config.public_url {
        return Some(url.as_str().trim_end_matches('/').to_owned());
    }
    match (services.previews.site(), origin.port) {
        (PreviewSite::Ports(_), Some(_)) => {
            Some(format!("http://{}:{}", without_port(host_of(req)), services.port))
        }
        (PreviewSite::Domain { domain, .. }, _) if domain == "localhost" => {
            Some(format!("http://127.0.0.1:{}", services.port))
        }
        // under which name browsers reach it nobody said
        _ => None,
    }
}

fn failed(req: &HttpRequest, error: &PreviewError) -> HttpResponse {
    let status = StatusCode::BAD_GATEWAY;
    match error {
        PreviewError::NotUp(reason) => Page::not_up(reason).response(req),
        PreviewError::Nothing => Page::nothing().response(req),
        PreviewError::BadAnswer(_) | PreviewError::TooMany => {
            Page::failed(status, &error.to_string()).response(req)
        }
        other => {
            tracing::warn!(error = chain(other), "a web application could not be reached");
            Page::failed(StatusCode::SERVICE_UNAVAILABLE, &other.to_string()).response(req)
        }
    }
}
