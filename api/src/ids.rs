//! Identifiers. Each is a type of its own, so that a user's id is never taken for a session's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, sortable by the time of its making (UUID version 7).
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// A person who signs in.
    UserId
);
uuid_id!(
    /// A browser in which a person is signed in.
    LoginId
);
uuid_id!(
    /// One learner's run of one lab.
    SessionId
);
uuid_id!(
    /// An instructor's group.
    ClassId
);
uuid_id!(
    /// One progress event; made by the browser, so that a retry counts once.
    EventId
);

/// Why a text is not a valid name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not valid: {rule}")]
pub struct InvalidName {
    /// What was to be named.
    pub what: &'static str,
    /// The text that was given.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { what: $what, text: text.to_owned(), rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// A lab's name in URLs: as a Kubernetes label, 1 to 63 of `a-z`, `0-9` and inner `-`.
    LabSlug,
    "lab name",
    "use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    |s| (1..=63).contains(&s.len())
        && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !s.starts_with('-')
        && !s.ends_with('-')
);
name_type!(
    /// A page's name: its path below the content folder without the extension.
    PageName,
    "page name",
    "use a relative path of at most 200 bytes without empty, '.' or '..' parts",
    |s| (1..=200).contains(&s.len())
        && !s.contains(['\\', '\0'])
        && s.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
);
name_type!(
    /// A terminal's name within its session; `1`, `2`, `3` are the usual ones.
    TerminalName,
    "terminal name",
    "use 1 to 32 of a-z, A-Z, 0-9, - and _",
    |s| (1..=32).contains(&s.len())
        && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
);
name_type!(
    /// A check's name: the path of its script below the folder of checks.
    CheckName,
    "check name",
    "use 1 to 100 of a-z, A-Z, 0-9, '.', -, _ and / between folders; no part begins with '.'",
    |s| s.len() <= 100
        && s.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        })
);

/// A class's join code in the form in which it is stored: upper case, `XXXX-XXXX`.
///
/// Every text can be read as a code: people type it in any case and with any separators, so only letters and digits
/// count. Whether a class has the code is for the database to say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct JoinCode(String);

impl JoinCode {
    /// Returns the normalised text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for JoinCode {
    fn from(text: &str) -> Self {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        // not `to_uppercase`: its tables of all alphabets would go to every browser
        let letters: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
        Self(match letters.split_at_checked(4) {
            Some((first, second)) => [first, "-", second].concat(),
            None => letters,
        })
    }
}

impl From<String> for JoinCode {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<JoinCode> for String {
    fn from(code: JoinCode) -> Self {
        code.0
    }
}

impl fmt::Display for JoinCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_code_is_the_same_however_it_is_typed() {
        for typed in ["ABCD-EFGH", "abcd efgh", " AbCdEfGh ", "\"abcd–efgh\""] {
            assert_eq!(JoinCode::from(typed).as_str(), "ABCD-EFGH", "{typed}");
        }
        assert_eq!(JoinCode::from("ab").as_str(), "AB");
        let read: JoinCode = serde_json::from_str("\"abcd efgh\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"ABCD-EFGH\"");
    }

    #[test]
    fn a_page_name_never_leaves_the_content_folder() {
        for bad in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.", "a\\b"] {
            assert!(bad.parse::<PageName>().is_err(), "{bad:?}");
        }
        assert!("exercises/01-start".parse::<PageName>().is_ok());
    }

    #[test]
    fn a_check_name_never_leaves_the_folder_of_checks() {
        for bad in
            ["", "/bin/sh", "../x", "a/../b", "a//b", "a/", ".x", "a/.x", "a b", "a\\b", &"a".repeat(101)]
        {
            assert!(bad.parse::<CheckName>().is_err(), "{bad:?}");
        }
        for good in ["is-ready", "test_1.sh", "subdir/is-ready"] {
            assert!(good.parse::<CheckName>().is_ok(), "{good}");
        }
    }

    #[test]
    fn a_lab_slug_fits_a_kubernetes_label() {
        for bad in ["", "A", "-a", "a-", "a_b", &"a".repeat(64)] {
            assert!(bad.parse::<LabSlug>().is_err(), "{bad:?}");
        }
        assert!("container-immutability".parse::<LabSlug>().is_ok());
    }
}
