//! Resource quotas from a budget: CPU and memory, separately for lasting and for terminating pods; disk; and the
//! number of objects of every kind that a learner may create.
//!
//! Quotas do not count events, so the guard forbids learners to write them. Numbers alone do not limit the size of the
//! cluster's database: the [guard](super::guard) limits the size of single objects. [`most_bytes`] combines both.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ResourceQuota, ResourceQuotaSpec, ScopeSelector, ScopedResourceSelectorRequirement,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

use super::super::budget::{bounds, numbers};
use super::super::{Budget, NamespaceSpec, SessionSpec};
use super::guard::{LARGEST_MAP, LARGEST_OBJECT};
use super::{labels, quantities};

/// Limit on a learner's pods, so that many tiny containers cannot overload a node.
const MAX_PODS: u32 = 50;
/// Limit on the objects of each kind of which no lab needs many.
const MAX_RARE: u32 = 20;
/// Limit on disruption budgets, because each may block a drain until its session ends.
const MAX_DISRUPTION_BUDGETS: u32 = 5;

/// Kinds limited by the budget's `objects`.
const ORDINARY: [&str; 7] = [
    "configmaps",
    "serviceaccounts",
    "deployments.apps",
    "controllerrevisions.apps",
    "jobs.batch",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
];
/// Kinds of which the cluster creates several for each object of a learner; their limit is twice the budget's
/// `objects`.
const DERIVED: [&str; 2] = ["replicasets.apps", "endpointslices.discovery.k8s.io"];
/// Kinds limited to [`MAX_RARE`]. Network policies are among them because each costs time on the nodes.
const RARE: [&str; 11] = [
    "networkpolicies.networking.k8s.io",
    "ingresses.networking.k8s.io",
    "statefulsets.apps",
    "daemonsets.apps",
    "cronjobs.batch",
    "horizontalpodautoscalers.autoscaling",
    "podtemplates",
    "leases.coordination.k8s.io",
    "resourceclaims.resource.k8s.io",
    "resourceclaimtemplates.resource.k8s.io",
    "csistoragecapacities.storage.k8s.io",
];
/// The priority classes that evict everybody else's pods.
const CRITICAL: [&str; 2] = ["system-node-critical", "system-cluster-critical"];

