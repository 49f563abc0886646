//! Resource quotas from a budget: compute for lasting and for terminating pods apart, and counts of objects.

use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaSpec};

use super::super::{NamespaceSpec, SessionSpec};
use super::{labels, quantities};

/// How many pods a learner may have at once: a bound on what tiny containers could do to a node.
const MOST_PODS: &str = "50";

/// The quotas of one of a learner's namespaces; none where the lab brings its own (`custom`).
#[must_use]
pub fn quotas(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> Vec<ResourceQuota> {
    let Some(budget) = space.budget.numbers() else {
        return Vec::new();
    };
    let quota = |name: &str, hard: &[(&str, &str)], scope: Option<&str>| ResourceQuota {
        metadata: labels::in_namespace(spec, &space.name, instance, name),
        spec: Some(ResourceQuotaSpec {
            hard: Some(quantities(hard.iter().copied())),
            scopes: scope.map(|scope| vec![scope.to_owned()]),
            ..ResourceQuotaSpec::default()
        }),
        ..ResourceQuota::default()
    };
    let compute = [("limits.cpu", budget.cpu), ("limits.memory", budget.memory)];
    let (volumes, controllers) = (budget.volumes.to_string(), budget.replication_controllers.to_string());
    let (secrets, services) = (budget.secrets.to_string(), budget.services.to_string());
    let counts = [
        ("persistentvolumeclaims", volumes.as_str()),
        ("replicationcontrollers", controllers.as_str()),
        ("secrets", secrets.as_str()),
        ("services", services.as_str()),
        ("pods", MOST_PODS),
    ];
    vec![
        quota("lectern-compute", &compute, Some("NotTerminating")),
        quota("lectern-compute-terminating", &compute, Some("Terminating")),
        quota("lectern-objects", &counts, None),
    ]
}
