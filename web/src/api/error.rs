//! What can go wrong with a call, in words for the user.

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::problem::Problem;

/// The longest plausible wait, in seconds; a header that asks for more is ignored.
const LONGEST_WAIT_SECS: i64 = 86_400;

/// Why a call failed, or was not even sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The server refused, and said why.
    #[error("{problem}")]
    Problem {
        problem: Box<Problem>,
        /// When to try again; `None` if the server did not say.
        retry_at: Option<DateTime<Utc>>,
    },
    /// What was entered in a field is wrong, so nothing was sent.
    #[error("{field}: {message}")]
    Invalid { field: &'static str, message: String },
    /// No answer came.
    #[error("the server could not be reached")]
    Unreachable,
    /// The answer does not follow the API.
    #[error("unexpected response")]
    Unexpected,
}

impl ApiError {
    /// Returns the server's refusal; its `Retry-After` header counts from `now`.
    #[must_use]
    pub fn refused(problem: Problem, retry_after: Option<&str>, now: DateTime<Utc>) -> Self {
        let wait = retry_after
            .and_then(|text| text.trim().parse::<i64>().ok())
            .filter(|secs| (1..=LONGEST_WAIT_SECS).contains(secs))
            .filter(|_| matches!(problem.status, 429 | 503));
        let retry_at = wait.map(|secs| now + TimeDelta::seconds(secs));
        Self::Problem { problem: Box::new(problem), retry_at }
    }

    /// Returns an error about an unexpected response, and logs what was unexpected to the browser's console.
    #[must_use]
    pub fn unexpected(what: &str) -> Self {
        leptos::logging::error!("unexpected response: {what}");
        Self::Unexpected
    }

    /// Returns an error about what was entered in a field.
    #[must_use]
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }

    /// Whether the caller is not signed in. A wrong password has the same status, but says nothing about the login.
    #[must_use]
    pub fn is_signed_out(&self) -> bool {
        self.code() == Some("not_signed_in")
    }

    /// Returns the status of the server's refusal.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            _ => None,
        }
    }

    /// Returns the stable code of the server's refusal.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem { problem, .. } => Some(&problem.code),
            _ => None,
        }
    }

    /// Returns when to try again; `None` if the server did not say.
    #[must_use]
    pub const fn retry_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Problem { retry_at, .. } => *retry_at,
            _ => None,
        }
    }

    /// Returns what happened, in a few words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        match self {
            Self::Problem { problem, .. } => match (problem.code.as_str(), problem.status) {
                ("no_room", _) => "No room right now",
                ("too_many_sessions", _) => "Too many labs running",
                ("too_many_failures", _) => "Too many attempts",
                (_, 401) => "You are signed out",
                (_, 404) => "Not found",
                (_, 408) => "That took too long",
                (_, 413) => "That is too large",
                (_, 429) => "Slow down",
                (_, 503) => "Not possible right now",
                (_, 500..) => "Something went wrong",
                _ => "That didn't work",
            },
            Self::Invalid { .. } => "That didn't work",
            Self::Unreachable => "No connection to Lectern",
            Self::Unexpected => "Something went wrong",
        }
    }

    /// Returns what happened and what to do next.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Problem { problem, .. } => sentence(&problem.detail),
            Self::Invalid { message, .. } => message.clone(),
            Self::Unreachable => {
                "The server didn't respond. Check your network connection and try again. Nothing is lost."
                    .to_owned()
            }
            Self::Unexpected => {
                "The server sent an unexpected response. Reload the page; if it keeps happening, contact your \
                 administrator."
                    .to_owned()
            }
        }
    }

    /// Returns what is wrong with one field of a form; `None` if the error is not about it.
    #[must_use]
    pub fn about_field(&self, name: &str) -> Option<String> {
        match self {
            Self::Problem { problem, .. } if problem.field.as_deref() == Some(name) => {
                Some(sentence(&problem.detail))
            }
            Self::Invalid { field, message } if *field == name => Some(message.clone()),
            _ => None,
        }
    }
}

/// Turns a message into a sentence: the server's messages have neither a capital letter nor a full stop.
fn sentence(message: &str) -> String {
    let mut sentence = message.trim().to_owned();
    // ASCII only: tables of all letters would add ten kilobytes to the app
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if sentence.chars().next_back().is_some_and(|last| !matches!(last, '.' | '!' | '?' | ':' | '…')) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_server_is_shown_as_a_sentence() {
        assert_eq!(sentence("the name is taken"), "The name is taken.");
        assert_eq!(sentence("über (x)"), "über (x).");
        assert_eq!(sentence("Try again later."), "Try again later.");
        assert_eq!(sentence(""), "");
    }

    fn refusal(status: u16, code: &str, retry_after: Option<&str>) -> ApiError {
        let problem = Problem {
            kind: "about:blank".into(),
            title: String::new(),
            status,
            code: code.into(),
            detail: "wait".into(),
            field: Some("current".into()),
        };
        ApiError::refused(problem, retry_after, DateTime::UNIX_EPOCH)
    }

    #[test]
    fn only_a_login_that_ended_signs_out() {
        assert!(refusal(401, "not_signed_in", None).is_signed_out());
        assert!(!refusal(401, "sign_in_refused", None).is_signed_out());
        assert!(!refusal(400, "bad_field", None).is_signed_out());
        assert_eq!(refusal(400, "bad_field", None).about_field("current").as_deref(), Some("Wait."));
    }

    #[test]
    fn the_wait_is_known_where_the_server_names_one_in_seconds() {
        let at = |status, text| refusal(status, "busy", text).retry_at().map(|at| at.timestamp());
        assert_eq!(at(429, Some("30")), Some(30));
        assert_eq!(at(503, Some(" 3 ")), Some(3));
        assert_eq!(at(400, Some("3")), None);
        for odd in [None, Some("0"), Some("-5"), Some("soon"), Some("999999999999")] {
            assert_eq!(at(429, odd), None, "{odd:?}");
        }
    }
}
