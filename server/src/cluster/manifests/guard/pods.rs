//! Rules for what may run in learners' namespaces, whoever requests it.

use super::super::super::SecurityPolicy;
use super::super::namespace::ENFORCE;
use super::{GuardSettings, Rules, list, quoted, rule};

/// The resources that containers may request. All others, such as graphics cards and huge pages, are scarce on a node.
const RESOURCES: &[&str] = &["cpu", "ephemeral-storage", "memory"];

/// Sources of volumes that the cluster creates, or that contain its own objects. All others are mounted by the node
/// from wherever the pod says, bypassing every network policy.
const VOLUMES: &[&str] = &[
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Limit on a pod's grace period, in seconds: the time that it may go on running after its session.
const MAX_GRACE_PERIOD: u32 = 300;

pub(super) fn policy(settings: &GuardSettings) -> Rules {
    let written = &["CREATE", "UPDATE"];
    Rules {
        resources: vec![
            rule("", &["pods", "podtemplates", "replicationcontrollers"], written),
            rule("apps", &["daemonsets", "deployments", "replicasets", "statefulsets"], written),
            rule("batch", &["cronjobs", "jobs"], written),
        ],
        conditions: vec![
            // the finalizers and labels of existing objects may change
            (
                "it-says-what-runs",
                "oldObject == null || !has(object.spec) || object.spec != oldObject.spec".to_owned(),
            ),
            ("it-stays", "!has(object.metadata.deletionTimestamp)".to_owned()),
        ],
        variables: vec![
            ("kind", "request.resource.resource".to_owned()),
            (
                "pod",
                "variables.kind == 'pods' ? object.spec : \
                 variables.kind == 'cronjobs' ? object.spec.jobTemplate.spec.template.spec : \
                 variables.kind == 'podtemplates' ? object.template.spec : object.spec.template.spec"
                    .to_owned(),
            ),
            (
                "containers",
                "variables.pod.containers + \
                 (has(variables.pod.initContainers) ? variables.pod.initContainers : [])"
                    .to_owned(),
            ),
        ],
        validations: vec![
            priority(settings.default_priority_class.as_deref()),
            volumes(),
            tolerations(),
            nodes(&settings.reserved_nodes),
            resources(&settings.extended_resources),
            claims(),
            grace_period(),
        ],
    }
}

fn validation(expression: impl Into<String>, message: &str) -> (String, String) {
    (expression.into(), message.to_owned())
}

fn priority(default_class: Option<&str>) -> (String, String) {
    validation(
        format!(
            "!has(variables.pod.priorityClassName) || variables.pod.priorityClassName in {}",
            list(std::iter::once("").chain(default_class))
        ),
        "pods of a session must not name a priority class: they would push others aside",
    )
}

fn volumes() -> (String, String) {
    let known: Vec<_> = VOLUMES.iter().map(|source| format!("has(volume.{source})")).collect();
    validation(
        format!(
            "!has(variables.pod.volumes) || \
             ({0} in namespaceObject.metadata.labels && namespaceObject.metadata.labels[{0}] == '{1}') || \
             variables.pod.volumes.all(volume, {2})",
            quoted(ENFORCE),
            SecurityPolicy::Privileged.as_str(),
            known.join(" || ")
        ),
        &format!("volumes of a session must be one of {}", VOLUMES.join(", ")),
    )
}

fn tolerations() -> (String, String) {
    validation(
        "!has(variables.pod.tolerations) || variables.pod.tolerations.all(one, \
         has(one.key) && one.key != '' && !one.key.startsWith('node-role.kubernetes.io/'))",
        "pods of a session must not tolerate the taints of the nodes that run the cluster itself: name the key of \
         each taint, and none of node-role.kubernetes.io",
    )
}

/// A pod that names its node bypasses the scheduler, and needs no toleration.
fn nodes(reserved: &[String]) -> (String, String) {
    validation(
        format!(
            "(variables.kind == 'pods' && request.operation == 'UPDATE') || !has(variables.pod.nodeName) || \
             !(variables.pod.nodeName in {})",
            list(reserved.iter().map(String::as_str))
        ),
        "pods of a session must not run on the nodes that run the cluster itself",
    )
}

fn resources(allowed: &[String]) -> (String, String) {
    let known = list(RESOURCES.iter().copied().chain(allowed.iter().map(String::as_str)));
    let within = |of: &str, known: &str| {
        let all = |part: &str| format!("(!has({of}.{part}) || {of}.{part}.all(name, name in {known}))");
        format!("(!has({of}) || ({} && {}))", all("limits"), all("requests"))
    };
    validation(
        format!(
            "variables.containers.all(one, {}) && {}",
            within("one.resources", &known),
            within("variables.pod.resources", "['cpu', 'memory']")
        ),
        "containers of a session may ask for cpu, memory and ephemeral-storage only",
    )
}

fn claims() -> (String, String) {
    validation(
        "!has(variables.pod.resourceClaims) || size(variables.pod.resourceClaims) == 0",
        "pods of a session must not claim devices of the nodes",
    )
}

fn grace_period() -> (String, String) {
    validation(
        format!(
            "!has(variables.pod.terminationGracePeriodSeconds) || \
             variables.pod.terminationGracePeriodSeconds <= {MAX_GRACE_PERIOD}"
        ),
        &format!("terminationGracePeriodSeconds of a session's pods must not be above {MAX_GRACE_PERIOD}"),
    )
}
