//! What can go wrong with a call, in words for the person at the screen.

use lectern_api::problem::Problem;

/// Why a call did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The server said why.
    #[error("{0}")]
    Problem(Box<Problem>),
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
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Problem(problem) => match problem.status {
                401 => "You are not signed in",
                404 => "This is not there",
                409 => "That is not possible now",
                429 => "That was too much at once",
                503 => "Lectern cannot do this just now",
                500.. => "Something went wrong",
                _ => "That did not work",
            },
            Self::Unreachable => "Lectern cannot be reached",
            Self::Unexpected(_) => "Something went wrong",
        }
    }

    /// What happened and what to do next.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Problem(problem) => sentence(&problem.detail),
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
}
