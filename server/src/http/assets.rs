//! The web app, built into the program.

use actix_web::http::header::{self, AcceptEncoding, ETag, Encoding, EntityTag, Header as _, IfNoneMatch};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;

use super::ApiError;
use super::services::Services;

/// What `xtask build` put into `web/dist`. A development build reads the files when they are requested.
#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Dist;

/// Answers every address outside the API: with a file of the app if there is one, otherwise with the app itself, which
/// does its own routing.
pub async fn show_asset(services: Data<Services>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path = req.path().trim_start_matches('/');
    let file = if path.is_empty() { None } else { Dist::get(path) };
    let (name, file) = match file {
        Some(file) => (path, file),
        None if path.starts_with("api/") => return Err(ApiError::NotFound("address")),
        // a name with an extension is a missing file, not an address of the app
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
    let etag = EntityTag::new_strong(hex::encode(&file.metadata.sha256_hash()[..12]));
    let is_cached = match IfNoneMatch::parse(&req) {
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(&etag)),
        _ => false,
    };
    if is_cached {
        return Ok(HttpResponse::NotModified().insert_header(ETag(etag)).finish());
    }
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, content_type(name)))
        .insert_header(ETag(etag))
        .insert_header((header::CACHE_CONTROL, cache_control(name)))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            services.edge.headers.content_security_policy.clone(),
        ));
    // compressed at build time, with the best settings
    if prefers_brotli(&req)
        && let Some(small) = Dist::get(&format!("{name}.br"))
    {
        return Ok(response.insert_header((header::CONTENT_ENCODING, "br")).body(small.data));
    }
    // the header keeps a middleware from compressing the answer once more
    Ok(response.insert_header((header::CONTENT_ENCODING, "identity")).body(file.data))
}

/// Files whose names hold a digest never change; browsers ask for all others each time.
fn cache_control(name: &str) -> &'static str {
    if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn prefers_brotli(req: &HttpRequest) -> bool {
    let offered = [Encoding::brotli(), Encoding::identity()];
    AcceptEncoding::parse(req)
        .is_ok_and(|accepted| accepted.negotiate(offered.iter()) == Some(Encoding::brotli()))
}

fn content_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    if guess.type_() == mime_guess::mime::TEXT {
        format!("{guess}; charset=utf-8")
    } else {
        guess.to_string()
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_file_of_the_app_is_sent_with_the_type_that_browsers_expect() {
        for (name, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("app-1a2b.js", "text/javascript; charset=utf-8"),
            ("app_bg.wasm", "application/wasm"),
            ("style.css", "text/css; charset=utf-8"),
            ("favicon.svg", "image/svg+xml"),
            ("favicon.ico", "image/x-icon"),
            ("fonts/mono.woff2", "font/woff2"),
            ("manifest.json", "application/json"),
            ("LICENSE", "application/octet-stream"),
        ] {
            assert_eq!(content_type(name), expected, "{name}");
        }
    }

    #[test]
    fn only_files_whose_names_hold_a_digest_are_kept_for_ever() {
        for name in ["screen-LX3BA66B.js", "style-GEYJX3SR.css", "lectern_web_bg-4WPKP3YU.wasm"] {
            let kept = "public, max-age=31536000, immutable";
            assert_eq!(cache_control(&format!("assets/{name}")), kept, "{name}");
        }
        for name in ["index.html", "favicon.svg"] {
            assert_eq!(cache_control(name), "no-cache", "{name}");
        }
    }

    #[test]
    fn brotli_is_sent_to_browsers_that_accept_it() {
        for (accepted, expected) in [
            (Some("gzip, deflate, br, zstd"), true),
            (Some("br;q=0.9, gzip"), true),
            (Some("br;q=0, gzip"), false),
            (Some("gzip"), false),
            (Some("*"), false),
            (Some("garbage;;"), false),
            (None, false),
        ] {
            let mut req = TestRequest::default();
            if let Some(accepted) = accepted {
                req = req.insert_header((header::ACCEPT_ENCODING, accepted));
            }
            assert_eq!(prefers_brotli(&req.to_http_request()), expected, "{accepted:?}");
        }
    }
}
