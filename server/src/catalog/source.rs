//! Sources of labs, parsed from what the operator writes.
//!
//! | Written | Means |
//! |---|---|
//! | `/srv/labs`, `file:///srv/labs` | a folder |
//! | `git+https://host/repository#ref:folder` | a git repository; also `git+http`, `git+ssh`, `git+file` |
//! | `https://host/labs.tar.gz#folder` | a tar archive; also `http`, `file`; `tar+https://…` where the name says nothing |
//! | `oci://registry/repository:tag#folder` | an OCI artefact, or `@sha256:…`; `oci+http` for a registry without TLS |
//!
//! The part from `#` on may be left out.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use oci_client::Reference;
use sha2::{Digest as _, Sha256};
use url::Url;

mod parts;
#[cfg(test)]
mod tests;

pub use parts::{GitRef, Login, SubFolder};

/// Why a text is not a source of labs.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Its scheme is unknown.
    #[error(
        "cannot tell what kind of source {text} is; write a folder, git+https://host/repository, \
         https://host/labs.tar.gz or oci://registry/repository:tag"
    )]
    Kind {
        /// The text, without credentials.
        text: String,
    },
    /// It may be an archive or a repository.
    #[error(
        "{text} may be an archive or a repository; write git+{text} for a git repository, tar+{text} for a tar archive"
    )]
    ArchiveOrRepository {
        /// The text, without credentials.
        text: String,
    },
    /// The address is invalid.
    #[error("the source {text} has no valid address; it reads like https://host/path")]
    Address {
        /// The text, without credentials.
        text: String,
        #[source]
        source: url::ParseError,
    },
    /// The address lacks a host, or has one that is not allowed.
    #[error("the source {text} {what}")]
    Host {
        /// The text, without credentials.
        text: String,
        /// What is wrong, and what to write instead.
        what: &'static str,
    },
    /// The part after `#` is not a branch, tag or commit.
    #[error("{reference:?} in the source {text} names no branch, tag or commit: {rule}")]
    Reference {
        /// The text, without credentials.
        text: String,
        /// The part that should be a reference.
        reference: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The part after `#` is not a folder.
    #[error("{folder:?} in the source {text} names no folder: {rule}")]
    Folder {
        /// The text, without credentials.
        text: String,
        /// The part that should be a folder.
        folder: String,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// The name of the artefact is invalid.
    #[error("the source {text} names no OCI artefact: {reason}; write oci://registry/repository:tag")]
    Artefact {
        /// The text, without credentials.
        text: String,
        reason: String,
    },
}

/// Where labs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder on this machine, which is read in place.
    Folder(PathBuf),
    /// A git repository.
    Git(GitSource),
    /// A tar archive.
    Tar(TarSource),
    /// An OCI artefact.
    Oci(OciSource),
}

/// A git repository at a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSource {
    /// The repository, without credentials except the user's name for ssh.
    pub url: Url,
    /// The credentials for a private repository.
    pub login: Option<Login>,
    /// The reference to fetch.
    pub reference: GitRef,
    /// The folder that contains the labs.
    pub folder: SubFolder,
}

/// A tar archive, which may be compressed with gzip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TarSource {
    /// The archive, without credentials.
    pub url: Url,
    /// The credentials for a private server.
    pub login: Option<Login>,
    /// Whether it is written with `tar+`, because the name does not show that it is an archive.
    said: bool,
    /// The folder that contains the labs.
    pub folder: SubFolder,
}

/// An OCI artefact whose layers are tar archives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciSource {
    /// Which artefact.
    pub reference: Reference,
    /// Whether the registry speaks HTTP without TLS.
    pub plain_http: bool,
    /// The credentials for a private registry.
    pub login: Option<Login>,
    /// The folder that contains the labs.
    pub folder: SubFolder,
}

impl Source {
    /// Returns the folder that contains the labs, given the folder of the fetched files.
    #[must_use]
    pub fn labs_in(&self, files: &Path) -> PathBuf {
        match self {
            // only that folder of a repository is fetched
            Self::Folder(_) | Self::Git(_) => files.to_owned(),
            Self::Tar(TarSource { folder, .. }) | Self::Oci(OciSource { folder, .. }) => {
                // joining an empty path would add a trailing slash
                if folder.is_whole() { files.to_owned() } else { files.join(folder.as_str()) }
            }
        }
    }

    /// Returns the host that is asked. Returns `None` for a folder.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        match self {
            Self::Folder(_) => None,
            Self::Git(GitSource { url, .. }) | Self::Tar(TarSource { url, .. }) => {
                url.host_str().map(str::to_owned)
            }
            Self::Oci(oci) => {
                let registry = oci.reference.resolve_registry();
                Some(registry.rsplit_once(':').map_or(registry, |(host, _)| host).to_owned())
            }
        }
    }

    /// Returns an identifier of letters and digits that is the same in every run.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(&Sha256::digest(self.to_string())[..8])
    }
}

