//! What a session's pages, shells and scripts know about it.

use std::collections::BTreeMap;

use lectern_content::{Lab, Variables};

use crate::store::sessions::SessionRow;

/// The home directory in every workbench.
pub(super) const HOME: &str = "/home/learner";
/// Where a lab's `workshop` folder lies in every workbench.
pub(super) const WORKSHOP: &str = "/opt/workshop";

/// The session's values under the dialect's names.
fn values(row: &SessionRow, lab: &Lab) -> [(&'static str, String); 9] {
    [
        ("session_name", row.namespace.clone()),
        ("session_id", row.id.to_string()),
        ("session_namespace", row.namespace.clone()),
        ("workshop_name", lab.slug.to_string()),
        ("workshop_namespace", row.namespace.clone()),
        ("workshop_title", lab.title.clone()),
        ("environment_name", lab.slug.to_string()),
        ("training_portal", "lectern".to_owned()),
        ("ingress_protocol", "http".to_owned()),
    ]
}

/// The variables of the pages.
pub(super) fn page_variables(row: &SessionRow, lab: &Lab) -> Variables {
    let mut variables = Variables::new();
    for (name, value) in values(row, lab) {
        variables.set(name, value);
    }
    for (name, value) in shell_environment(row, lab) {
        variables.set_environment(name, value);
    }
    variables
}

/// The environment of shells, checks and scripts: the session's values in capitals, and what the lab's author
/// sets, in which `$(name)` stands for one of the values.
pub(super) fn shell_environment(row: &SessionRow, lab: &Lab) -> BTreeMap<String, String> {
    let values = values(row, lab);
    let mut environment: BTreeMap<String, String> =
        values.iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect();
    for (name, text) in &lab.spec.session.env {
        let mut text = text.clone();
        for (name, value) in &values {
            text = text.replace(&format!("$({name})"), value);
        }
        environment.insert(name.clone(), text);
    }
    environment
}

/// Where shells start.
pub(super) fn working_dir() -> String {
    // the agent falls back to the home directory where a lab has no such folder
    format!("{HOME}/exercises")
}
