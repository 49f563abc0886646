//! The network policies of labs. Policies add up, so one more could open what the platform's close.

use serde_json::Value;

use super::objects::OwnNamespaces;

/// The label that every namespace carries with its own name.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Checks that a policy allows no traffic beyond the session. Returns the reason as the end of a sentence.
pub(super) fn check_policy(policy: &Value, own: &OwnNamespaces<'_>) -> Result<(), String> {
    let rules = |direction: &str| {
        let rules = policy.get("spec").and_then(|spec| spec.get(direction)).and_then(Value::as_array);
        rules.map(Vec::as_slice).unwrap_or_default()
    };
    for rule in rules("egress") {
        let is_dns = || asks_dns(rule);
        if !peers(rule, "to").is_some_and(|peers| {
            peers.iter().all(|peer| is_own(peer, own) || (is_dns() && is_dns_server(peer)))
        }) {
            return Err(
                "it lets traffic out to others than this session's pods and the cluster's DNS".to_owned()
            );
        }
    }
    for rule in rules("ingress") {
        if !peers(rule, "from").is_some_and(|peers| peers.iter().all(|peer| is_own(peer, own))) {
            return Err("it lets traffic in from others than this session's pods".to_owned());
        }
    }
    Ok(())
}

/// Returns the peers that a rule names. Returns `None` if it names none, which means everybody.
fn peers<'a>(rule: &'a Value, key: &str) -> Option<&'a Vec<Value>> {
    rule.get(key).and_then(Value::as_array).filter(|peers| !peers.is_empty())
}

fn is_own(peer: &Value, own: &OwnNamespaces<'_>) -> bool {
    if peer.get("ipBlock").is_some_and(|block| !block.is_null()) {
        return false;
    }
    match peer.get("namespaceSelector").filter(|selector| !selector.is_null()) {
        None => true,
        Some(selector) => named_namespace(selector).is_some_and(|name| own.holds(name)),
    }
}

fn named_namespace(selector: &Value) -> Option<&str> {
    selector.get("matchLabels")?.get(NAMESPACE_NAME)?.as_str()
}

fn is_dns_server(peer: &Value) -> bool {
    let is_none = |key: &str| peer.get(key).is_none_or(Value::is_null);
    let labels = peer.get("podSelector").and_then(|pods| pods.get("matchLabels"));
    is_none("ipBlock")
        && peer.get("namespaceSelector").and_then(named_namespace) == Some("kube-system")
        && labels.and_then(|labels| labels.get("k8s-app")).and_then(Value::as_str) == Some("kube-dns")
}

fn asks_dns(rule: &Value) -> bool {
    let ports = rule.get("ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_dns = |port: &Value| {
        port.get("port").is_some_and(|port| *port == 53) && port.get("endPort").is_none_or(Value::is_null)
    };
    !ports.is_empty() && ports.iter().all(is_dns)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(spec: Value) -> Result<(), String> {
        let own = ["lab-x".to_owned(), "lab-x-dev".to_owned()];
        check_policy(&json!({ "spec": spec }), &OwnNamespaces::Are(&own))
    }

    fn namespace(name: &str) -> Value {
        json!({"matchLabels": {NAMESPACE_NAME: name}})
    }

    #[test]
    fn a_policy_that_opens_more_than_the_session_is_refused() {
        let dns = json!({"namespaceSelector": namespace("kube-system"), "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}});
        for refused in [
            json!({"egress": [{}]}),
            json!({"egress": [{"to": []}]}),
            json!({"egress": [{"ports": [{"port": 53}]}]}),
            json!({"egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}),
            json!({"egress": [{"to": [{"namespaceSelector": {}}]}]}),
            json!({"egress": [{"to": [{"namespaceSelector": namespace("lab-y")}]}]}),
            json!({"egress": [{"to": [dns]}]}),
            json!({"egress": [{"to": [dns], "ports": [{"port": 53, "endPort": 9000}]}]}),
            json!({"ingress": [{}]}),
            json!({"ingress": [{"from": [{"podSelector": {}}, {"namespaceSelector": {}}]}]}),
            json!({"ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]}),
        ] {
            assert!(check(refused.clone()).is_err(), "{refused}");
        }
        for fine in [
            json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
            json!({"egress": [{"to": [{"podSelector": {}}, {"namespaceSelector": namespace("lab-x-dev")}]}]}),
            json!({"egress": [{"to": [dns], "ports": [{"port": 53, "protocol": "UDP"}]}]}),
            json!({"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 80}]}]}),
        ] {
            assert_eq!(check(fine.clone()), Ok(()), "{fine}");
        }
    }
}
