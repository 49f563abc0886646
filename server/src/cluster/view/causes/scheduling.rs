//! Pods that no node takes.

use super::{between, quoted};

/// What is wrong, by the scheduler's phrases; the first row that matches counts.
const PHRASES: [(&str, &str); 9] = [
    (
        "unbound immediate PersistentVolumeClaims",
        "Its volume claim is not bound to a volume yet. Look at the claim for the reason.",
    ),
    ("Insufficient cpu", "No node has room for it: it requests more CPU than is free."),
    ("Insufficient memory", "No node has room for it: it requests more memory than is free."),
    ("Insufficient ephemeral-storage", "No node has room for it: it requests more disk space than is free."),
    ("Too many pods", "No node has room for it: the nodes run as many pods as they may."),
    (
        "didn't match Pod's node affinity/selector",
        "No node has the labels that it asks for. Look at nodeSelector and affinity in its YAML.",
    ),
    (
        "untolerated taint",
        "Every node is reserved for other pods or is not ready (a taint that it does not tolerate).",
    ),
    ("didn't have free ports", "Another pod uses the port of the node that it asks for (hostPort)."),
    ("were unschedulable", "Every node is closed to new pods at the moment."),
];

/// Returns why the scheduler finds no node. `message` is its own.
pub(super) fn cause(message: &str) -> String {
    if let Some(claim) = between(message, "persistentvolumeclaim \"", "\" not found") {
        return format!(
            "It uses the volume claim {claim}, which does not exist. Create it, or correct the name."
        );
    }
    // extended resources have a domain in their name
    let lacking = message.split_once("Insufficient ").and_then(|(_, rest)| rest.split_whitespace().next());
    if let Some(resource) = lacking.filter(|resource| resource.contains('/')) {
        return format!("No node has room for it: no {} is free.", resource.trim_end_matches(['.', ',']));
    }
    let known = PHRASES.iter().find(|(phrase, _)| message.contains(phrase));
    known.map_or_else(
        || format!("No node takes it: {}", quoted(message)),
        |(_, sentence)| (*sentence).to_owned(),
    )
}
