//! What leads to pods, and what they keep: services, ingresses, volume claims.

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Service};
use k8s_openapi::api::networking::v1::{Ingress, IngressBackend};
use lectern_api::cluster_view::{ClusterEvent, Condition, Severity};

use super::{between, condition, good, newest, quoted, working};

/// The pods behind a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backing {
    /// Those that its selector selects.
    pub pods: usize,
    /// Those of them that are ready.
    pub ready: usize,
}

/// Returns a service's state and its cause. `backing` is `None` if the pods are not known.
#[must_use]
pub fn of_service(service: &Service, backing: Option<Backing>) -> Condition {
    let spec = service.spec.clone().unwrap_or_default();
    let selector = spec.selector.unwrap_or_default();
    if spec.type_.as_deref() == Some("ExternalName") || selector.is_empty() {
        return good("Available");
    }
    match backing {
        Some(Backing { pods: 0, .. }) => {
            let labels: Vec<_> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let cause =
                format!("Nobody answers: no pod has the labels that it selects ({}).", labels.join(", "));
            condition(Severity::Warning, "No pods", cause)
        }
        Some(Backing { pods, ready: 0 }) => {
            let which =
                if pods == 1 { "its only pod is".to_owned() } else { format!("none of its {pods} pods is") };
            condition(Severity::Warning, "No endpoints", format!("Nobody answers: {which} ready."))
        }
        _ => good("Available"),
    }
}

/// Returns an ingress' state and its cause. `service` returns the pods behind a service of its namespace, or `None` if
/// there is no such service.
#[must_use]
pub fn of_ingress(ingress: &Ingress, service: impl Fn(&str) -> Option<Backing>) -> Condition {
    let spec = ingress.spec.clone().unwrap_or_default();
    let of_rules =
        spec.rules.iter().flatten().filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths);
    let of_rules = of_rules.map(|path| (path.path.as_deref().unwrap_or("/"), &path.backend));
    let all: Vec<(&str, &IngressBackend)> =
        of_rules.chain(spec.default_backend.iter().map(|one| ("/", one))).collect();
    for (path, backend) in all {
        let Some(name) = backend.service.as_ref().map(|service| service.name.as_str()) else { continue };
        match service(name) {
            None => {
                let cause = format!("Its path {path} leads to the service {name}, which does not exist.");
                return condition(Severity::Warning, "No service", cause);
            }
            Some(Backing { ready: 0, .. }) => {
                let cause =
                    format!("Its path {path} leads to the service {name}, behind which no pod is ready.");
                return condition(Severity::Warning, "No endpoints", cause);
            }
            Some(_) => {}
        }
    }
    good("Available")
}

/// Returns a volume claim's state and its cause. `events` are those about it, newest first.
#[must_use]
pub fn of_claim(claim: &PersistentVolumeClaim, events: &[&ClusterEvent]) -> Condition {
    match claim.status.as_ref().and_then(|status| status.phase.as_deref()) {
        Some("Bound") => return good("Bound"),
        Some("Lost") => {
            return condition(Severity::Bad, "Lost", "The volume that it was bound to is gone.".to_owned());
        }
        _ => {}
    }
    let event = newest(
        events,
        &[
            "ProvisioningFailed",
            "FailedBinding",
            "WaitForFirstConsumer",
            "WaitForPodScheduled",
            "ExternalProvisioning",
        ],
    );
    let Some(event) = event else { return working("Pending") };
    let message = event.message.as_str();
    match event.reason.as_str() {
        "WaitForFirstConsumer" | "WaitForPodScheduled" => {
            let cause = "It gets its volume as soon as a pod uses it.".to_owned();
            condition(Severity::Working, "Pending", cause)
        }
        "ExternalProvisioning" => {
            condition(Severity::Working, "Pending", "Its volume is being made.".to_owned())
        }
        _ if message.contains("no storage class is set") => {
            let cause =
                "It names no storage class, and no volume fits it. Name one of `kubectl get storageclass`.";
            condition(Severity::Bad, "Pending", cause.to_owned())
        }
        _ => {
            let class = between(message, "storageclass.storage.k8s.io \"", "\" not found");
            let cause = class.map_or_else(
                || format!("It gets no volume: {}", quoted(message)),
                |class| format!("There is no storage class {class}. Name one of `kubectl get storageclass`."),
            );
            condition(Severity::Bad, "Pending", cause)
        }
    }
}
