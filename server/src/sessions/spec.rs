//! From what an author wrote to what the cluster is asked for.

use lectern_content::Lab;
use lectern_content::allow::{Allowances, OwnNamespaces, Refusal, check_objects, listed};
use lectern_content::spec::{LimitRange, TerminalLayout};
use serde_json::Value;

use super::environment::{Values, definition_values, fill, fill_manifest};
use crate::cluster::{Amounts, Budget, ContainerLimits, NamespaceSpec, SessionNames, SessionSpec};
use crate::config::previews::PreviewSite;
use crate::store::sessions::SessionRow;

/// The dialect's word for a layout.
pub(super) fn layout_word(layout: TerminalLayout) -> &'static str {
    match layout {
        TerminalLayout::Default => "default",
        TerminalLayout::Split => "split",
        TerminalLayout::SplitTwo => "split/2",
        TerminalLayout::Lower => "lower",
        TerminalLayout::None => "none",
    }
}

/// The names of a session's objects as they were made when it was asked for.
pub(super) fn names(row: &SessionRow) -> SessionNames {
    SessionNames {
        session: row.id,
        namespace: row.namespace.clone(),
        secondary: row.secondary_namespaces.clone(),
        workbench: row.workbench.clone(),
    }
}

/// The names of a lab's further namespaces in a session, in its definition's order.
///
/// They begin with the session's own namespace, which cannot be guessed: so they meet no other session's. A name that does
/// not, or that no namespace can have, is what is left of it behind that namespace.
pub(super) fn secondary_names(lab: &Lab, namespace: &str, values: &Values) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    for secondary in &lab.spec.session.namespaces.secondary {
        let name = secondary_name(&fill(&secondary.name, values), namespace);
        let numbered = (2..).map(|number| with_end(&name, &format!("-{number}")));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name));
        names.extend(free);
    }
    names
}

fn secondary_name(wanted: &str, namespace: &str) -> String {
    let rest = wanted.strip_prefix(namespace).unwrap_or(wanted).to_lowercase();
    let letters = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let rest: String = rest.chars().map(letters).collect();
    let rest = match rest.trim_matches('-') {
        "" => "further",
        rest => rest,
    };
    with_end(&format!("{namespace}-{rest}"), "")
}

/// Shortens a name so that it is a namespace's with this end.
fn with_end(name: &str, end: &str) -> String {
    const MAX_NAME: usize = 63;
    let kept = name.get(..MAX_NAME - end.len()).unwrap_or(name).trim_end_matches('-');
    format!("{kept}{end}")
}

/// What the cluster shall make for this session, and what of the lab's objects turned out to go too far once values
/// were filled in. The lab's definition is within the allowances already.
pub(super) fn session_spec(
    row: &SessionRow,
    lab: &Lab,
    allowances: &Allowances,
    site: &PreviewSite,
) -> (SessionSpec, Vec<Refusal>) {
    let wish = &lab.spec.session;
    let values = definition_values(row, lab, site);
    let mut spec = SessionSpec::new(row.id, lab.slug.clone());
    spec.names = names(row);
    spec.role = wish.namespaces.role;
    spec.budget = wish.namespaces.budget.unwrap_or(spec.budget);
    spec.limits = limits(&wish.namespaces.limits);
    spec.security = wish.namespaces.policy.unwrap_or(spec.security);
    spec.rules = wish.namespaces.rules.iter().map(|rule| fill_manifest(rule, &values)).collect();
    // names and settings have the same order; a namespace that was added since has no name in this session
    spec.secondary = (wish.namespaces.secondary.iter())
        .zip(&row.secondary_namespaces)
        .map(|(wish, name)| NamespaceSpec {
            name: name.clone(),
            role: wish.role,
            budget: wish.budget.unwrap_or(Budget::UNNAMED),
            limits: limits(&wish.limits),
            security: wish.policy.unwrap_or(spec.security),
        })
        .collect();
    let own: Vec<String> = spec.names.namespaces().map(str::to_owned).collect();
    let objects = lab.spec.environment_objects.iter().chain(&wish.objects).chain(&lab.spec.request_objects);
    let filled: Vec<Value> = objects.map(|object| fill_manifest(object, &values)).collect();
    let filled: Vec<&Value> = filled.iter().flat_map(listed).collect();
    let mut refusals = Vec::new();
    // a value may have made another object of it
    for checked in check_objects(&filled, allowances, &OwnNamespaces::Are(&own)) {
        match checked {
            Ok(object) => spec.objects.push(object.clone()),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let text =
        |object: &Value, key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let types = spec.objects.iter().map(|object| (text(object, "apiVersion"), text(object, "kind")));
    spec.trusted_types = types.filter(|(version, kind)| allowances.trusts_kind(version, kind)).collect();
    spec.egress = wish.egress.unwrap_or(spec.egress);
    spec.workbench.image.clone_from(&lab.spec.workbench_image);
    if let Some(memory) = &wish.resources.memory {
        spec.workbench.memory.clone_from(memory);
    }
    if let Some(storage) = &wish.resources.storage {
        spec.workbench.storage.clone_from(storage);
    }
    (spec, refusals)
}

fn limits(limits: &LimitRange) -> ContainerLimits {
    ContainerLimits {
        min: amounts(limits.min.as_ref()),
        max: amounts(limits.max.as_ref()),
        default_request: amounts(limits.default_request.as_ref()),
        default: amounts(limits.default.as_ref()),
    }
}

fn amounts(value: Option<&Value>) -> Amounts {
    let quantity = |key: &str| match value?.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Amounts { cpu: quantity("cpu"), memory: quantity("memory") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_namespace_begins_with_the_sessions_own_whatever_it_is_called() {
        for (wanted, name) in [
            ("lab-x-dev", "lab-x-dev"),
            ("dev", "lab-x-dev"),
            ("lab-xdev", "lab-x-dev"),
            ("Team_A", "lab-x-team-a"),
            ("$(UNKNOWN)", "lab-x-unknown"),
            ("", "lab-x-further"),
            ("kube-system", "lab-x-kube-system"),
        ] {
            assert_eq!(secondary_name(wanted, "lab-x"), name, "{wanted}");
        }
        let long = secondary_name(&"y".repeat(100), "lab-x");
        assert!(long.len() == 63 && long.starts_with("lab-x-y"), "{long}");
        assert_eq!(with_end(&long, "-2").len(), 63);
    }
}
