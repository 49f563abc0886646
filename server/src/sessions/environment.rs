//! What a session's pages, shells, scripts and objects know about it.

use std::collections::BTreeMap;

use lectern_content::{Lab, RenderOptions, Variables};
use serde_json::Value;

use crate::cluster::INGRESS_CLASS;
use crate::config::previews::PreviewSite;
use crate::store::sessions::SessionRow;

/// The home directory in every workbench.
pub(super) const HOME: &str = "/home/learner";
/// Where a lab's `workshop` folder lies in every workbench.
pub(super) const WORKSHOP: &str = lectern_api::agent::WORKSHOP_DIR;

/// Where the packages of a lab lie in every workbench.
pub(super) const PACKAGES: &str = lectern_api::agent::PACKAGES_DIR;
/// The API server's address for pods.
const API_URL: &str = "https://kubernetes.default.svc";

/// Values by name, as `$(name)` stands for them in a lab's definition.
pub(super) type Values = BTreeMap<String, String>;

/// A session's own values under the dialect's names.
pub(super) fn session_values(id: &str, namespace: &str, lab: &Lab, site: &PreviewSite) -> Values {
    let policy = lab.spec.session.namespaces.policy.map_or("baseline", |policy| policy.as_str());
    let host = format!("{namespace}.{}", site.domain());
    let port_suffix = site.port_suffix();
    [
        ("session_name", namespace),
        ("session_id", id),
        ("session_namespace", namespace),
        ("workshop_name", lab.slug.as_str()),
        // what a lab's sessions share lies with each of them
        ("workshop_namespace", namespace),
        ("workshop_title", &lab.title),
        ("environment_name", lab.slug.as_str()),
        ("training_portal", "lectern"),
        ("ingress_protocol", site.scheme()),
        ("ingress_domain", site.domain()),
        ("ingress_port", &site.port().to_string()),
        ("ingress_port_suffix", &port_suffix),
        ("ingress_class", if site.is_on() { INGRESS_CLASS } else { "" }),
        ("session_hostname", &host),
        ("session_url", &format!("{}://{host}{port_suffix}", site.scheme())),
        ("service_account", namespace),
        ("kubernetes_api_url", API_URL),
        ("platform_arch", architecture()),
        ("policy_engine", "pod-security-standards"),
        ("workshop_version", "latest"),
        ("cluster_domain", "cluster.local"),
        ("policy_name", policy),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// The architecture under the name that images use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn values(row: &SessionRow, lab: &Lab, site: &PreviewSite) -> Values {
    session_values(&row.id.to_string(), &row.namespace, lab, site)
}

/// The session's values and its parameters: what a lab's definition may name. A parameter cannot stand in for a
/// value of the session's.
pub(super) fn definition_values(row: &SessionRow, lab: &Lab, site: &PreviewSite) -> Values {
    let mut all = row.parameters.clone();
    all.extend(values(row, lab, site));
    all
}

/// The variables of the pages.
fn page_variables(row: &SessionRow, lab: &Lab, site: &PreviewSite) -> Variables {
    let mut variables = Variables::new();
    for (name, value) in values(row, lab, site) {
        variables.set(name, value);
    }
    for (name, value) in shell_environment(row, lab, site) {
        variables.set_environment(name, value);
    }
    variables
}

/// What a session's pages are rendered with.
pub(super) fn page_values(row: &SessionRow, lab: &Lab, site: &PreviewSite) -> (Variables, RenderOptions) {
    (page_variables(row, lab, site), RenderOptions::new(format!("/api/v1/labs/{}/files", lab.slug)))
}

/// The environment of shells, checks and scripts: the session's values in capitals, its parameters, and what the
/// lab's author sets, in which `$(name)` stands for one of the values.
pub(super) fn shell_environment(row: &SessionRow, lab: &Lab, site: &PreviewSite) -> Values {
    let mut known = definition_values(row, lab, site);
    let mut environment = row.parameters.clone();
    environment.extend(values(row, lab, site).into_iter().map(|(name, value)| (name.to_uppercase(), value)));
    environment.insert("WORKSHOP_DIR".to_owned(), WORKSHOP.to_owned());
    environment.extend(row.referenced_env.clone());
    for (name, value) in &row.referenced_env {
        known.entry(name.clone()).or_insert_with(|| value.clone());
    }
    for (name, text) in &lab.spec.session.env {
        environment.insert(name.clone(), fill(text, &known));
    }
    environment
}

/// Where shells start.
pub(super) fn working_dir() -> String {
    // the agent falls back to the home directory where a lab has no such folder
    format!("{HOME}/exercises")
}

/// Puts the values in place of each `$(name)`; a name that is not known stays as it is. What a value holds is not
/// looked at again: a learner's parameter cannot bring in another value.
pub(super) fn fill(text: &str, values: &Values) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("$(") {
        let (before, from) = rest.split_at(start);
        filled.push_str(before);
        let name = from[2..].split_once(')').map(|(name, _)| name);
        match name.and_then(|name| Some((name, values.get(name)?))) {
            Some((name, value)) => {
                filled.push_str(value);
                rest = &from[name.len() + 3..];
            }
            None => {
                filled.push_str("$(");
                rest = &from[2..];
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The same for every text of a manifest, keys too.
pub(super) fn fill_manifest(manifest: &Value, values: &Values) -> Value {
    match manifest {
        Value::String(text) => Value::String(fill(text, values)),
        Value::Array(items) => items.iter().map(|item| fill_manifest(item, values)).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (fill(key, values), fill_manifest(value, values)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn known() -> Values {
        [("session_namespace", "lab-x"), ("SIZE", "$(session_namespace)")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn names_are_filled_in_once_and_unknown_ones_stay() {
        for (text, filled) in [
            ("$(session_namespace)-dev", "lab-x-dev"),
            ("$(session_namespace)$(session_namespace)", "lab-xlab-x"),
            ("$(SIZE)", "$(session_namespace)"),
            ("echo $(date) $(session_namespace)", "echo $(date) lab-x"),
            ("$($(session_namespace))", "$(lab-x)"),
            ("$(session_namespace", "$(session_namespace"),
            ("$()", "$()"),
            ("{{ session_namespace }}", "{{ session_namespace }}"),
        ] {
            assert_eq!(fill(text, &known()), filled, "{text}");
        }
    }

    #[test]
    fn every_text_of_a_manifest_is_filled() {
        let manifest = json!({
            "kind": "ConfigMap", "metadata": {"name": "c", "labels": {"of-$(session_namespace)": "yes"}},
            "data": {"list": ["$(session_namespace)", 3, true, null]},
        });
        let filled = json!({
            "kind": "ConfigMap", "metadata": {"name": "c", "labels": {"of-lab-x": "yes"}},
            "data": {"list": ["lab-x", 3, true, null]},
        });
        assert_eq!(fill_manifest(&manifest, &known()), filled);
    }

    #[test]
    fn the_authors_guide_says_which_values_a_session_has() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("page.md"), "words").unwrap();
        let lab = Lab::load(dir.path()).unwrap();
        let mut values = session_values("id", "lab-x", &lab, &PreviewSite::Off);
        // the lab knows these itself
        for name in ["workshop_description", "pathway_name"] {
            values.insert(name.to_owned(), String::new());
        }
        let variables = lectern_content::variables::SESSION_VARIABLES.iter();
        let set: std::collections::BTreeSet<&str> =
            variables.filter(|variable| variable.is_set).map(|variable| variable.name).collect();
        assert_eq!(values.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(), set);
    }

    proptest! {
        #[test]
        fn any_text_without_known_names_stays_as_it_is(text in "[ -~]{0,60}") {
            prop_assume!(!text.contains("$(SIZE)") && !text.contains("$(session_namespace)"));
            prop_assert_eq!(fill(&text, &known()), text);
        }
    }
}
