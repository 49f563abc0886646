//! The catalogue, and the pictures of its pages.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, Responder};
use lectern_api::ids::LabSlug;

use super::ApiError;
use super::caller::Caller;
use crate::app::Services;
use crate::catalog::LabAsset;

/// `GET /api/v1/labs`.
pub async fn list_labs(services: Data<Services>, caller: Caller) -> impl Responder {
    Json(services.catalog.list_labs(caller.viewer()))
}

/// `GET /api/v1/labs/{slug}/files/{path}`: a picture or other file that lies beside the lab's pages.
pub async fn show_file(
    services: Data<Services>,
    _: Caller,
    path: Path<(String, String)>,
) -> Result<impl Responder, ApiError> {
    let (slug, file) = path.into_inner();
    let slug: LabSlug = slug.parse().map_err(|_| ApiError::NotFound("lab"))?;
    let found = services.catalog.read_file(&slug, &file).await.ok_or(ApiError::NotFound("file"))?;
    Ok(send_file(found, "private, max-age=60"))
}

/// Sends a file that a lab's author wrote.
pub fn send_file(found: LabAsset, cache_control: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(found.mime)
        // a lab's author must not be able to run scripts on this origin, not in an SVG either
        .insert_header(("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("cache-control", cache_control))
        .body(found.bytes)
}
