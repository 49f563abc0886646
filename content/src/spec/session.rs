//! What a session of a lab gets.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::applications::Applications;

/// What a session of a lab gets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSpec {
    /// The learner's namespaces.
    pub namespaces: Namespaces,
    /// What the workbench itself may use.
    pub resources: SessionResources,
    /// Environment variables of the workbench: name and value, which may hold `$(session_namespace)` and the like.
    pub env: Vec<(String, String)>,
    /// Manifests made for each session; texts in them may hold `$(session_namespace)` and the like.
    pub objects: Vec<Value>,
    /// A patch to the workbench's pod.
    pub patches: Option<Value>,
    /// Tabs beside the terminals.
    pub dashboards: Vec<Dashboard>,
    /// Ports of the session that can be reached from the browser.
    pub ingresses: Vec<Ingress>,
    /// Which tools the workspace shows.
    pub applications: Applications,
    /// What the session may reach outside of itself; `None` when the lab does not say.
    pub egress: Option<Egress>,
}

/// What a session may reach outside of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Egress {
    /// The cluster's API server only.
    None,
    /// The cluster's DNS too.
    Dns,
    /// Public addresses too.
    #[default]
    Internet,
}

impl Egress {
    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dns => "dns",
            Self::Internet => "internet",
        }
    }
}

/// What a learner may do in their namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceRole {
    /// Everything, save the quota.
    #[default]
    Admin,
    /// Everything, save rights.
    Edit,
    /// Reading only.
    View,
}

impl NamespaceRole {
    /// Returns the name of the cluster role.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Edit => "edit",
            Self::View => "view",
        }
    }
}

/// How much a learner's namespace may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Budget {
    /// No quota is set, as when a lab names none.
    #[default]
    Default,
    /// 1 CPU, 1 GiB.
    Small,
    /// 2 CPU, 2 GiB.
    Medium,
    /// 4 CPU, 4 GiB.
    Large,
    /// 8 CPU, 8 GiB.
    #[serde(rename = "x-large")]
    XLarge,
    /// 8 CPU, 12 GiB.
    #[serde(rename = "xx-large")]
    XxLarge,
    /// 8 CPU, 16 GiB.
    #[serde(rename = "xxx-large")]
    XxxLarge,
    /// The lab's own objects set the quota.
    Custom,
}

impl Budget {
    /// Returns the dialect's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::XLarge => "x-large",
            Self::XxLarge => "xx-large",
            Self::XxxLarge => "xxx-large",
            Self::Custom => "custom",
        }
    }

    /// Returns its place among the budgets, the smallest first; a lab that names none gets the medium one.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Small => 0,
            Self::Default | Self::Medium => 1,
            Self::Large => 2,
            Self::XLarge => 3,
            Self::XxLarge => 4,
            Self::XxxLarge => 5,
            Self::Custom => 6,
        }
    }
}

/// The pod security standard that a learner's namespace enforces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecurityPolicy {
    /// Pods run as an ordinary user without privileges.
    #[default]
    Restricted,
    /// Pods may run as root, without privileges.
    Baseline,
    /// Pods may do anything.
    Privileged,
}

impl SecurityPolicy {
    /// Returns the name of the pod security standard.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }
}

/// Limits in place of those of the budget: each holds `cpu` and `memory` quantities.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimitRange {
    /// The least that a container may ask for.
    pub min: Option<Value>,
    /// The most that a container may ask for.
    pub max: Option<Value>,
    /// What a container asks for when it says nothing.
    pub default_request: Option<Value>,
    /// What a container is limited to when it says nothing.
    pub default: Option<Value>,
}

/// The learner's namespaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespaces {
    /// What the learner may do.
    pub role: NamespaceRole,
    /// How much the namespace may use.
    pub budget: Budget,
    /// Limits in place of those of the budget.
    pub limits: LimitRange,
    /// The pod security standard; `None` when the lab names none.
    pub policy: Option<SecurityPolicy>,
    /// Whether the learner's tools get a token for the cluster.
    pub token_enabled: bool,
    /// Rights in addition to the role's: Kubernetes policy rules.
    pub rules: Vec<Value>,
    /// Further namespaces.
    pub secondary: Vec<SecondaryNamespace>,
}

impl Default for Namespaces {
    fn default() -> Self {
        Self {
            role: NamespaceRole::default(),
            budget: Budget::default(),
            limits: LimitRange::default(),
            policy: None,
            token_enabled: true,
            rules: Vec::new(),
            secondary: Vec::new(),
        }
    }
}

/// A further namespace of a session; what its author does not say is as in the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecondaryNamespace {
    /// Its name, which may hold `$(session_namespace)`.
    pub name: String,
    /// What the learner may do there.
    pub role: NamespaceRole,
    /// How much it may use.
    pub budget: Budget,
    /// Limits in place of those of the budget.
    pub limits: LimitRange,
    /// The pod security standard; `None`: the first namespace's.
    pub policy: Option<SecurityPolicy>,
}

/// What the workbench itself may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionResources {
    /// Memory, a Kubernetes quantity such as `512Mi`.
    pub memory: Option<String>,
    /// Size of a volume for the home directory, a Kubernetes quantity.
    pub storage: Option<String>,
}

/// A tab beside the terminals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    /// Its name.
    pub name: String,
    /// What it shows: an address, or `terminal:<session>`.
    pub url: String,
}

/// A port of the session that can be reached from the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// Its name, part of the address.
    pub name: String,
    /// The host to pass requests to; `None`: the workbench itself.
    pub host: Option<String>,
    /// `http` or `https`.
    pub protocol: Option<String>,
    /// The port.
    pub port: Option<u16>,
}
