//! Resource quotas from a budget: compute for lasting and for terminating pods apart, disk, and the number of objects
//! of every kind that a learner may make.
//!
//! Events are the one kind that quotas leave out: the guard lets no learner write them. Numbers alone do not bound what the cluster's database holds: the [guard](super::guard) bounds the size of single
//! objects. Both together are [`most_bytes`].

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ResourceQuota, ResourceQuotaSpec, ScopeSelector, ScopedResourceSelectorRequirement,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::Value;

use super::super::{Budget, NamespaceSpec, SessionSpec};
use super::guard::{LARGEST_MAP, LARGEST_OBJECT};
use super::{labels, quantities};

/// How many pods a learner may have at once: a bound on what tiny containers could do to a node.
const MOST_PODS: u32 = 50;
/// How many objects of a kind of which no lab needs many.
const FEW: u32 = 20;
/// How many disruption budgets: each may hold up a drain until its session ends.
const MOST_DISRUPTION_BUDGETS: u32 = 5;

/// Kinds of which a learner may have as many as the budget's `objects` says.
const ORDINARY: [&str; 7] = [
    "configmaps",
    "serviceaccounts",
    "deployments.apps",
    "controllerrevisions.apps",
    "jobs.batch",
    "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
];
/// Kinds of which the cluster makes several for each object of a learner: twice as many.
const DERIVED: [&str; 2] = ["replicasets.apps", "endpointslices.discovery.k8s.io"];
/// Kinds of which there may be [`FEW`]. Each policy costs the node's enforcer time.
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
/// The classes that evict everybody else's pods.
const CRITICAL: [&str; 2] = ["system-node-critical", "system-cluster-critical"];

/// The quotas of one of a learner's namespaces. Where the lab brings its own bounds (`custom`) these are not on CPU and
/// memory.
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
        let budget = space.budget.numbers()?;
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
    let bounds = budget.bounds();
    quantities([
        ("requests.storage", bounds.storage),
        ("limits.ephemeral-storage", bounds.disk),
        ("requests.ephemeral-storage", bounds.disk),
    ])
}

/// How many objects of which kind, by the names that quotas give them.
fn counts(budget: Budget) -> Vec<(String, u32)> {
    let bounds = budget.bounds();
    let fixed = [
        ("persistentvolumeclaims", bounds.volumes),
        ("replicationcontrollers", bounds.replication_controllers),
        ("secrets", bounds.secrets),
        ("services", bounds.services),
        ("services.nodeports", 0),
        ("services.loadbalancers", 0),
        ("pods", MOST_PODS),
        ("count/poddisruptionbudgets.policy", MOST_DISRUPTION_BUDGETS),
    ];
    let of =
        |kinds: &'static [&str], most: u32| kinds.iter().map(move |kind| (format!("count/{kind}"), most));
    (fixed.into_iter().map(|(name, most)| (name.to_owned(), most)))
        .chain(of(&ORDINARY, bounds.objects))
        .chain(of(&DERIVED, 2 * bounds.objects))
        .chain(of(&RARE, FEW))
        .collect()
}

/// How many objects of the kinds that a lab lets its learners make besides: those that its rules name.
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
            // a wildcard cannot be counted, and subresources are no objects
            if group == "*" || resource.contains(['*', '/']) {
                continue;
            }
            let dot = if group.is_empty() { "" } else { "." };
            found.push((format!("count/{resource}{dot}{group}"), budget.bounds().objects));
        }
    }
    // what has a name of its own in quotas is counted under it
    found.retain(|(name, _)| !counts(budget).iter().any(|(known, _)| name == &format!("count/{known}")));
    found
}

/// The most that a learner's objects in one namespace can take in the cluster's database, in bytes: as many objects
/// as the quota admits, each as large as the guard admits.
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
