//! Access to Kubernetes: the sessions' objects, the stream to the agent, the learner's credentials.
//!
//! Works with any conformant Kubernetes and knows neither HTTP routes nor SQL. Objects are built by the pure
//! functions in [`manifests`] and written by server-side apply, so that each call may be repeated. The state of the
//! cluster comes from a few shared watches, never from polling.

mod agent;
mod agent_log;
mod apply;
mod budget;
mod checks;
mod client;
mod credentials;
mod deprovision;
mod error;
mod exec;
mod finalizers;
mod guard;
mod health;
mod homes;
mod ingress;
mod inventory;
mod learner;
mod losses;
pub mod manifests;
mod names;
mod network;
mod objects;
mod probe;
mod provision;
mod references;
mod refusal;
mod retry;
mod schedule;
mod spec;
mod start;
mod upgrade;
pub mod view;
mod wait;
mod watches;
mod workbench;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

pub use agent::AgentStream;
pub use budget::{Amounts, BudgetNumbers, ContainerLimits};
pub use credentials::LearnerKubeconfig;
pub use error::{ClusterError, ClusterErrorKind};
pub use ingress::{Backend, BackendPort, INGRESS_CLASS, Routes};
pub use inventory::{ManagedChanges, ManagedSession, NamespaceStatus, StuckDeletion};
pub use lectern_content::spec::{Budget, Egress, NamespaceRole, SecurityPolicy};
pub use names::{NAMESPACE_PREFIX, SessionNames};
pub use network::{NetworkFacts, parse_denied};
pub use objects::LeftOut;
pub use probe::PolicyEnforcement;
pub use references::Holder;
pub use refusal::Refusal;
pub use spec::{NamespaceSpec, SessionSpec, WorkbenchSpec};
pub use workbench::{WorkbenchFailure, WorkbenchState, WorkbenchStatus};

use watches::Watches;

/// Which cluster to use, and the settings of workbenches and learners' namespaces there.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    /// The kubeconfig to use; `None` for `KUBECONFIG`, `~/.kube/config`, then the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// The namespace of all workbench pods; created if it does not exist.
    pub workbench_namespace: String,
    /// The image of workbenches whose lab names none.
    pub workbench_image: String,
    /// The storage class of volumes for homes that outlive their workbench pods; `None` if homes are lost with them.
    pub home_storage_class: Option<String>,
    /// Timeout for a request until its answer begins. Watches and streams may then go on.
    pub request_timeout: Duration,
    /// The domain below which learners may publish what runs in their namespaces; `None` if they may not.
    pub ingress_suffix: Option<String>,
    /// The namespace of the ingress controller for that domain, which may then reach learners' pods.
    pub ingress_namespace: Option<String>,
    /// The domain below which this server itself publishes learners' Ingress objects, to their learner alone; `None` if it
    /// does not.
    pub preview_domain: Option<String>,
    /// Resources besides CPU, memory and disk that learners' containers may request.
    pub extended_resources: Vec<String>,
    /// Address ranges that learners must not reach, in addition to private ones and those of nodes, pods and services.
    pub denied_cidrs: Vec<IpNet>,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            workbench_namespace: "lectern-workbenches".to_owned(),
            workbench_image: "lectern/workbench:latest".to_owned(),
            home_storage_class: None,
            request_timeout: Duration::from_secs(30),
            ingress_suffix: None,
            ingress_namespace: None,
            preview_domain: None,
            extended_resources: Vec::new(),
            denied_cidrs: Vec::new(),
        }
    }
}

/// A callback for the name of each new step, in words for the learner.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// A connected cluster. Clones share one connection pool and the same watches, which end when the last clone is
/// dropped.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    shared: Arc<Shared>,
}

struct Shared {
    config: ClusterConfig,
    server: String,
    version: String,
    /// The certificate authority that pods verify the API server with, PEM.
    pod_ca: String,
    /// Why the admission guard could not be installed; `None` if it is in force.
    missing_guard: Option<String>,
    /// Whether the cluster has the priority class of workbenches.
    has_priority_class: bool,
    watches: Watches,
    homes: Option<homes::Homes>,
    /// Permits to try an exec before the kubelet reports the container.
    early_tries: tokio::sync::Semaphore,
    /// The kinds of labs' objects, as the API server describes them.
    kinds: objects::Kinds,
    /// The addresses in the workbenches' shared policies when they were last applied.
    applied_network: tokio::sync::Mutex<Option<NetworkFacts>>,
    /// The addresses that the learners' policies were last compared with.
    compared_network: tokio::sync::Mutex<Option<NetworkFacts>>,
    agent_log: Arc<agent_log::AgentLog>,
    /// A client without a timeout for the beginning of an answer: a log without a line begins with its first one.
    patient: kube::Client,
    /// The runtime of all watches.
    runtime: tokio::runtime::Handle,
    views: view::Views,
    node_usage: view::NodeUsage,
}

impl Cluster {
    /// Returns the API server's version, such as `v1.35.4`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.shared.version
    }

    /// Returns the namespace of the workbench pods.
    #[must_use]
    pub fn workbench_namespace(&self) -> &str {
        &self.shared.config.workbench_namespace
    }

    /// Returns the image of workbenches whose lab names none.
    #[must_use]
    pub fn workbench_image(&self) -> &str {
        &self.shared.config.workbench_image
    }

    /// Returns why the admission guard could not be installed; `None` if it is in force.
    #[must_use]
    pub fn missing_guard(&self) -> Option<&str> {
        self.shared.missing_guard.as_deref()
    }

    fn network(&self) -> NetworkFacts {
        let mut facts = self.shared.watches.network(&self.shared.config.denied_cidrs);
        facts.ingress_namespace.clone_from(&self.shared.config.ingress_namespace);
        facts
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("server", &self.shared.server).finish_non_exhaustive()
    }
}
