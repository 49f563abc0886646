//! The content of a session's files, streamed in both directions: nothing of it is kept here.
//!
//! What a learner's files contain must never run on Lectern's own origin: it is sent as an attachment of an unspecific
//! type, and in a sandbox in case a browser shows it nevertheless.

use std::cell::Cell;
use std::io;

use actix_web::body::SizedStream;
use actix_web::error::PayloadError;
use actix_web::http::header::{
    self, Charset, ContentDisposition, DispositionParam, DispositionType, ExtendedValue, HeaderValue,
};
use actix_web::web::{Bytes, Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use futures::StreamExt as _;
use futures::stream::unfold;
use lectern_api::agent::{Expected, MAX_TRANSFER_BYTES};
use lectern_link::LinkError;
use serde::Deserialize;
use tokio_util::io::StreamReader;

use super::ApiError;
use super::paths::SessionPath;
use super::services::Services;

/// Forbids everything, in case a browser shows what it should save.
const SANDBOX: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// Which file or folder is sent, and the name under which a browser saves it if not its own.
#[derive(Clone, Debug, Deserialize)]
pub struct Wanted {
    path: String,
    name: Option<String>,
}

/// `GET /api/v1/sessions/{id}/files/content`. Answers 304 if the browser has this revision.
pub async fn read_file(
    services: Data<Services>,
    req: HttpRequest,
    at: SessionPath,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, ApiError> {
    let Wanted { path, name } = wanted.into_inner();
    let (found, content) = services.workbenches.open_file(at.caller.id(), at.target, &path).await?;
    let tag = quoted(&found.revision);
    if text_of(&req, header::IF_NONE_MATCH) == Some(&tag) {
        return Ok(HttpResponse::NotModified().insert_header((header::ETAG, tag)).finish());
    }
    let size = found.entry.size_bytes;
    // a file that grows meanwhile ends where it did when it was opened; one that shrinks breaks the transfer off
    let pieces = unfold((content, size), |(mut content, left)| async move {
        if left == 0 {
            return None;
        }
        match content.next().await {
            Ok(Some(mut piece)) => {
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX).min(piece.len()));
                let left = left - piece.len() as u64;
                Some((Ok::<_, LinkError>(piece), (content, left)))
            }
            Ok(None) => None,
            Err(error) => Some((Err(error), (content, 0))),
        }
    });
    let mut response = attachment(name.as_ref().unwrap_or(&found.entry.name), "application/octet-stream");
    Ok(response.insert_header((header::ETAG, tag)).body(SizedStream::new(size, pieces)))
}

/// `GET /api/v1/sessions/{id}/files/archive`: a folder or file as a tar archive.
pub async fn download_archive(
    services: Data<Services>,
    at: SessionPath,
    wanted: Query<Wanted>,
) -> Result<HttpResponse, ApiError> {
    let Wanted { path, name } = wanted.into_inner();
    let (found, archive) = services.workbenches.pack_files(at.caller.id(), at.target, &path).await?;
    let pieces = unfold(Some(archive), |archive| async move {
        let mut archive = archive?;
        match archive.next().await {
            Ok(Some(piece)) => Some((Ok::<_, LinkError>(piece), Some(archive))),
            Ok(None) => None,
            // breaks the transfer off, so that nobody takes half an archive for a whole one
            Err(error) => Some((Err(error), None)),
        }
    });
    let name = name.unwrap_or_else(|| format!("{}.tar", found.entry.name));
    Ok(attachment(&name, "application/x-tar").streaming(pieces))
}

