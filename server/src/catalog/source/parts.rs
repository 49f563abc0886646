//! The parts of a source: reference, folder, credentials.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use super::SourceError;

/// Maximum length of a reference or folder.
const MAX_BYTES: usize = 255;

/// The reference to fetch from a git repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitRef {
    /// The tip of its main branch.
    Head,
    /// A branch or a tag, or a whole reference such as `refs/pull/1/head`.
    Name(String),
    /// A commit's full hash.
    Commit(String),
}

impl GitRef {
    pub(super) fn parse(text: &str, reference: &str) -> Result<Self, SourceError> {
        let refused = |rule| {
            Err(SourceError::Reference { text: text.to_owned(), reference: reference.to_owned(), rule })
        };
        if reference.is_empty() || reference == "HEAD" {
            return Ok(Self::Head);
        }
        if matches!(reference.len(), 40 | 64) && reference.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self::Commit(reference.to_ascii_lowercase()));
        }
        // git's own rules, and nothing that a program could take for an option or a pattern
        if reference.len() > MAX_BYTES {
            return refused("it may have 255 bytes");
        }
        let forbidden = |letter: char| letter.is_control() || " ~^:?*[\\'\"$`;|&<>(){}!#%".contains(letter);
        if reference.contains(forbidden) {
            return refused("it may hold letters, digits and . _ / - + = @ ,");
        }
        let bad_part = |part: &str| {
            part.is_empty() || part.starts_with(['.', '-']) || part.ends_with('.') || part.ends_with(".lock")
        };
        if reference.split('/').any(bad_part) || reference.contains("..") || reference == "@" {
            return refused(
                "no part between slashes is empty, begins with a dot or a dash, or ends with a dot",
            );
        }
        Ok(Self::Name(reference.to_owned()))
    }
}

impl fmt::Display for GitRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => Ok(()),
            Self::Name(name) | Self::Commit(name) => f.write_str(name),
        }
    }
}

/// A folder of a source. If it is empty, the whole source is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubFolder(String);

impl SubFolder {
    pub(super) fn parse(text: &str, folder: &str) -> Result<Self, SourceError> {
        let refused =
            |rule| Err(SourceError::Folder { text: text.to_owned(), folder: folder.to_owned(), rule });
        if folder.len() > MAX_BYTES {
            return refused("it may have 255 bytes");
        }
        if folder
            .contains(|letter: char| letter.is_control() || letter.is_whitespace() || "\\:#".contains(letter))
        {
            return refused("it may hold no white space, colon, backslash or #");
        }
        let parts: Vec<&str> = folder.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if folder.starts_with('/') || parts.contains(&"..") {
            return refused("it is relative, and does not lead upwards");
        }
        if parts.iter().any(|part| part.starts_with('-') || *part == ".git") {
            return refused("no part of it is .git or begins with a dash");
        }
        Ok(Self(parts.join("/")))
    }

    /// Parses the part after `#` of a source that has no references. A colon before the folder is allowed, as git's form has
    /// one.
    pub(super) fn parse_behind(text: &str, fragment: &str) -> Result<Self, SourceError> {
        Self::parse(text, fragment.strip_prefix(':').unwrap_or(fragment))
    }

    /// Returns whether the whole source is meant.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the relative path, with slashes between its parts. It is empty for the whole source.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn behind(&self) -> String {
        if self.is_whole() { String::new() } else { format!("#{}", self.0) }
    }
}

impl fmt::Display for SubFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name and a password or token. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name; may be empty.
    pub user: String,
    /// The password or token; may be empty.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

impl Login {
    fn of(user: &str, password: &str) -> Option<Self> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let login = Self { user: decoded(user), password: decoded(password) };
        (!login.user.is_empty() || !login.password.is_empty()).then_some(login)
    }

    /// Removes the credentials from an address, and returns them.
    pub(super) fn take(url: &mut Url) -> Option<Self> {
        let login = Self::of(url.username(), url.password().unwrap_or_default());
        // fails only for addresses that cannot have credentials
        let _ = url.set_username("");
        let _ = url.set_password(None);
        login
    }

    /// Splits the credentials off the part after a scheme.
    pub(super) fn split(rest: &str) -> (Option<Self>, &str) {
        let end = rest.find('/').unwrap_or(rest.len());
        let Some(at) = rest[..end].rfind('@') else { return (None, rest) };
        let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
        (Self::of(user, password), &rest[at + 1..])
    }
}

/// Returns whether an address ends like that of a tar archive.
pub(super) fn is_archive(address: &str) -> bool {
    let path = address.split('?').next().unwrap_or_default().to_ascii_lowercase();
    [".tar", ".tar.gz", ".tgz"].iter().any(|ending| path.ends_with(ending))
}

/// Returns whether a text looks like `user@host:path`.
pub(super) fn looks_like_scp(text: &str) -> bool {
    let Some((host, path)) = text.split_once(':') else { return false };
    host.contains('@') && !host.contains('/') && !path.is_empty()
}

/// Returns the path of a `file` address.
pub(super) fn path_of(text: &str, url: &Url) -> Result<PathBuf, SourceError> {
    url.to_file_path().map_err(|()| SourceError::Host {
        text: text.to_owned(),
        what: "names a host where a file can have none; it reads like file:///path",
    })
}

/// Returns a text without the credentials that it may contain.
pub(super) fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let end = rest.find(['/', '#', '?']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => text.to_owned(),
    }
}
