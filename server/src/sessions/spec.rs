//! From what an author wrote to what the cluster is asked for.

use lectern_content::Lab;
use lectern_content::allow::{Allowances, OwnNamespaces, Refusal, check_object, listed};
use lectern_content::spec::{LimitRange, TerminalLayout};
use serde_json::Value;

use super::environment::{Values, definition_values, fill, fill_manifest};
use crate::cluster::{Amounts, Budget, ContainerLimits, NamespaceSpec, SessionNames, SessionSpec};
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

/// The names of a lab's further namespaces in a session, or what is wrong with one.
///
/// They begin with the session's own namespace, which cannot be guessed: so they meet no other session's.
pub(super) fn secondary_names(lab: &Lab, namespace: &str, values: &Values) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = vec![];
    for secondary in &lab.spec.session.namespaces.secondary {
        let name = fill(&secondary.name, values);
        let of_session = name.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('-'));
        let is_valid = |part: &str| {
            !part.is_empty()
                && !part.ends_with('-')
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !of_session.is_some_and(is_valid) || name.len() > 63 {
            return Err(format!(
                "its secondary namespace {:?} must read $(session_namespace)-… with a few small letters, digits and \
                 dashes",
                secondary.name
            ));
        }
        if names.contains(&name) {
            return Err(format!("it names the secondary namespace {:?} twice", secondary.name));
        }
        names.push(name);
    }
    Ok(names)
}

/// What the cluster shall make for this session, and what of the lab's objects turned out to go too far once values
/// were filled in. The lab's definition is within the allowances already.
pub(super) fn session_spec(
    row: &SessionRow,
    lab: &Lab,
    allowances: &Allowances,
) -> (SessionSpec, Vec<Refusal>) {
    let wish = &lab.spec.session;
    let values = definition_values(row, lab);
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
    let objects = lab.spec.environment_objects.iter().chain(&wish.objects);
    let filled: Vec<Value> = objects.map(|object| fill_manifest(object, &values)).collect();
    let mut refusals = Vec::new();
    for object in filled.iter().flat_map(listed) {
        // a value may have made another object of it
        match check_object(object, allowances, &OwnNamespaces::Are(&own)) {
            Ok(()) => spec.objects.push(object.clone()),
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
