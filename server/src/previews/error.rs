//! Why a web application cannot be shown.

use crate::sessions::SessionError;
use crate::store::StoreError;

/// Why a web application cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    #[error(
        "this Lectern shows no web applications. (Operators: switch web previews on with --preview-domain or --preview-ports)"
    )]
    Off,
    /// The address belongs to no session of the caller's.
    #[error("there is no web application of this session at that address")]
    Foreign,
    #[error(
        "all ports for web applications are in use; close some of your previews, or try again in some minutes"
    )]
    NoPort,
    /// Nothing answers where the application should be.
    #[error("{0}")]
    NotUp(String),
    /// No rule and no definition says where the application is.
    #[error("nothing is published under this address")]
    Nothing,
    #[error("this session has too many connections to its web applications open; close some of them")]
    TooMany,
    /// The application answered with something that is no HTTP.
    #[error("the application did not answer as a web server does: {0}")]
    BadAnswer(String),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Store(#[from] StoreError),
}
