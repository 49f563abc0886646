//! Ways to applications, for the learner whose session it is.

use actix_web::http::header;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpRequest, HttpResponse, Responder, ResponseError as _};
use lectern_api::sessions::{AskPreview, PreviewGrant};

use super::host_of;
use super::pages::Page;
use crate::http::ApiError;
use crate::http::caller::Caller;
use crate::http::paths::SessionPath;
use crate::http::services::Services;
use crate::previews::address::without_port;

/// `POST /api/v1/sessions/{id}/preview-grants`.
pub async fn grant_preview(
    services: Data<Services>,
    req: HttpRequest,
    path: SessionPath,
    body: Json<AskPreview>,
) -> Result<impl Responder, ApiError> {
    let at = without_port(host_of(&req));
    let url = services.previews.grant(&path.caller.0, path.target, &body.url, at).await?;
    Ok(HttpResponse::Created().json(PreviewGrant { url }))
}

/// `GET /api/v1/sessions/{id}/preview?url=…`: leads a browser's tab to an application.
pub async fn open_session_preview(
    services: Data<Services>,
    req: HttpRequest,
    path: SessionPath,
    query: Query<AskPreview>,
) -> Result<HttpResponse, ApiError> {
    let at = without_port(host_of(&req));
    led(
        &req,
        services.previews.grant(&path.caller.0, path.target, &query.url, at).await.map_err(ApiError::from),
    )
}

/// `GET /api/v1/previews/open?url=…`: the same for whichever of the caller's sessions has the address.
pub async fn open_preview(
    services: Data<Services>,
    req: HttpRequest,
    caller: Result<Caller, ApiError>,
    query: Query<AskPreview>,
) -> Result<HttpResponse, ApiError> {
    let granted = async {
        let at = without_port(host_of(&req));
        Ok(services.previews.grant_any(&caller?.0, &query.url, at).await?)
    };
    led(&req, granted.await)
}

/// Leads there, or says why not in a page if somebody followed a link.
fn led(req: &HttpRequest, granted: Result<String, ApiError>) -> Result<HttpResponse, ApiError> {
    let is_link = req.headers().contains_key("sec-fetch-dest");
    match granted {
        Ok(url) => Ok(HttpResponse::SeeOther()
            .insert_header((header::LOCATION, url))
            .insert_header((header::REFERRER_POLICY, "no-referrer"))
            .finish()),
        Err(error) if is_link => Ok(Page::of_lectern(error.status_code(), &error.to_string()).response(req)),
        Err(error) => Err(error),
    }
}
