//! The admission guard: rules that RBAC, quotas and network policies cannot express.
//!
//! There are two policies for each installation, which apply to its learners' namespaces: [`requests`] limits what
//! learners, and pods with accounts of their namespaces, may write; [`pods`] limits what runs there, whoever requests
//! it, because the cluster's own controllers create the pods of a learner's deployment.

mod pods;
mod requests;

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec,
    Validation, Variable,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement, OwnerReference,
};

use super::{labels, roles};

/// Limit on a learner's `ConfigMap` or `Secret`, in bytes: a hundred KiB of content, part of which `kubectl apply`
/// stores a second time in an annotation.
pub const LARGEST_MAP: u64 = 160 << 10;
/// Limit on a learner's objects of any other kind, in bytes.
pub const LARGEST_OBJECT: u64 = 24 << 10;

/// The settings of the rules that depend on the operator and on the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuardSettings {
    /// The domain below which learners may publish; `None` if they may not.
    pub ingress_suffix: Option<String>,
    /// The domain below which this server publishes learners' Ingress objects itself; `None` if it does not.
    pub preview_domain: Option<String>,
    /// Resources besides CPU, memory and disk that learners' containers may request, such as `example.com/gpu`.
    pub extended_resources: Vec<String>,
    /// The cluster's default priority class, which it writes into pods that name none.
    pub default_priority_class: Option<String>,
    /// Nodes that are reserved for the cluster's own components.
    pub reserved_nodes: Vec<String>,
}

/// Builds the policies and their bindings. Each policy must be applied before its binding. They are owned by the
/// namespace of the workbenches, with which the cluster deletes them.
#[must_use]
pub fn policies(
    instance: &str,
    owner: &OwnerReference,
    settings: &GuardSettings,
) -> Vec<(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding)> {
    [("lectern-learners", requests::policy(instance, settings)), ("lectern-pods", pods::policy(settings))]
        .into_iter()
        .map(|(name, rules)| {
            let name = format!("{name}.{instance}");
            let metadata = roles::metadata(&name, instance, owner);
            let policy = ValidatingAdmissionPolicy {
                metadata: metadata.clone(),
                spec: Some(rules.spec(instance)),
                ..ValidatingAdmissionPolicy::default()
            };
            let binding = ValidatingAdmissionPolicyBinding {
                metadata,
                spec: Some(ValidatingAdmissionPolicyBindingSpec {
                    policy_name: Some(name),
                    validation_actions: Some(vec!["Deny".to_owned()]),
                    ..ValidatingAdmissionPolicyBindingSpec::default()
                }),
            };
            (policy, binding)
        })
        .collect()
}

/// One policy's rules, as CEL expressions.
struct Rules {
    resources: Vec<NamedRuleWithOperations>,
    conditions: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
    /// Expressions that must be true, each with the message if it is not.
    validations: Vec<(String, String)>,
}

impl Rules {
    fn spec(self, instance: &str) -> ValidatingAdmissionPolicySpec {
        let condition =
            |(name, expression): (&str, String)| MatchCondition { name: name.to_owned(), expression };
        let variable = |(name, expression): (&str, String)| Variable { name: name.to_owned(), expression };
        let validation = |(expression, message): (String, String)| Validation {
            expression,
            message: Some(message),
            reason: Some("Forbidden".to_owned()),
            ..Validation::default()
        };
        ValidatingAdmissionPolicySpec {
            failure_policy: Some("Fail".to_owned()),
            match_constraints: Some(MatchResources {
                resource_rules: Some(self.resources),
                namespace_selector: Some(learners_of(instance)),
                ..MatchResources::default()
            }),
            match_conditions: Some(self.conditions.into_iter().map(condition).collect()),
            variables: Some(self.variables.into_iter().map(variable).collect()),
            validations: Some(self.validations.into_iter().map(validation).collect()),
            ..ValidatingAdmissionPolicySpec::default()
        }
    }
}

fn rule(group: &str, resources: &[&str], operations: &[&str]) -> NamedRuleWithOperations {
    let texts = |texts: &[&str]| Some(texts.iter().map(|one| (*one).to_owned()).collect());
    NamedRuleWithOperations {
        api_groups: texts(&[group]),
        api_versions: texts(&["*"]),
        resources: texts(resources),
        operations: texts(operations),
        // the namespace selector also matches objects of the whole cluster, which are in no namespace
        scope: Some("Namespaced".to_owned()),
        ..NamedRuleWithOperations::default()
    }
}

/// Selects the learners' namespaces of an installation.
fn learners_of(instance: &str) -> LabelSelector {
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: labels::SESSION.to_owned(),
            operator: "Exists".to_owned(),
            values: None,
        }]),
        ..labels::selecting([(labels::INSTANCE, instance)])
    }
}

/// Writes a text as a CEL literal.
fn quoted(text: &str) -> String {
    // JSON's escapes are valid in CEL
    serde_json::Value::from(text).to_string()
}

/// Writes a list of texts as a CEL literal.
fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", texts.into_iter().map(quoted).collect::<Vec<_>>().join(", "))
}
