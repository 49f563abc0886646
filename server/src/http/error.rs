//! How errors are answered: the one table from error to status, and RFC 9457 problems.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use lectern_api::agent::FileRefusal;
use lectern_api::ids::InvalidName;
use lectern_api::problem::Problem;

use crate::cluster::view::ObjectError;
use crate::enrolment::JoinRefused;
use crate::identity::IdentityError;
use crate::previews::PreviewError;
use crate::progress::ProgressError;
use crate::report::chain;
use crate::sessions::SessionError;
use crate::store::StoreError;
use crate::terminals::TooManyTerminals;

/// Any failure of a handler.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There is no login, or it has ended.
    #[error("sign in first")]
    NotSignedIn,
    /// The request did not come from Lectern's own pages.
    #[error(
        "this request came from another site's page or without this page's token; reload the page and try again"
    )]
    ForeignRequest,
    /// Absent, somebody else's, or not for this role: all get the same answer.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The body or query could not be parsed.
    #[error("the request could not be read: {0}")]
    BadRequest(String),
    /// The body is compressed, which none of our clients does.
    #[error("the request's body must be sent uncompressed, without Content-Encoding")]
    EncodedBody,
    #[error("the request's body did not arrive in time; try again on a better connection")]
    SlowBody,
    #[error("the file is larger than {} MiB, which is the most that can be sent", .0 / (1024 * 1024))]
    LargeBody(u64),
    /// The request's `Host` header names another server.
    #[error(
        "this server is not reachable under the name you used; use the address that its operator gave you. \
         (Operators: allow further names with --public-url or --allowed-hosts)"
    )]
    ForeignHost,
    /// More requests than one person or one address may send.
    #[error("you or others in your network sent too many requests; wait a moment and try again")]
    TooManyRequests {
        /// How long to wait, in seconds.
        wait_secs: u64,
    },
    #[error("you have {0} live pages open, which is the limit; close some of your tabs")]
    TooManyStreams(usize),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(&'static str),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Progress(#[from] ProgressError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Terminals(#[from] TooManyTerminals),
    #[error(transparent)]
    Preview(PreviewError),
}

impl From<PreviewError> for ApiError {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::Session(error) => Self::Session(error),
            PreviewError::Store(error) => Self::Session(error.into()),
            other => Self::Preview(other),
        }
    }
}

