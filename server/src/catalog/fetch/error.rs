//! Why a source of labs cannot be fetched.

use std::io;
use std::path::{Path, PathBuf};

use super::unpack::UnpackError;

/// Why a source of labs cannot be fetched. The messages are shown to authors and hold no credentials.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The cache cannot be used.
    #[error("cannot {what} {} for fetched labs; name a folder that the server may write with --labs-cache-dir", path.display())]
    Cache {
        /// What was to be done with it.
        what: &'static str,
        /// Which file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The program git is not there.
    #[error("git cannot be started; install it on the server's machine (Debian's package git)")]
    NoGit(#[source] io::Error),
    /// Git failed.
    #[error("git cannot {what} {url}: {reason}")]
    Git {
        /// What was to be done.
        what: &'static str,
        /// The repository.
        url: String,
        /// Git's own words.
        reason: String,
    },
    /// The repository has no such reference.
    #[error("{url} has no {reference}; name a branch, a tag or a whole commit behind the #")]
    NoReference {
        /// The repository.
        url: String,
        /// What was looked for.
        reference: String,
    },
    /// The source has no such folder.
    #[error("there is no folder {folder} in {subject}; it holds {there}")]
    NoFolder {
        /// The source.
        subject: String,
        /// What was looked for.
        folder: String,
        /// What is there instead.
        there: String,
    },
    /// The web client cannot be made.
    #[error(
        "nothing can be fetched from the web; install the machine's certificates (Debian's package ca-certificates)"
    )]
    NoWeb(#[source] reqwest::Error),
    /// The server cannot be reached, or broke off.
    #[error("cannot download {url}")]
    Download {
        /// Which address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server refused.
    #[error("{url} answered {status}; check the address, and the credentials where it needs any")]
    Status {
        /// Which address.
        url: String,
        /// With what.
        status: reqwest::StatusCode,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The registry refused, or cannot be reached.
    #[error("cannot pull {artefact}")]
    Registry {
        /// Which artefact.
        artefact: String,
        /// Why.
        #[source]
        source: Box<oci_client::errors::OciDistributionError>,
    },
    /// The artefact holds no archive.
    #[error(
        "{artefact} has no layer that is a tar archive, only {types}; push a folder, as `imgpkg push` and `oras push` do"
    )]
    NoLayer {
        /// Which artefact.
        artefact: String,
        /// The media types of its layers.
        types: String,
    },
    /// There is more than is allowed.
    #[error(
        "{subject} is larger than {max_mib} MiB; name a folder of it behind the #, or raise --labs-max-mib"
    )]
    TooLarge {
        /// The source.
        subject: String,
        /// The limit.
        max_mib: u64,
    },
    /// The archive cannot be unpacked.
    #[error("cannot unpack {subject}")]
    Unpack {
        /// The source.
        subject: String,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// It took too long.
    #[error("{subject} was not there after {secs} s; it is tried again")]
    TimeOut {
        /// The source.
        subject: String,
        /// How long it was waited for, in seconds.
        secs: u64,
    },
    /// The server stops, or has a fault.
    #[error("fetching was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
}

impl FetchError {
    /// For `map_err`: what was to be done with which file of the cache.
    pub(super) fn cache(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Cache { what, path: path.to_owned(), source }
    }

    /// For `map_err`: which source cannot be unpacked.
    pub(super) fn unpack(subject: &str) -> impl FnOnce(UnpackError) -> Self {
        move |source| match source {
            UnpackError::TooLarge { max_mib } => Self::TooLarge { subject: subject.to_owned(), max_mib },
            source => Self::Unpack { subject: subject.to_owned(), source },
        }
    }

    /// For `map_err`: which address cannot be downloaded.
    pub(super) fn download(url: &str) -> impl FnOnce(reqwest::Error) -> Self {
        // the error names the address itself, with whatever credentials it has
        move |source| Self::Download { url: url.to_owned(), source: source.without_url() }
    }

    /// The error and its causes in one line.
    pub(in crate::catalog) fn told(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let next = error.to_string();
            if !text.ends_with(&next) {
                text = format!("{text}: {next}");
            }
            cause = error.source();
        }
        text
    }
}
