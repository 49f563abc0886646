//! What can go wrong with a call, in words for the person at the screen.

use lectern_api::problem::Problem;

/// Why a call did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The server said why.
    #[error("{0}")]
    Problem(Problem),
    /// No answer came.
    #[error("the server could not be reached")]
    Unreachable,
    /// An answer that is no answer of this API.
    #[error("unexpected answer: {0}")]
    Unexpected(String),
}

impl ApiError {
    /// Whether the call needs somebody to sign in first.
    #[must_use]
    pub const fn is_signed_out(&self) -> bool {
        matches!(self, Self::Problem(problem) if problem.status == 401)
    }

    /// The status of the answer, if the server said no.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            _ => None,
        }
    }

    /// What happened, in a few words.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Problem(problem) => problem.title.clone(),
            Self::Unreachable => "Lectern cannot be reached".to_owned(),
            Self::Unexpected(_) => "Something went wrong".to_owned(),
        }
    }

    /// What happened and what to do next.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Problem(problem) => problem.detail.clone(),
            Self::Unreachable => {
                "There was no answer. Check the network connection and try again; nothing you did is lost."
                    .to_owned()
            }
            Self::Unexpected(what) => format!(
                "The server's answer could not be understood ({what}). Load the page again; \
                 if it stays so, tell whoever runs this Lectern."
            ),
        }
    }

    /// The complaint about one field of a form, if this is one.
    #[must_use]
    pub fn about_field(&self, name: &str) -> Option<String> {
        match self {
            Self::Problem(problem) if problem.field.as_deref() == Some(name) => {
                Some(problem.detail.clone())
            }
            _ => None,
        }
    }
}
