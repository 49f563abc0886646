//! The catalogue, and the files beside its labs' pages.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, Responder};

use super::ApiError;
use super::caller::Caller;
use super::paths::LabFilePath;
use super::services::Services;
use crate::catalog::LabAsset;

/// `GET /api/v1/labs`.
pub async fn list_labs(services: Data<Services>, caller: Caller) -> impl Responder {
    Json(services.catalog.list_labs(caller.viewer()))
}

/// `GET /api/v1/labs/{slug}/files/{path}`: a picture or other file beside the lab's pages.
pub async fn show_file(services: Data<Services>, path: LabFilePath) -> Result<impl Responder, ApiError> {
    let found = services.catalog.read_file(&path.target.lab, &path.target.file).await;
    Ok(send_file(found.ok_or(ApiError::NotFound("file"))?, "private, max-age=60"))
}

/// Sends a file that a lab's author wrote.
pub fn send_file(found: LabAsset, cache_control: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(found.mime)
        // a lab's author must not be able to run scripts on this origin, not even in an SVG
        .insert_header(("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("cache-control", cache_control))
        .body(found.bytes)
}
