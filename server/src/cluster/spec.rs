//! What a session shall be, as pure data: everything the manifest builders need to know.

use std::collections::BTreeSet;
use std::str::FromStr;

use lectern_api::ids::{LabSlug, SessionId};
use serde_json::Value;

use super::budget::{Budget, ContainerLimits};
use super::names::SessionNames;

/// A session's wished state in the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSpec {
    /// The session and where its objects are.
    pub names: SessionNames,
    /// Which lab it runs.
    pub lab: LabSlug,
    /// What the learner may do in their namespace.
    pub role: Role,
    /// How much the learner's own pods may use together.
    pub budget: Budget,
    /// What a lab says about single containers, over the budget's defaults.
    pub limits: ContainerLimits,
    /// What the learner's pods may ask for.
    pub security: SecurityPolicy,
    /// Rights in the learner's namespace besides the role's: rules of RBAC, as a lab writes them.
    pub rules: Vec<Value>,
    /// The learner's further namespaces, in the order of their names in `names`.
    pub secondary: Vec<NamespaceSpec>,
    /// The lab's own objects, to be made in the learner's namespaces in this order, with the rights of a learner.
    pub objects: Vec<Value>,
    /// Version and kind of those objects that are made with the server's own rights.
    pub trusted_types: BTreeSet<(String, String)>,
    /// What the learner's pods and the workbench may reach outside of the session.
    pub egress: Egress,
    /// The pod with the terminals.
    pub workbench: WorkbenchSpec,
}

impl SessionSpec {
    /// A session with every default: role admin, budget medium, policy baseline, workbench as configured.
    #[must_use]
    pub fn new(session: SessionId, lab: LabSlug) -> Self {
        Self {
            names: SessionNames::generate(session, &lab),
            lab,
            role: Role::default(),
            budget: Budget::default(),
            limits: ContainerLimits::default(),
            security: SecurityPolicy::default(),
            rules: Vec::new(),
            secondary: Vec::new(),
            objects: Vec::new(),
            trusted_types: BTreeSet::new(),
            egress: Egress::default(),
            workbench: WorkbenchSpec::default(),
        }
    }
}

impl SessionSpec {
    /// The learner's namespaces, the main one first.
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
    /// Its name.
    pub name: String,
    /// What the learner may do there.
    pub role: Role,
    /// How much the learner's pods there may use together.
    pub budget: Budget,
    /// What a lab says about single containers there.
    pub limits: ContainerLimits,
    /// What the learner's pods there may ask for.
    pub security: SecurityPolicy,
}

/// The workbench pod's own size and image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkbenchSpec {
    /// The image; absent: the server's configured one.
    pub image: Option<String>,
    /// The memory limit as a Kubernetes quantity.
    pub memory: String,
    /// How large the home directory may grow, as a Kubernetes quantity.
    pub storage: String,
}

impl Default for WorkbenchSpec {
    fn default() -> Self {
        Self { image: None, memory: "512Mi".to_owned(), storage: "1Gi".to_owned() }
    }
}

/// A word of the lab's definition that is not one of the known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not known; use {known}")]
pub struct UnknownWord {
    /// What was to be named.
    pub what: &'static str,
    /// The word that was given.
    pub text: String,
    /// The words that are known.
    pub known: &'static str,
}

/// What the learner may do in their namespace: the cluster role of that name, bound there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything, roles and bindings too.
    #[default]
    Admin,
    /// Everything but roles and bindings.
    Edit,
    /// Reading, secrets aside.
    View,
}

impl Role {
    /// The cluster role's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Edit => "edit",
            Self::View => "view",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "admin" => Ok(Self::Admin),
            "edit" => Ok(Self::Edit),
            "view" => Ok(Self::View),
            _ => Err(UnknownWord { what: "role", text: text.to_owned(), known: "admin, edit or view" }),
        }
    }
}

/// What a session may reach outside of itself; each of them the API server, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Egress {
    /// Nothing.
    None,
    /// The cluster's DNS.
    Dns,
    /// The cluster's DNS and public addresses.
    #[default]
    Internet,
}

impl Egress {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::None, Self::Dns, Self::Internet];

    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dns => "dns",
            Self::Internet => "internet",
        }
    }
}

/// The Pod Security Standard that the learner's namespace enforces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityPolicy {
    /// Hardened pods only: not root, no added rights.
    Restricted,
    /// Ordinary images may run, as root too, but cannot reach the node. What a lab gets that says nothing,
    /// because most public images run as root.
    #[default]
    Baseline,
    /// No bounds: the learner may take over the node.
    Privileged,
}

impl SecurityPolicy {
    /// The label's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }
}

impl FromStr for SecurityPolicy {
    type Err = UnknownWord;
    /// Reads the dialect's words. Of the older ones `nonroot` is restricted and `anyuid` baseline; `custom`
    /// named a policy that the author installed beside the lab, which is baseline here: who needs more says
    /// `privileged`.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "restricted" | "nonroot" => Ok(Self::Restricted),
            "baseline" | "anyuid" | "custom" => Ok(Self::Baseline),
            "privileged" => Ok(Self::Privileged),
            _ => Err(UnknownWord {
                what: "security policy",
                text: text.to_owned(),
                known: "restricted, baseline or privileged",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_policy_names_are_mapped_and_never_to_privileged() {
        assert_eq!("nonroot".parse(), Ok(SecurityPolicy::Restricted));
        for older in ["anyuid", "custom"] {
            assert_eq!(older.parse(), Ok(SecurityPolicy::Baseline));
        }
        assert!("root".parse::<SecurityPolicy>().is_err());
    }

    #[test]
    fn an_unknown_role_is_refused_with_the_known_ones() {
        let error = "cluster-admin".parse::<Role>().unwrap_err();
        assert_eq!(error.to_string(), "role \"cluster-admin\" is not known; use admin, edit or view");
    }
}
