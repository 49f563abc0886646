//! The parameters of a lab: what it declares, and what whoever asks for a session chooses.
//!
//! A chosen value stands in pages and commands before they are read as Markdown, YAML or by a shell, and who chose it
//! need not be who runs the session: a link may carry it. So it is of letters that mean nothing there.

use std::collections::BTreeMap;

use lectern_content::Lab;
use lectern_content::spec::RequestParameter;

use super::SessionError;

/// The longest value, in bytes.
const LONGEST: usize = 4096;

/// What a value may hold besides letters, digits and blanks.
const SIGNS: &str = "-_.,:/@+=?%~";

/// The values that a session has when nobody chooses any.
pub(super) fn usual_values(lab: &Lab) -> BTreeMap<String, String> {
    lab.spec.parameters.iter().map(|one| (one.name.clone(), one.value.clone())).collect()
}

/// The values of a session, given what was chosen by name or alias.
///
/// # Errors
/// [`SessionError::BadParameter`] where the lab declares no such parameter, or the value is no good.
pub(super) fn settle(
    lab: &Lab,
    chosen: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, SessionError> {
    let mut values = usual_values(lab);
    for (given, value) in chosen {
        let known = |one: &&RequestParameter| one.name == given || one.aliases.contains(&given);
        let Some(parameter) = lab.spec.parameters.iter().find(known) else {
            return Err(SessionError::BadParameter(unknown(lab, &given)));
        };
        if value.len() > LONGEST || value.contains('\0') {
            let name = &parameter.name;
            return Err(SessionError::BadParameter(format!(
                "the parameter {name} takes a text of at most {LONGEST} bytes"
            )));
        }
        if !is_plain(&value) && value != parameter.value {
            let (name, signs) =
                (&parameter.name, SIGNS.chars().map(String::from).collect::<Vec<_>>().join(" "));
            return Err(SessionError::BadParameter(format!(
                "the parameter {name} takes letters, digits, blanks and {signs} on one line, and does not begin with a \
                 dash"
            )));
        }
        values.insert(parameter.name.clone(), value);
    }
    Ok(values)
}

/// Whether a value can begin nothing: no markup, no quotation, no command, no option.
fn is_plain(value: &str) -> bool {
    !value.starts_with('-')
        && value.chars().all(|letter| letter.is_alphanumeric() || letter == ' ' || SIGNS.contains(letter))
}

fn unknown(lab: &Lab, given: &str) -> String {
    let names: Vec<&str> = lab.spec.parameters.iter().map(|one| one.name.as_str()).collect();
    let shown: String = given.chars().take(60).collect();
    if names.is_empty() {
        format!("the lab {} has no parameters, so {shown:?} cannot be set", lab.slug)
    } else {
        format!("the lab {} has no parameter {shown:?}; it has {}", lab.slug, names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_words_and_never_markup_or_a_command() {
        for fine in
            ["blue", "", "lab 7", "registry.example.org:5000/a_b@c", "größer", "https://x.test/a?b=c", "50%"]
        {
            assert!(is_plain(fine), "{fine}");
        }
        for refused in [
            "a\nb",
            "a\tb",
            "a\u{7}",
            "`id`",
            "$(id)",
            "a;b",
            "a|b",
            "a&b",
            "a>b",
            "<b>",
            "\"",
            "'",
            "a\\b",
            "{{ x }}",
            "[x](y)",
            "*x*",
            "#x",
            "!x",
            "--kubeconfig=x",
            "a\u{202e}b",
            "a\u{2028}b",
        ] {
            assert!(!is_plain(refused), "{refused:?}");
        }
    }
}
