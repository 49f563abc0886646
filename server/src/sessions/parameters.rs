//! The parameters of a lab: what it declares, and what whoever asks for a session chooses.

use std::collections::BTreeMap;

use lectern_content::Lab;
use lectern_content::spec::RequestParameter;

use super::SessionError;

/// The longest value, in bytes.
const LONGEST: usize = 4096;

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
        values.insert(parameter.name.clone(), value);
    }
    Ok(values)
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