/// `PUT /api/v1/sessions/{id}/files/content`: writes a file, completely or not at all. `If-Match` names the revision that
/// must be there; `If-None-Match: *` says that nothing may be there.
pub async fn write_file(
    services: Data<Services>,
    req: HttpRequest,
    at: SessionPath,
    wanted: Query<Wanted>,
    body: Payload,
) -> Result<HttpResponse, ApiError> {
    let expected = expected(&req)?;
    let declared = text_of(&req, header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if declared.is_some_and(|length| length > MAX_TRANSFER_BYTES) {
        return Err(ApiError::LargeBody(MAX_TRANSFER_BYTES));
    }
    // an error of the body passes through the link, which does not know what it means
    let broken = Cell::new(None);
    let mut left = MAX_TRANSFER_BYTES;
    let pieces = body.map(|piece| {
        read_piece(piece, &mut left).map_err(|error| {
            broken.set(Some(error));
            io::Error::from(io::ErrorKind::BrokenPipe)
        })
    });
    let content = StreamReader::new(pieces);
    let written =
        services.workbenches.write_file(at.caller.id(), at.target, &wanted.path, expected, content).await;
    match (written, broken.into_inner()) {
        (_, Some(error)) => Err(error),
        (Err(error), None) => Err(error.into()),
        (Ok(found), None) => {
            Ok(HttpResponse::Ok().insert_header((header::ETAG, quoted(&found.revision))).json(found))
        }
    }
}

fn read_piece(piece: Result<Bytes, PayloadError>, left: &mut u64) -> Result<Bytes, ApiError> {
    let piece = piece.map_err(|error| match error {
        PayloadError::Io(cause) if cause.kind() == io::ErrorKind::TimedOut => ApiError::SlowBody,
        other => ApiError::BadRequest(other.to_string()),
    })?;
    *left = left.checked_sub(piece.len() as u64).ok_or(ApiError::LargeBody(MAX_TRANSFER_BYTES))?;
    Ok(piece)
}

/// Reads which file must be there for the request to be carried out.
fn expected(req: &HttpRequest) -> Result<Option<Expected>, ApiError> {
    match (text_of(req, header::IF_MATCH), text_of(req, header::IF_NONE_MATCH)) {
        (None, None) => Ok(None),
        (None, Some("*")) => Ok(Some(Expected::Nothing)),
        (Some(tag), None) => tag
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            .filter(|tag| !tag.is_empty() && !tag.contains('"'))
            .map(|tag| Some(Expected::Revision(tag.to_owned())))
            .ok_or_else(|| ApiError::BadRequest("If-Match must hold one ETag of this server".to_owned())),
        _ => Err(ApiError::BadRequest("only If-Match or If-None-Match: * is understood here".to_owned())),
    }
}

fn text_of(req: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    req.headers().get(name).and_then(|value| value.to_str().ok())
}

fn quoted(revision: &str) -> String {
    // an agent is not to be trusted with our headers
    let revision: String =
        revision.chars().filter(|c| c.is_ascii_alphanumeric() || "-._".contains(*c)).collect();
    format!("\"{revision}\"")
}

/// Begins an answer that a browser saves as a file.
fn attachment(name: &str, kind: &'static str) -> HttpResponseBuilder {
    let plain =
        name.chars().map(|c| if c.is_ascii_graphic() && !"\"\\".contains(c) { c } else { '_' }).collect();
    let exact = ExtendedValue {
        charset: Charset::Ext("UTF-8".to_owned()),
        language_tag: None,
        value: name.as_bytes().to_vec(),
    };
    let parameters = vec![DispositionParam::Filename(plain), DispositionParam::FilenameExt(exact)];
    let mut response = HttpResponse::Ok();
    response
        .insert_header(ContentDisposition { disposition: DispositionType::Attachment, parameters })
        .insert_header((header::CONTENT_TYPE, HeaderValue::from_static(kind)))
        .insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX)))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
    response
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_write_says_what_must_be_there_in_one_way() {
        let read = |headers: &[(&str, &str)]| {
            let request =
                headers.iter().fold(TestRequest::put(), |request, header| request.insert_header(*header));
            expected(&request.to_http_request()).ok()
        };
        assert_eq!(read(&[]), Some(None));
        assert_eq!(read(&[("if-none-match", "*")]), Some(Some(Expected::Nothing)));
        assert_eq!(read(&[("if-match", "\"a.b-1\"")]), Some(Some(Expected::Revision("a.b-1".into()))));
        for bad in ["*", "a", "\"\"", "\"a\", \"b\"", "W/\"a\""] {
            assert_eq!(read(&[("if-match", bad)]), None, "{bad}");
        }
        assert_eq!(read(&[("if-none-match", "\"a\"")]), None);
        assert_eq!(read(&[("if-match", "\"a\""), ("if-none-match", "*")]), None);
    }

    #[test]
    fn a_body_is_read_up_to_its_limit_and_a_slow_one_is_called_so() {
        let mut left = 5;
        assert_eq!(read_piece(Ok(Bytes::from_static(b"abc")), &mut left).unwrap(), "abc");
        let large = read_piece(Ok(Bytes::from_static(b"def")), &mut left);
        assert!(matches!(large, Err(ApiError::LargeBody(MAX_TRANSFER_BYTES))), "{large:?}");
        let slow = read_piece(Err(PayloadError::Io(io::ErrorKind::TimedOut.into())), &mut left);
        assert!(matches!(slow, Err(ApiError::SlowBody)), "{slow:?}");
    }

    #[test]
    fn what_a_learner_wrote_is_saved_and_never_shown() {
        let response = attachment("a \"b\"\n\u{e9}.html", "application/octet-stream").finish();
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let disposition = header("content-disposition");
        assert!(disposition.starts_with("attachment; filename=\"a__b___.html\""), "{disposition}");
        assert!(disposition.contains("filename*=UTF-8''a%20%22b%22%0A%C3%A9.html"), "{disposition}");
        assert!(header("content-security-policy").contains("sandbox"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("content-type"), "application/octet-stream");
        assert_eq!(quoted("1.2-\"x\r\n"), "\"1.2-x\"");
    }
}