/// Returns an error's status and stable code, and the field of the request that it is about.
fn classify(error: &ApiError) -> (StatusCode, &'static str, Option<&'static str>) {
    use StatusCode as S;
    match error {
        ApiError::NotSignedIn => (S::UNAUTHORIZED, "not_signed_in", None),
        ApiError::ForeignRequest => (S::FORBIDDEN, "foreign_request", None),
        ApiError::NotFound(_) => (S::NOT_FOUND, "not_found", None),
        ApiError::Name(_) => (S::BAD_REQUEST, "bad_name", None),
        ApiError::Terminals(TooManyTerminals) => (S::TOO_MANY_REQUESTS, "too_many_terminals", None),
        ApiError::BadRequest(_) => (S::BAD_REQUEST, "unreadable_request", None),
        ApiError::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", None),
        ApiError::EncodedBody => (S::UNSUPPORTED_MEDIA_TYPE, "encoded_body", None),
        ApiError::SlowBody => (S::REQUEST_TIMEOUT, "slow_body", None),
        ApiError::LargeBody(_) => (S::PAYLOAD_TOO_LARGE, "file_too_large", None),
        ApiError::ForeignHost => (S::MISDIRECTED_REQUEST, "foreign_host", None),
        ApiError::TooManyRequests { .. } => (S::TOO_MANY_REQUESTS, "too_many_requests", None),
        ApiError::TooManyStreams(_) => (S::TOO_MANY_REQUESTS, "too_many_streams", None),
        ApiError::Preview(error) => match error {
            PreviewError::Off => (S::NOT_FOUND, "previews_off", None),
            PreviewError::Foreign => (S::NOT_FOUND, "no_preview", Some("url")),
            PreviewError::NoPort => (S::CONFLICT, "no_preview_port", None),
            PreviewError::TooMany => (S::TOO_MANY_REQUESTS, "too_many_connections", None),
            _ => (S::BAD_GATEWAY, "application_unavailable", None),
        },
        ApiError::Identity(error) => match error {
            IdentityError::Field(field) => (S::BAD_REQUEST, "bad_field", Some(field.field)),
            IdentityError::Refused => (S::UNAUTHORIZED, "sign_in_refused", None),
            IdentityError::TooManyFailures { .. } => (S::TOO_MANY_REQUESTS, "too_many_failures", None),
            IdentityError::Busy | IdentityError::StillBusy => (S::SERVICE_UNAVAILABLE, "busy", None),
            IdentityError::UsernameTaken(_) => (S::CONFLICT, "username_taken", Some("username")),
            IdentityError::Join(refused) => join(refused),
            IdentityError::LastAdmin => (S::CONFLICT, "last_admin", None),
            IdentityError::Disabled => (S::CONFLICT, "account_disabled", None),
            IdentityError::UnknownUser | IdentityError::UnknownLogin => (S::NOT_FOUND, "not_found", None),
            IdentityError::Hash(_) => (S::INTERNAL_SERVER_ERROR, "internal", None),
            IdentityError::Store(error) => store(error),
        },
        ApiError::Progress(error) => match error {
            ProgressError::UnknownSession | ProgressError::UnknownClass | ProgressError::UnknownLearner => {
                (S::NOT_FOUND, "not_found", None)
            }
            ProgressError::Join(refused) => join(refused),
            ProgressError::BadJoinRules => (S::BAD_REQUEST, "bad_field", Some("max_learners")),
            // the web app discards its queued events on these answers
            ProgressError::SessionOver => (S::UNPROCESSABLE_ENTITY, "session_over", None),
            ProgressError::SessionFull => (S::UNPROCESSABLE_ENTITY, "session_full", None),
            ProgressError::TooManyEvents(_) => (S::BAD_REQUEST, "too_many_events", None),
            ProgressError::BadClassName => (S::BAD_REQUEST, "bad_field", Some("name")),
            ProgressError::Store(error) => store(error),
        },
        ApiError::Session(error) => match error {
            SessionError::UnknownLab(_)
            | SessionError::UnknownSession
            | SessionError::UnknownPage(_)
            | SessionError::UnknownObject => (S::NOT_FOUND, "not_found", None),
            SessionError::NoCluster => (S::CONFLICT, "no_cluster", None),
            SessionError::Object(error) => match error {
                ObjectError::NotFound(_) => (S::NOT_FOUND, "not_found", None),
                ObjectError::Conflict { .. } => (S::CONFLICT, "object_changed", None),
                ObjectError::Refused { .. } => (S::UNPROCESSABLE_ENTITY, "object_refused", None),
                ObjectError::Unreadable(_) => (S::BAD_REQUEST, "unreadable_object", Some("yaml")),
                ObjectError::Cluster(_) => (S::SERVICE_UNAVAILABLE, "cluster_unavailable", None),
            },
            SessionError::TooManyViews(_) => (S::SERVICE_UNAVAILABLE, "too_many_views", None),
            SessionError::BrokenLab(_) => (S::UNPROCESSABLE_ENTITY, "broken_lab", None),
            SessionError::BadParameter(_) => (S::BAD_REQUEST, "bad_parameter", Some("parameters")),
            SessionError::NoRoom { .. } => (S::SERVICE_UNAVAILABLE, "no_room", None),
            SessionError::TooMany(_) => (S::CONFLICT, "too_many_sessions", None),
            SessionError::StillEnding => (S::TOO_MANY_REQUESTS, "still_ending", None),
            SessionError::TooManyStarts { .. } => (S::TOO_MANY_REQUESTS, "too_many_starts", None),
            SessionError::TooManyAtOnce => (S::TOO_MANY_REQUESTS, "too_many_requests", None),
            SessionError::Busy => (S::SERVICE_UNAVAILABLE, "busy", None),
            SessionError::NoMoreTime => (S::CONFLICT, "no_more_time", None),
            SessionError::NotRunning => (S::CONFLICT, "not_running", None),
            SessionError::Render(_) => (S::UNPROCESSABLE_ENTITY, "broken_page", None),
            SessionError::Workbench(_) | SessionError::Cluster(_) => {
                (S::SERVICE_UNAVAILABLE, "cluster_unavailable", None)
            }
            SessionError::File(failure) => file(failure.reason),
            SessionError::OlderWorkbench => (S::CONFLICT, "older_workbench", None),
            SessionError::TooMuchAtOnce => (S::TOO_MANY_REQUESTS, "too_much_at_once", None),
            SessionError::CheckRefused(_) => (S::UNPROCESSABLE_ENTITY, "check_refused", None),
            SessionError::Store(error) => store(error),
        },
    }
}

