//! The files of a session, for its learner: listing, describing, making folders, moving, copying, deleting and searching.
//! Their content is in [`super::transfers`], changes in [`super::file_changes`].

use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, Responder};
use lectern_api::agent::FileRequest;
use lectern_api::files::{NewFolder, NewPlace};
use serde::Deserialize;

use super::ApiError;
use super::paths::SessionPath;
use super::services::Services;

/// Which file or folder a request is about: `~/x`, `$HOME/x`, relative to the home directory, or absolute.
#[derive(Clone, Debug, Deserialize)]
pub struct Place {
    pub path: String,
}

/// A search.
#[derive(Clone, Debug, Deserialize)]
pub struct Wanted {
    path: String,
    text: String,
    #[serde(default)]
    match_case: bool,
}

/// `GET /api/v1/sessions/{id}/files`.
pub async fn list_folder(
    services: Data<Services>,
    at: SessionPath,
    place: Query<Place>,
) -> Result<impl Responder, ApiError> {
    Ok(Json(services.workbenches.list_folder(at.caller.id(), at.target, &place.path).await?))
}

/// `GET /api/v1/sessions/{id}/files/entry`.
pub async fn show_file(
    services: Data<Services>,
    at: SessionPath,
    place: Query<Place>,
) -> Result<impl Responder, ApiError> {
    Ok(Json(services.workbenches.find_file(at.caller.id(), at.target, &place.path).await?))
}

/// `DELETE /api/v1/sessions/{id}/files`.
pub async fn delete_file(
    services: Data<Services>,
    at: SessionPath,
    place: Query<Place>,
) -> Result<impl Responder, ApiError> {
    let request = FileRequest::Delete { path: place.into_inner().path };
    services.workbenches.change_files(at.caller.id(), at.target, request).await?;
    Ok(HttpResponse::NoContent())
}

/// `POST /api/v1/sessions/{id}/files/folders`.
pub async fn make_folder(
    services: Data<Services>,
    at: SessionPath,
    body: Json<NewFolder>,
) -> Result<impl Responder, ApiError> {
    let folder = services.workbenches.make_folder(at.caller.id(), at.target, &body.path).await?;
    Ok(HttpResponse::Created().json(folder))
}

/// `POST /api/v1/sessions/{id}/files/copies`.
pub async fn copy_file(
    services: Data<Services>,
    at: SessionPath,
    body: Json<NewPlace>,
) -> Result<impl Responder, ApiError> {
    let NewPlace { from, to, overwrite } = body.into_inner();
    let request = FileRequest::Copy { from, to, overwrite };
    services.workbenches.change_files(at.caller.id(), at.target, request).await?;
    Ok(HttpResponse::NoContent())
}

/// `POST /api/v1/sessions/{id}/files/moves`.
pub async fn move_file(
    services: Data<Services>,
    at: SessionPath,
    body: Json<NewPlace>,
) -> Result<impl Responder, ApiError> {
    let NewPlace { from, to, overwrite } = body.into_inner();
    let request = FileRequest::Move { from, to, overwrite };
    services.workbenches.change_files(at.caller.id(), at.target, request).await?;
    Ok(HttpResponse::NoContent())
}

/// `GET /api/v1/sessions/{id}/files/matches`.
pub async fn search_files(
    services: Data<Services>,
    at: SessionPath,
    wanted: Query<Wanted>,
) -> Result<impl Responder, ApiError> {
    let search = (wanted.path.as_str(), wanted.text.as_str(), wanted.match_case);
    Ok(Json(services.workbenches.search_files(at.caller.id(), at.target, search).await?))
}
