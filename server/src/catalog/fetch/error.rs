//! Why a source of labs cannot be fetched.

use std::io;
use std::path::{Path, PathBuf};

use super::unpack::UnpackError;

/// Why a source of labs cannot be fetched. Authors see the messages, which contain no credentials.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The cache cannot be used.
    #[error("cannot {what} {} for fetched labs; name a folder that the server may write with --labs-cache-dir", path.display())]
    Cache {
        /// The attempted operation, such as `write`.
        what: &'static str,
        /// Which file or folder.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A lab names an address in a private network.
    #[error("{host} is in a private network; the operator can allow it with --labs-inner-host {host}")]
    Inner { host: String },
    /// The way out for what labs name cannot be opened.
    #[error("nothing that labs name can be fetched; free a port of 127.0.0.1")]
    Gate(#[source] io::Error),
    /// A file is not the one that the lab's author meant.
    #[error(
        "{url} has the SHA-256 {found}, not {wanted}; correct `sha256`, or find out who changed the file"
    )]
    Digest { url: String, wanted: String, found: String },
    /// The program git cannot be started.
    #[error("git cannot be started; install it on the server's machine (Debian's package git)")]
    NoGit(#[source] io::Error),
    /// Git failed.
    #[error("git cannot {what} {url}: {reason}")]
    Git {
        /// The attempted operation.
        what: &'static str,
        /// The repository.
        url: String,
        /// Git's own message.
        reason: String,
    },
    /// The repository has no such reference.
    #[error("{url} has no {reference}; name a branch, a tag or a whole commit behind the #")]
    NoReference {
        /// The repository.
        url: String,
        reference: String,
    },
    /// The source has no such folder.
    #[error("there is no folder {folder} in {subject}; it holds {there}")]
    NoFolder {
        /// The source.
        subject: String,
        folder: String,
        /// The folders that it has.
        there: String,
    },
    /// The web client cannot be built.
    #[error(
        "nothing can be fetched from the web; install the machine's certificates (Debian's package ca-certificates)"
    )]
    NoWeb(#[source] reqwest::Error),
    /// The server cannot be reached, or the connection broke.
    #[error("cannot download {url}")]
    Download {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// The server refused the request.
    #[error("{url} answered {status}; check the address, and the credentials where it needs any")]
    Status { url: String, status: reqwest::StatusCode },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The registry refused, or cannot be reached.
    #[error("cannot pull {artefact}: {why}")]
    Registry {
        artefact: String,
        /// What happened, and what to do.
        why: &'static str,
    },
    /// The artefact holds no archive.
    #[error(
        "{artefact} has no layer that is a tar archive, only {types}; push a folder, as `imgpkg push` and `oras push` do"
    )]
    NoLayer {
        artefact: String,
        /// The media types of its layers.
        types: String,
    },
    /// The source is larger than the limit.
    #[error(
        "{subject} is larger than {max_mib} MiB; name a folder of it behind the #, or raise --labs-max-mib"
    )]
    TooLarge {
        /// The source.
        subject: String,
        max_mib: u64,
    },
    /// The archive cannot be unpacked.
    #[error("cannot unpack {subject}")]
    Unpack {
        /// The source.
        subject: String,
        #[source]
        source: UnpackError,
    },
    /// It took too long.
    #[error("{subject} was not there after {secs} s; it is tried again")]
    TimeOut {
        /// The source.
        subject: String,
        /// The timeout in seconds.
        secs: u64,
    },
    /// The server is stopping, or fetching panicked.
    #[error("fetching was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl FetchError {
    /// Returns a function for `map_err` about an operation on a file of the cache.
    pub(in crate::catalog) fn cache(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Cache { what, path: path.to_owned(), source }
    }

    /// Returns a function for `map_err` about a source that cannot be unpacked.
    pub(super) fn unpack(subject: &str) -> impl FnOnce(UnpackError) -> Self {
        move |source| match source {
            UnpackError::TooLarge { max_mib } => Self::TooLarge { subject: subject.to_owned(), max_mib },
            source => Self::Unpack { subject: subject.to_owned(), source },
        }
    }

    /// Returns a function for `map_err` about an address that cannot be downloaded.
    pub(super) fn download(url: &str) -> impl FnOnce(reqwest::Error) -> Self {
        // the error names the address with its credentials
        move |source| Self::Download { url: url.to_owned(), source: source.without_url() }
    }
}
