//! Pods that the API server refuses to whoever wants to create them: a replica set, a job.

use super::{between, quoted};

/// What resources are called in sentences.
const RESOURCES: [(&str, &str); 7] = [
    ("requests.cpu", "CPU that is requested"),
    ("limits.cpu", "CPU"),
    ("requests.memory", "memory that is requested"),
    ("limits.memory", "memory"),
    ("pods", "the number of pods"),
    ("requests.storage", "disk space"),
    ("persistentvolumeclaims", "the number of volume claims"),
];

/// Returns why an object's pods are refused. `message` is the API server's.
pub(super) fn cause(message: &str) -> String {
    if message.contains("exceeded quota") {
        return quota(message);
    }
    if let Some((_, rules)) = message.split_once("violates PodSecurity ") {
        let rules = rules.split_once(": ").map_or(rules, |(_, rules)| rules);
        return format!(
            "Its pods are refused, because this namespace's security rules do not allow what they ask for: {}",
            quoted(rules)
        );
    }
    if let Some(account) = between(message, "serviceaccount \"", "\" not found") {
        return format!("Its pods are to run as the service account {account}, which does not exist.");
    }
    if let Some((_, rule)) = message.split_once("ValidatingAdmissionPolicy ") {
        let rule = rule.split_once("denied request: ").map_or(rule, |(_, rule)| rule);
        return format!("Its pods are refused by a rule of this platform: {}", quoted(rule));
    }
    if message.contains(" usage per ") {
        let limit = message.split_once("is forbidden: ").map_or(message, |(_, limit)| limit);
        return format!("Its pods are outside of the limits of this namespace: {}", quoted(limit));
    }
    if message.contains("is invalid: ") {
        let fault = message.split_once("is invalid: ").map_or(message, |(_, fault)| fault);
        return format!("Its pod template has a fault: {}", quoted(fault));
    }
    format!("Its pods cannot be created: {}", quoted(message))
}

/// `… exceeded quota: NAME, requested: limits.cpu=2, used: limits.cpu=1, limited: limits.cpu=2`: several resources
/// are joined by commas.
fn quota(message: &str) -> String {
    let part = |name: &str| {
        let (_, rest) = message.split_once(name)?;
        let end = rest.find(": ").map_or(rest.len(), |at| rest[..at].rfind(", ").unwrap_or(at));
        Some(rest[..end].trim().trim_end_matches('.'))
    };
    let parts = (part("requested: "), part("used: "), part("limited: "));
    let (Some(requested), Some(used), Some(limited)) = parts else {
        return format!("Its pods do not fit into this session's quota: {}", quoted(message));
    };
    let amount = |list: &str, resource: &str| {
        list.split(',')
            .find_map(|entry| Some(entry.trim().strip_prefix(resource)?.strip_prefix('=')?.to_owned()))
    };
    let described: Vec<String> = requested
        .split(',')
        .filter_map(|entry| {
            let resource = entry.trim().split_once('=')?.0;
            let name = RESOURCES.iter().find(|(id, _)| *id == resource).map_or(resource, |(_, name)| name);
            let (asked, used, limit) =
                (amount(requested, resource)?, amount(used, resource)?, amount(limited, resource)?);
            Some(format!("{name}: it asks for {asked}, {used} of {limit} are in use"))
        })
        .collect();
    format!(
        "Its pods do not fit into this session's quota ({}). Ask for less, or delete something.",
        described.join("; ")
    )
}
