//! What can go wrong with a call, in words for the person at the screen.

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::problem::Problem;

/// The longest wait that is shown, in seconds; a header that asks for more is taken for a mistake.
const LONGEST_WAIT_SECS: i64 = 86_400;

/// Why a call did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The server said why.
    #[error("{problem}")]
    Problem {
        /// What it said.
        problem: Box<Problem>,
        /// From when on it is worth trying again, if it said that.
        retry_at: Option<DateTime<Utc>>,
    },
    /// No answer came.
    #[error("the server could not be reached")]
    Unreachable,
    /// An answer that is no answer of this API.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

impl ApiError {
    /// The server's refusal, with what its `Retry-After` counts from `now`.
    #[must_use]
    pub fn refused(problem: Problem, retry_after: Option<&str>, now: DateTime<Utc>) -> Self {
        let wait = retry_after
            .and_then(|text| text.trim().parse::<i64>().ok())
            .filter(|secs| (1..=LONGEST_WAIT_SECS).contains(secs))
            .filter(|_| matches!(problem.status, 429 | 503));
        let retry_at = wait.map(|secs| now + TimeDelta::seconds(secs));
        Self::Problem { problem: Box::new(problem), retry_at }
    }

    /// Whether the call needs somebody to sign in first. A wrong password is refused with the same status, but says
    /// nothing about the login.
    #[must_use]
    pub fn is_signed_out(&self) -> bool {
        self.code() == Some("not_signed_in")
    }

    /// The status of the answer, if the server said no.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            _ => None,
        }
    }

    /// The stable word for what is wrong, if the server said no.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem { problem, .. } => Some(&problem.code),
            _ => None,
        }
    }

    /// From when on it is worth trying again, if the server said that.
    #[must_use]
    pub const fn retry_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Problem { retry_at, .. } => *retry_at,
            _ => None,
        }
    }

    /// What happened, in a few words.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Problem { problem, .. } => match problem.status {
                401 => "You are signed out",
                404 => "Not found",
                408 => "That took too long",
                413 => "That is too large",
                429 => "Too many requests",
                503 => "Not possible right now",
                500.. => "Something went wrong",
                _ => "That didn't work",
            },
            Self::Unreachable => "No connection to Lectern",
            Self::Unexpected(_) => "Something went wrong",
        }
    }

    /// What happened and what to do next.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Problem { problem, .. } => sentence(&problem.detail),
            Self::Unreachable => {
                "There was no answer. Check your network connection and try again; nothing is lost."
                    .to_owned()
            }
            Self::Unexpected(what) => format!(
                "The server sent an unexpected response ({what}). Reload the page; if it keeps happening, \
                 contact your administrator."
            ),
        }
    }

    /// The complaint about one field of a form, if this is one.
    #[must_use]
    pub fn about_field(&self, name: &str) -> Option<String> {
        match self {
            Self::Problem { problem, .. } if problem.field.as_deref() == Some(name) => {
                Some(sentence(&problem.detail))
            }
            _ => None,
        }
    }
}

/// Makes a sentence of a message: the server's begin like Rust's errors, in lower case and without a full stop.
fn sentence(message: &str) -> String {
    let mut sentence = message.trim().to_owned();
    // the cases of all the world's letters would cost the app ten kilobytes
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
