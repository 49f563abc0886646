//! The part of the Workshop resource about a lab's sessions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::applications::Applications;

/// The contents of a session: namespaces, environment, objects, tools.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionSpec {
    pub namespaces: Namespaces,
    pub resources: SessionResources,
    /// Environment variables of the workbench: name and value. Values may contain `$(session_namespace)` and the like.
    pub env: Vec<(String, String)>,
    /// Environment variables whose values stand in objects of the session, in the order in which they count.
    pub env_references: Vec<EnvReference>,
    /// Manifests that are created for each session. They may contain `$(session_namespace)` and the like.
    pub objects: Vec<Value>,
    /// A patch to the workbench's pod.
    pub patches: Option<Value>,
    /// Tabs beside the terminals.
    pub dashboards: Vec<Dashboard>,
    /// Ports of the session that the browser can reach.
    pub ingresses: Vec<Ingress>,
    pub applications: Applications,
    /// What the session may reach outside of itself. `None` if the lab does not say.
    pub egress: Option<Egress>,
}

impl SessionSpec {
    /// Returns whether learners see what is in their namespaces: if they have a token for the cluster, or the lab asks
    /// for the view.
    #[must_use]
    pub fn shows_cluster(&self) -> bool {
        self.namespaces.token_enabled || self.applications.console.is_some()
    }

    /// Returns the names of the terminals: those of the layout from top to bottom, then those that tabs of their own
    /// show (`terminal:<session>`).
    #[must_use]
    pub fn terminals(&self) -> Vec<&str> {
        let mut names = self.applications.terminal.sessions().to_vec();
        for tab in &self.dashboards {
            let name = tab.url.trim().strip_prefix("terminal:").unwrap_or_default().trim();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Environment variables whose values stand elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvReference {
    /// The variable's name, or what comes before each name if it stands for all entries of an object.
    pub name: String,
    pub source: EnvSource,
    /// Whether it may be missing.
    pub is_optional: bool,
}

/// Where the value of an environment variable stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvSource {
    /// Under a key of a secret.
    SecretKey { name: String, key: String },
    /// Under a key of a config map.
    ConfigMapKey { name: String, key: String },
    /// All entries of a secret.
    Secret { name: String },
    /// All entries of a config map.
    ConfigMap { name: String },
    /// A field of the workbench, such as `metadata.namespace`.
    Field { path: String },
    /// Something else, by its key, such as `resourceFieldRef`.
    Other { key: String },
}

/// What a session may reach outside of itself. Every session reaches the cluster's API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Egress {
    /// Nothing.
    None,
    /// The cluster's DNS.
    Dns,
    /// The cluster's DNS and public addresses.
    Internet,
}

impl Egress {
    /// Every choice, the least first.
    pub const ALL: [Self; 3] = [Self::None, Self::Dns, Self::Internet];

    /// Returns the word for it, which is also the value of labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dns => "dns",
            Self::Internet => "internet",
        }
    }
}

/// The cluster role that is bound for the learner in their namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamespaceRole {
    /// Everything, including roles and bindings, but not the quota.
    #[default]
    Admin,
    /// Everything except roles and bindings.
    Edit,
    /// Reading, except secrets.
    View,
    /// No cluster role: the lab's own objects give the learner their rights.
    Custom,
}

impl NamespaceRole {
    /// The roles that are bound, the strongest first.
    pub const ALL: [Self; 3] = [Self::Admin, Self::Edit, Self::View];

    /// Finds a role by the name of its cluster role.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Returns the dialect's word, which is also the name of the cluster role if there is one.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Edit => "edit",
            Self::View => "view",
            Self::Custom => "custom",
        }
    }
}

/// How much a learner's own pods may use together in one namespace. Ordered by size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Budget {
    /// 1 CPU, 1 GiB.
    Small,
    /// 2 CPUs, 2 GiB.
    #[serde(alias = "default")]
    Medium,
    /// 4 CPUs, 4 GiB.
    Large,
    /// 8 CPUs, 8 GiB.
    #[serde(rename = "x-large")]
    XLarge,
    /// 8 CPUs, 12 GiB.
    #[serde(rename = "xx-large")]
    XxLarge,
    /// 8 CPUs, 16 GiB.
    #[serde(rename = "xxx-large")]
    XxxLarge,
    /// No quota and no defaults for CPU and memory: the lab's own objects set them. Disk and numbers of objects stay
    /// limited, as by the largest budget.
    Custom,
}