/// Returns the stable code of an error.
pub(super) fn code_of(error: &ApiError) -> &'static str {
    classify(error).1
}

fn join(refused: &JoinRefused) -> (StatusCode, &'static str, Option<&'static str>) {
    let field = Some("join_code");
    match refused {
        JoinRefused::Unknown => (StatusCode::BAD_REQUEST, "unknown_join_code", field),
        JoinRefused::Closed => (StatusCode::CONFLICT, "join_code_closed", field),
        JoinRefused::Ended => (StatusCode::CONFLICT, "join_code_ended", field),
        JoinRefused::Full => (StatusCode::CONFLICT, "class_full", field),
    }
}

fn file(reason: FileRefusal) -> (StatusCode, &'static str, Option<&'static str>) {
    let (status, code) = match reason {
        FileRefusal::Absent => (StatusCode::NOT_FOUND, "no_such_file"),
        FileRefusal::Exists => (StatusCode::CONFLICT, "file_exists"),
        FileRefusal::Changed => (StatusCode::PRECONDITION_FAILED, "file_changed"),
        FileRefusal::Denied => (StatusCode::FORBIDDEN, "file_denied"),
        FileRefusal::WrongKind => (StatusCode::CONFLICT, "wrong_kind_of_file"),
        FileRefusal::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "file_too_large"),
        FileRefusal::NoSpace => (StatusCode::INSUFFICIENT_STORAGE, "no_space"),
        FileRefusal::Other => (StatusCode::UNPROCESSABLE_ENTITY, "file_refused"),
    };
    (status, code, Some("path"))
}

fn store(error: &StoreError) -> (StatusCode, &'static str, Option<&'static str>) {
    if error.is_unavailable() {
        (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable", None)
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, "internal", None)
    }
}

/// Returns after how many seconds a retry is worthwhile.
fn retry_after(error: &ApiError, status: StatusCode) -> Option<u64> {
    match error {
        ApiError::Identity(IdentityError::TooManyFailures { wait_secs })
        | ApiError::TooManyRequests { wait_secs } => Some(*wait_secs),
        // room appears when somebody finishes, which takes more than a few seconds
        ApiError::Session(SessionError::NoRoom { .. } | SessionError::StillEnding) => Some(30),
        ApiError::Session(SessionError::TooManyStarts { wait_secs, .. }) => Some(*wait_secs),
        ApiError::Session(SessionError::TooManyAtOnce) => Some(1),
        _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(3),
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        classify(self).0
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code, field) = classify(self);
        let detail = match (status, code) {
            (StatusCode::INTERNAL_SERVER_ERROR, _) => {
                tracing::error!(error = chain(self), "a request failed");
                "something went wrong on the server; its operator can find the reason in the log".to_owned()
            }
            (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable") => {
                tracing::warn!(error = chain(self), "the database is unavailable");
                "the database cannot be reached at the moment; try again in a few seconds".to_owned()
            }
            (StatusCode::SERVICE_UNAVAILABLE, "no_room" | "busy" | "too_many_views") => self.to_string(),
            (StatusCode::SERVICE_UNAVAILABLE, _) => {
                tracing::warn!(error = chain(self), "the cluster is unavailable");
                self.to_string()
            }
            _ => self.to_string(),
        };
        let problem = Problem {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            code: code.into(),
            detail,
            field: field.map(str::to_owned),
        };
        let mut response = HttpResponse::build(status);
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        if let Some(secs) = retry_after(self, status) {
            response.insert_header((header::RETRY_AFTER, secs.to_string()));
        }
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = response.body(body);
        close_if_unread(self, &mut response);
        response
    }
}

/// Closes the connection if the rest of the request's body will not be read.
fn close_if_unread(error: &ApiError, response: &mut HttpResponse) {
    if matches!(error, ApiError::EncodedBody | ApiError::SlowBody | ApiError::LargeBody(_)) {
        response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    }
}
