//! The desired state of a session, as pure data: everything that the manifest builders need.

use std::collections::BTreeSet;

use lectern_api::ids::{LabSlug, SessionId};
use lectern_content::spec::{Budget, Egress, NamespaceRole, SecurityPolicy};
use serde_json::Value;

use super::budget::ContainerLimits;
use super::names::SessionNames;

/// The desired state of a session in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSpec {
    /// The session and the names of its objects.
    pub names: SessionNames,
    pub lab: LabSlug,
    /// What the learner may do in their namespace.
    pub role: NamespaceRole,
    /// How much the learner's own pods may use together.
    pub budget: Budget,
    /// Limits of single containers that replace the budget's.
    pub limits: ContainerLimits,
    /// What the learner's pods may ask for.
    pub security: SecurityPolicy,
    /// Rights in the learner's namespace besides the role's, as RBAC rules.
    pub rules: Vec<Value>,
    /// The learner's further namespaces, in the order of their names in `names`.
    pub secondary: Vec<NamespaceSpec>,
    /// The lab's own objects, created in the learner's namespaces in this order, with the rights of a learner.
    pub objects: Vec<Value>,
    /// Version and kind of the objects that are created with the server's own rights.
    pub trusted_types: BTreeSet<(String, String)>,
    /// What the learner's pods and the workbench may reach outside of the session.
    pub egress: Egress,
    /// The pod with the terminals.
    pub workbench: WorkbenchSpec,
}

impl SessionSpec {
    /// Returns a session with every default. This is the one place that decides what a lab gets whose definition says
    /// nothing.
    #[must_use]
    pub fn new(session: SessionId, lab: LabSlug) -> Self {
        Self {
            names: SessionNames::generate(session, &lab),
            lab,
            role: NamespaceRole::Admin,
            budget: Budget::UNNAMED,
            limits: ContainerLimits::default(),
            security: SecurityPolicy::UNNAMED,
            rules: Vec::new(),
            secondary: Vec::new(),
            objects: Vec::new(),
            trusted_types: BTreeSet::new(),
            egress: Egress::Internet,
            workbench: WorkbenchSpec::default(),
        }
    }
}

impl SessionSpec {
    /// Returns whether objects of a kind are created with the server's own rights.
    #[must_use]
    pub fn trusts(&self, version: &str, kind: &str) -> bool {
        self.trusted_types.iter().any(|(known, of)| known == version && of == kind)
    }

    /// Returns the learner's namespaces, the main one first.
    #[must_use]
    pub fn namespaces(&self) -> Vec<NamespaceSpec> {
        let main = NamespaceSpec {
            name: self.names.namespace.clone(),
            role: self.role,
            budget: self.budget,
            limits: self.limits.clone(),
            security: self.security,
        };
        std::iter::once(main).chain(self.secondary.iter().cloned()).collect()
    }
}

/// One of the learner's namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceSpec {
    pub name: String,
    /// What the learner may do there.
    pub role: NamespaceRole,
    /// How much the learner's pods there may use together.
    pub budget: Budget,
    /// Limits of single containers there that replace the budget's.
    pub limits: ContainerLimits,
    /// What the learner's pods there may ask for.
    pub security: SecurityPolicy,
}

/// The workbench pod's own size and image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkbenchSpec {
    /// The image. `None` for the server's configured one.
    pub image: Option<String>,
    /// The memory limit as a Kubernetes quantity.
    pub memory: String,
    /// The maximum size of the home directory, as a Kubernetes quantity.
    pub storage: String,
}

impl Default for WorkbenchSpec {
    fn default() -> Self {
        Self { image: None, memory: "512Mi".to_owned(), storage: "1Gi".to_owned() }
    }
}