/// Writes the source without credentials. The text parses to the same source.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Git(git) => {
                write!(f, "git+{}", git.url)?;
                match (&git.reference, git.folder.is_whole()) {
                    (GitRef::Head, true) => Ok(()),
                    (reference, true) => write!(f, "#{reference}"),
                    (reference, false) => write!(f, "#{reference}:{}", git.folder),
                }
            }
            Self::Tar(tar) => {
                write!(f, "{}{}{}", if tar.said { "tar+" } else { "" }, tar.url, tar.folder.behind())
            }
            Self::Oci(oci) => {
                let scheme = if oci.plain_http { "oci+http" } else { "oci" };
                write!(f, "{scheme}://{}{}", oci.reference.whole(), oci.folder.behind())
            }
        }
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let text = text.trim();
        let shown = parts::without_credentials(text);
        let (address, fragment) = match text.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (text, None),
        };
        match address.split_once("://").map(|(scheme, _)| scheme) {
            None if parts::looks_like_scp(text) => Err(SourceError::Host {
                text: shown,
                what: "is ssh's short form; write git+ssh://user@host/path",
            }),
            // anything else is a path, in which # has no meaning
            None if text.is_empty() => Err(SourceError::Kind { text: "\"\"".into() }),
            None => Ok(Self::Folder(text.into())),
            Some("git+https" | "git+http" | "git+ssh" | "git+file") => {
                parse_git(&shown, &address["git+".len()..], fragment.unwrap_or_default()).map(Self::Git)
            }
            Some("https" | "http" | "file") if parts::is_archive(address) => {
                parse_tar(&shown, address, false, fragment.unwrap_or_default()).map(Self::Tar)
            }
            Some("tar+https" | "tar+http" | "tar+file") => {
                let said = !parts::is_archive(address);
                parse_tar(&shown, &address["tar+".len()..], said, fragment.unwrap_or_default()).map(Self::Tar)
            }
            Some("file") => parse_folder(&shown, address, fragment.unwrap_or_default()).map(Self::Folder),
            Some("https" | "http") => Err(SourceError::ArchiveOrRepository { text: shown }),
            Some(scheme @ ("oci" | "oci+http")) => {
                let name = &address[scheme.len() + "://".len()..];
                parse_oci(&shown, name, scheme == "oci+http", fragment.unwrap_or_default()).map(Self::Oci)
            }
            Some(_) => Err(SourceError::Kind { text: shown }),
        }
    }
}

fn parse_git(text: &str, address: &str, fragment: &str) -> Result<GitSource, SourceError> {
    let mut url = parse_url(text, address)?;
    let login = match url.scheme() {
        // ssh uses keys, and the name says whose
        "ssh" => {
            let _ = url.set_password(None);
            None
        }
        _ => Login::take(&mut url),
    };
    let (reference, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
    Ok(GitSource {
        url,
        login,
        reference: GitRef::parse(text, reference)?,
        folder: SubFolder::parse(text, folder)?,
    })
}

fn parse_tar(text: &str, address: &str, said: bool, fragment: &str) -> Result<TarSource, SourceError> {
    let mut url = parse_url(text, address)?;
    let login = Login::take(&mut url);
    Ok(TarSource { url, login, said, folder: SubFolder::parse_behind(text, fragment)? })
}

fn parse_folder(text: &str, address: &str, fragment: &str) -> Result<PathBuf, SourceError> {
    let path = parts::path_of(text, &parse_url(text, address)?)?;
    let folder = SubFolder::parse_behind(text, fragment)?;
    Ok(if folder.is_whole() { path } else { path.join(folder.as_str()) })
}

fn parse_oci(text: &str, name: &str, plain_http: bool, fragment: &str) -> Result<OciSource, SourceError> {
    let artefact = |reason: String| SourceError::Artefact { text: text.to_owned(), reason };
    let (login, name) = Login::split(name);
    let Some((registry, _)) = name.split_once('/') else {
        return Err(artefact("it names no repository".into()));
    };
    // without this, a forgotten registry would silently mean Docker Hub
    if registry != "localhost" && !registry.contains(['.', ':']) {
        return Err(artefact(format!("{registry:?} is no registry's host name")));
    }
    let reference: Reference = name.parse().map_err(|error| artefact(why_no_artefact(&error).to_owned()))?;
    Ok(OciSource { reference, plain_http, login, folder: SubFolder::parse_behind(text, fragment)? })
}

fn why_no_artefact(error: &oci_client::ParseError) -> &'static str {
    use oci_client::ParseError as E;
    match error {
        E::DigestInvalidFormat | E::DigestInvalidLength | E::DigestUnsupported => {
            "its digest does not read @sha256: and 64 hexadecimal digits"
        }
        E::NameContainsUppercase => "its repository has a capital letter",
        E::NameEmpty => "it names no repository",
        E::NameTooLong => "its repository's name is too long",
        _ => "its repository or tag holds a sign that is not allowed there",
    }
}

fn parse_url(text: &str, address: &str) -> Result<Url, SourceError> {
    let url = Url::parse(address).map_err(|source| SourceError::Address { text: text.to_owned(), source })?;
    if url.scheme() == "file" {
        parts::path_of(text, &url)?;
    } else if url.host_str().is_none_or(str::is_empty) {
        return Err(SourceError::Host {
            text: text.to_owned(),
            what: "names no host; it reads like https://host/path",
        });
    } else if url.host_str().is_some_and(|host| host.starts_with('-')) || url.username().starts_with('-') {
        return Err(SourceError::Host {
            text: text.to_owned(),
            what: "has a host or user that begins with a dash",
        });
    }
    Ok(url)
}

/// Sources separated by white space: the value of one flag or environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceList(pub Vec<Source>);

impl FromStr for SourceList {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        text.split_whitespace().map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}
