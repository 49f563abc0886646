//! The admission guard: rules that RBAC and network policies cannot express.
//!
//! The cluster roles `admin` and `edit` let a learner write network policies, and these add up: one more policy
//! could open what ours shuts. And a service with `externalIPs` could catch other learners' traffic. The guard
//! lets learners write policies and services, but none that do so.

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec,
    Validation,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use super::super::names::NAMESPACE_PREFIX;
use super::labels;

/// The policy's and its binding's name.
pub const NAME: &str = "lectern-learners";

/// The rules.
#[must_use]
pub fn policy() -> ValidatingAdmissionPolicy {
    let rule = |group: &str, resource: &str, operations: &[&str]| NamedRuleWithOperations {
        api_groups: Some(vec![group.to_owned()]),
        api_versions: Some(vec!["*".to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        operations: Some(operations.iter().map(|one| (*one).to_owned()).collect()),
        ..NamedRuleWithOperations::default()
    };
    let validation = |expression: &str, message: &str| Validation {
        expression: expression.to_owned(),
        message: Some(message.to_owned()),
        reason: Some("Forbidden".to_owned()),
        ..Validation::default()
    };
    ValidatingAdmissionPolicy {
        metadata: metadata(),
        spec: Some(ValidatingAdmissionPolicySpec {
            failure_policy: Some("Fail".to_owned()),
            match_constraints: Some(MatchResources {
                resource_rules: Some(vec![
                    rule("networking.k8s.io", "networkpolicies", &["CREATE", "UPDATE", "DELETE"]),
                    rule("", "services", &["CREATE", "UPDATE"]),
                ]),
                namespace_selector: Some(sessions()),
                ..MatchResources::default()
            }),
            match_conditions: Some(vec![MatchCondition {
                name: "a-learner-asks".to_owned(),
                expression: format!(
                    "request.userInfo.username.startsWith('system:serviceaccount:{NAMESPACE_PREFIX}')"
                ),
            }]),
            validations: Some(vec![
                validation(
                    &format!(
                        "oldObject == null || !has(oldObject.metadata.labels) || \
                         !('{0}' in oldObject.metadata.labels) || oldObject.metadata.labels['{0}'] != '{1}'",
                        labels::MANAGED_BY.0,
                        labels::MANAGED_BY.1
                    ),
                    "this object keeps learners apart and belongs to the platform",
                ),
                validation(
                    "object == null || object.kind != 'NetworkPolicy' || !has(object.spec.egress) || \
                     object.spec.egress.all(rule, \
                       (has(rule.ports) && size(rule.ports) > 0 && rule.ports.all(port, \
                         has(port.port) && port.port == 53 && !has(port.endPort))) || \
                       (has(rule.to) && size(rule.to) > 0 && rule.to.all(peer, \
                         !has(peer.ipBlock) && !has(peer.namespaceSelector))))",
                    "a policy of yours may let traffic out to pods of this namespace and to DNS (port 53); \
                     everything else is decided by the platform",
                ),
                validation(
                    "object == null || object.kind != 'Service' || !has(object.spec.externalIPs) || \
                     size(object.spec.externalIPs) == 0",
                    "services with externalIPs are not allowed here",
                ),
            ]),
            ..ValidatingAdmissionPolicySpec::default()
        }),
        ..ValidatingAdmissionPolicy::default()
    }
}

/// Puts the rules in force.
#[must_use]
pub fn binding() -> ValidatingAdmissionPolicyBinding {
    ValidatingAdmissionPolicyBinding {
        metadata: metadata(),
        spec: Some(ValidatingAdmissionPolicyBindingSpec {
            policy_name: Some(NAME.to_owned()),
            validation_actions: Some(vec!["Deny".to_owned()]),
            ..ValidatingAdmissionPolicyBindingSpec::default()
        }),
    }
}

fn metadata() -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        labels: Some([(labels::MANAGED_BY.0.to_owned(), labels::MANAGED_BY.1.to_owned())].into()),
        ..ObjectMeta::default()
    }
}

/// The learners' namespaces, of all installations on the cluster.
fn sessions() -> LabelSelector {
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: labels::SESSION.to_owned(),
            operator: "Exists".to_owned(),
            values: None,
        }]),
        ..LabelSelector::default()
    }
}