impl Budget {
    /// What a lab gets that names no budget, or `default`.
    pub const UNNAMED: Self = Self::Medium;

    /// Returns the dialect's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::XLarge => "x-large",
            Self::XxLarge => "xx-large",
            Self::XxxLarge => "xxx-large",
            Self::Custom => "custom",
        }
    }
}

/// The Pod Security Standard that a learner's namespace enforces. Ordered from the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecurityPolicy {
    /// Hardened pods only: not as root, no added rights.
    Restricted,
    /// Ordinary pods, also as root, that cannot reach the node.
    Baseline,
    /// Any pods: the learner can take over the node.
    Privileged,
}

impl SecurityPolicy {
    /// What a lab gets that names no policy: most public images run as root.
    pub const UNNAMED: Self = Self::Baseline;

    /// Returns the standard's name, which is also the value of labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        }
    }
}

/// Limits that replace those of the budget. Each holds `cpu` and `memory` quantities.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimitRange {
    /// The minimum of a container.
    pub min: Option<Value>,
    /// The maximum of a container.
    pub max: Option<Value>,
    /// The request of a container that names none.
    pub default_request: Option<Value>,
    /// The limit of a container that names none.
    pub default: Option<Value>,
}

/// The learner's namespaces.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespaces {
    pub role: NamespaceRole,
    /// How much the namespace may use. `None` if the lab names none.
    pub budget: Option<Budget>,
    pub limits: LimitRange,
    /// The Pod Security Standard. `None` if the lab names none.
    pub policy: Option<SecurityPolicy>,
    /// Whether the learner's tools get a token for the cluster.
    pub token_enabled: bool,
    /// Rights in addition to the role's, as Kubernetes policy rules.
    pub rules: Vec<Value>,
    pub secondary: Vec<SecondaryNamespace>,
}

impl Default for Namespaces {
    fn default() -> Self {
        Self {
            role: NamespaceRole::default(),
            budget: None,
            limits: LimitRange::default(),
            policy: None,
            token_enabled: true,
            rules: Vec::new(),
            secondary: Vec::new(),
        }
    }
}

/// A further namespace of a session. Fields that the author leaves out are those of the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SecondaryNamespace {
    /// Its name, which may contain `$(session_namespace)`.
    pub name: String,
    pub role: NamespaceRole,
    /// How much the namespace may use. `None` if the lab names `default`.
    pub budget: Option<Budget>,
    pub limits: LimitRange,
    /// The Pod Security Standard. `None` for the first namespace's.
    pub policy: Option<SecurityPolicy>,
}

/// The resources of the workbench.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionResources {
    /// The memory limit, as a Kubernetes quantity such as `512Mi`.
    pub memory: Option<String>,
    /// The size of the home directory, as a Kubernetes quantity.
    pub storage: Option<String>,
}

/// A tab beside the terminals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    pub name: String,
    /// What it shows: an address, or `terminal:<session>`.
    pub url: String,
}

/// A port of the session that the browser can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// Its name, part of the address.
    pub name: String,
    /// The host to forward requests to. `None` for the workbench.
    pub host: Option<String>,
    /// `http` or `https`.
    pub protocol: Option<String>,
    pub port: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::applications::TerminalLayout;

    #[test]
    fn a_tab_that_shows_a_terminal_adds_it_behind_those_of_the_layout() {
        let tab = |name: &str, url: &str| Dashboard { name: name.to_owned(), url: url.to_owned() };
        let mut spec = SessionSpec {
            dashboards: vec![
                tab("Site", "https://example.com"),
                tab("Terminal#4", "terminal:4"),
                tab("Again", "terminal:1"),
                tab("Nothing", "terminal:"),
            ],
            ..SessionSpec::default()
        };
        assert_eq!(spec.terminals(), ["1", "4"]);
        spec.applications.terminal = TerminalLayout::SplitTwo;
        assert_eq!(spec.terminals(), ["1", "2", "3", "4"]);
        spec.applications.terminal = TerminalLayout::None;
        assert_eq!(spec.terminals(), ["4", "1"]);
    }
}
