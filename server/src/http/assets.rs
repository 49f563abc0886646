//! The web app, built into the program.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;

use super::ApiError;
use crate::app::Services;

/// What `xtask build` put into `web/dist`. In a development build the files are read when they are asked for.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Dist;

/// Answers any address that is no API: a file of the app, else the app itself, which knows its own addresses.
pub async fn show_asset(services: Data<Services>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path = req.path().trim_start_matches('/');
    let file = if path.is_empty() { None } else { Dist::get(path) };
    let (name, file) = match file {
        Some(file) => (path, file),
        None if path.starts_with("api/") => return Err(ApiError::NotFound("address")),
        // a name with an ending is a file that is not there, not an address of the app
        None if path.rsplit('/').next().is_some_and(|last| last.contains('.')) => {
            return Ok(HttpResponse::NotFound().body("there is no such file\n"));
        }
        None => match Dist::get("index.html") {
            Some(file) => ("index.html", file),
            None => {
                return Ok(HttpResponse::NotFound().body(
                    "this program was built without the web app; build it with `cargo xtask build`\n",
                ));
            }
        },
    };
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..12]));
    if req.headers().get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == etag.as_bytes()) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, etag)).finish());
    }
    let accepts_brotli = req
        .headers()
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.split(',').any(|part| part.trim().split(';').next() == Some("br")));
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, content_type(name)))
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            services.edge.headers.content_security_policy.clone(),
        ));
    // compressed at build time, once and well
    if accepts_brotli && let Some(small) = Dist::get(&format!("{name}.br")) {
        return Ok(response.insert_header((header::CONTENT_ENCODING, "br")).body(small.data));
    }
    // nothing compresses again on the way out
    Ok(response.insert_header((header::CONTENT_ENCODING, "identity")).body(file.data))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
