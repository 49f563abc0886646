//! How errors are put into words for the log. Every room may call it, and it calls none.

use std::error::Error;

/// Puts an error and its causes into one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // a transparent variant shows its source's words already
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