/// Builds the quotas of one of a learner's namespaces. If the lab brings its own quotas (`custom`), these do not
/// limit CPU and memory.
#[must_use]
pub fn quotas(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> Vec<ResourceQuota> {
    let quota = |name: &str, hard: BTreeMap<String, Quantity>, scope: Option<&str>| ResourceQuota {
        metadata: labels::in_namespace(spec, &space.name, instance, name),
        spec: Some(ResourceQuotaSpec {
            hard: Some(hard),
            scopes: scope.map(|scope| vec![scope.to_owned()]),
            ..ResourceQuotaSpec::default()
        }),
        ..ResourceQuota::default()
    };
    let compute = |name: &str, scope: &str| {
        let budget = numbers(space.budget)?;
        let hard = quantities([("limits.cpu", budget.cpu), ("limits.memory", budget.memory)]);
        Some(quota(name, hard, Some(scope)))
    };
    let mut objects = disk(space.budget);
    let rules = if space.name == spec.names.namespace { spec.rules.as_slice() } else { &[] };
    for (resource, most) in counts(space.budget).into_iter().chain(granted(rules, space.budget)) {
        objects.entry(resource).or_insert(Quantity(most.to_string()));
    }
    let mut critical = quota("lectern-critical", quantities([("pods", "0")]), None);
    critical.spec =
        critical.spec.map(|spec| ResourceQuotaSpec { scope_selector: Some(critical_pods()), ..spec });
    compute("lectern-compute", "NotTerminating")
        .into_iter()
        .chain(compute("lectern-compute-terminating", "Terminating"))
        .chain([quota("lectern-objects", objects, None), critical])
        .collect()
}

fn disk(budget: Budget) -> BTreeMap<String, Quantity> {
    let bounds = bounds(budget);
    quantities([
        ("requests.storage", bounds.storage),
        ("limits.ephemeral-storage", bounds.disk),
        ("requests.ephemeral-storage", bounds.disk),
    ])
}

/// Returns the limits on the numbers of objects, by the names that quotas use.
fn counts(budget: Budget) -> Vec<(String, u32)> {
    let bounds = bounds(budget);
    let fixed = [
        ("persistentvolumeclaims", bounds.volumes),
        ("replicationcontrollers", bounds.replication_controllers),
        ("secrets", bounds.secrets),
        ("services", bounds.services),
        ("services.nodeports", 0),
        ("services.loadbalancers", 0),
        ("pods", MAX_PODS),
        ("count/poddisruptionbudgets.policy", MAX_DISRUPTION_BUDGETS),
    ];
    let of =
        |kinds: &'static [&str], most: u32| kinds.iter().map(move |kind| (format!("count/{kind}"), most));
    (fixed.into_iter().map(|(name, most)| (name.to_owned(), most)))
        .chain(of(&ORDINARY, bounds.objects))
        .chain(of(&DERIVED, 2 * bounds.objects))
        .chain(of(&RARE, MAX_RARE))
        .collect()
}

/// Returns the limits for further kinds that a lab's rules let its learners create.
fn granted(rules: &[Value], budget: Budget) -> Vec<(String, u32)> {
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        let values = rule.get(key).and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut found = vec![];
    for rule in rules {
        let (groups, resources) = (texts(rule, "apiGroups"), texts(rule, "resources"));
        for (group, resource) in groups.iter().flat_map(|group| resources.iter().map(move |one| (group, one)))
        {
            // a quota cannot count a wildcard, and subresources are not objects
            if group == "*" || resource.contains(['*', '/']) {
                continue;
            }
            let dot = if group.is_empty() { "" } else { "." };
            found.push((format!("count/{resource}{dot}{group}"), bounds(budget).objects));
        }
    }
    // kinds that already have a name of their own in quotas are counted by that name
    found.retain(|(name, _)| !counts(budget).iter().any(|(known, _)| name == &format!("count/{known}")));
    found
}

/// Returns how many bytes a learner's objects in one namespace can take in the cluster's database: as many objects as
/// the quota admits, each as large as the guard admits.
#[must_use]
pub fn most_bytes(budget: Budget) -> u64 {
    let size = |name: &str| match name {
        "secrets" | "count/configmaps" => LARGEST_MAP,
        _ => LARGEST_OBJECT,
    };
    counts(budget).iter().map(|(name, most)| u64::from(*most) * size(name)).sum()
}

fn critical_pods() -> ScopeSelector {
    ScopeSelector {
        match_expressions: Some(vec![ScopedResourceSelectorRequirement {
            scope_name: "PriorityClass".to_owned(),
            operator: "In".to_owned(),
            values: Some(CRITICAL.map(str::to_owned).to_vec()),
        }]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_learner_cannot_fill_the_clusters_database() {
        const MIB: u64 = 1 << 20;
        assert!(most_bytes(Budget::Medium) < 32 * MIB, "{}", most_bytes(Budget::Medium));
        assert!(most_bytes(Budget::Custom) < 60 * MIB, "{}", most_bytes(Budget::Custom));
    }

    #[test]
    fn kinds_that_a_lab_grants_are_counted_once_and_by_the_name_that_quotas_know() {
        let rules = [
            json!({"apiGroups": ["", "example.org"], "resources": ["secrets", "widgets", "widgets/status"]}),
        ];
        let names: Vec<_> = granted(&rules, Budget::Small).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["count/widgets", "count/secrets.example.org", "count/widgets.example.org"]);
        assert!(granted(&[json!({"apiGroups": ["*"], "resources": ["*"]})], Budget::Small).is_empty());
    }
}
