//! The objects and namespaces of a lab. A wrong one is left out of its sessions.

use crate::allow::{OWN, is_cluster_wide, is_own_name};
use crate::diagnostic::Diagnostic;
use crate::lab::Lab;
use crate::rules::Rule;
use crate::spec::spec_of;
use crate::yaml::Node;

/// Lists the objects and secondary namespaces that cannot be created.
pub(super) fn lint(lab: &Lab) -> Vec<Diagnostic> {
    let Some(document) = &lab.workshop.document else { return Vec::new() };
    let file = &lab.workshop.findings.file;
    let spec = spec_of(document);
    let at = |keys: &[&str]| keys.iter().try_fold(spec, |node, key| node.get(key));
    let mut found = Vec::new();
    let mut complain = |node: &Node, message: String, hint: &str| {
        found.push(Diagnostic::new(Rule::BadObject, file, message).at(node.line, node.column).hint(hint));
    };
    let lists = [at(&["environment", "objects"]), at(&["session", "objects"])];
    for object in lists.into_iter().flatten().flat_map(Node::items).flat_map(listed) {
        if let Some((message, hint)) = fault(object) {
            complain(object, message, hint);
        }
    }
    let secondary = at(&["session", "namespaces", "secondary"]).map(Node::items).unwrap_or_default();
    for name in secondary.iter().filter_map(|namespace| namespace.get("name")) {
        let text = name.text().unwrap_or_default();
        if !is_own_name(&text) {
            let message = format!("A session cannot have a namespace called `{text}`");
            complain(name, message, "write $(session_namespace)- and a few letters");
        }
    }
    found
}

/// Returns the objects of a `List`, or the object itself if it is none.
fn listed(object: &Node) -> Vec<&Node> {
    let is_list = object.get("kind").and_then(Node::text).is_some_and(|kind| kind.ends_with("List"));
    match object.get("items").filter(|_| is_list) {
        Some(items) => items.items().iter().collect(),
        None => vec![object],
    }
}

fn fault(object: &Node) -> Option<(String, &'static str)> {
    let text = |node: Option<&Node>| node.and_then(Node::text).filter(|text| !text.is_empty());
    let metadata = object.get("metadata");
    let name = text(metadata.and_then(|metadata| metadata.get("name")));
    let (Some(_), Some(kind), Some(name)) = (text(object.get("apiVersion")), text(object.get("kind")), name)
    else {
        return Some((
            "An object lacks its `apiVersion`, `kind` or `metadata.name`".to_owned(),
            "without all three it is left out of every session",
        ));
    };
    if is_cluster_wide(&kind) {
        let hint = match kind.as_str() {
            "Namespace" => "name it under session.namespaces.secondary",
            _ => "a lab makes objects in its session's namespaces only",
        };
        return Some((format!("The {kind} {name} would belong to the whole cluster"), hint));
    }
    let namespace = text(metadata.and_then(|metadata| metadata.get("namespace")))?;
    let is_own = OWN.iter().any(|own| namespace.starts_with(own));
    (!is_own).then(|| {
        (
            format!(
                "The {kind} {name} would lie in the namespace `{namespace}`, which is none of the session's"
            ),
            "leave metadata.namespace out, or write $(session_namespace)",
        )
    })
}
