//! User names and display names.

/// A field of a request that is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidField {
    /// The field's name in the request.
    pub field: &'static str,
    /// What is wrong, and what would be acceptable.
    pub message: String,
}

/// Returns a user name in the form in which it is stored: trimmed, lower case.
///
/// # Errors
/// Returns [`InvalidField`] unless it consists of 2 to 40 ASCII letters, digits, `.`, `-`, `_` and `@`.
pub fn normalise_username(text: &str) -> Result<String, InvalidField> {
    let name = text.trim().to_lowercase();
    let valid = (2..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@'));
    if valid {
        Ok(name)
    } else {
        Err(InvalidField {
            field: "username",
            message: "a user name must have 2 to 40 characters: letters, digits and . - _ @".into(),
        })
    }
}

/// Returns a display name, trimmed.
///
/// # Errors
/// Returns [`InvalidField`] if it is empty, longer than 80 characters or contains control characters.
pub fn check_display_name(text: &str) -> Result<String, InvalidField> {
    let name = text.trim();
    if (1..=80).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(name.to_owned())
    } else {
        let message = "a display name must have 1 to 80 characters and no control characters".into();
        Err(InvalidField { field: "display_name", message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_kept_in_lower_case() {
        assert_eq!(normalise_username(" Ada.L ").as_deref(), Ok("ada.l"));
    }

    #[test]
    fn a_user_name_with_other_letters_is_refused() {
        for bad in ["a", "", "a b", "ä-umlaut", "<script>", &"x".repeat(41)] {
            assert!(normalise_username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_display_name_may_hold_any_script_but_no_control_characters() {
        assert!(check_display_name("Zoë 木村").is_ok());
        assert!(check_display_name("a\u{7}b").is_err());
        assert!(check_display_name("   ").is_err());
    }
}
