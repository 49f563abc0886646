//! Errors of the cluster, each with its subject, and kinds by which callers can sort them.

use std::path::PathBuf;

use super::refusal::Refusal;

/// Any failure between this server and the cluster. `action` is what was attempted, such as
/// `apply pod lectern-workbenches/wb-x`.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "cannot use the kubeconfig {}; check that the file exists, that this user may read it and that it \
         names a current context", path.display()
    )]
    Kubeconfig {
        path: PathBuf,
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// No kubeconfig was given and none was found.
    #[error(
        "found no Kubernetes cluster: set KUBECONFIG or --kubeconfig to a kubeconfig file, or run inside a \
         pod with a service account"
    )]
    NoCluster {
        #[source]
        source: Box<kube::config::InferConfigError>,
    },
    /// The API server did not answer when this server connected.
    #[error(
        "the Kubernetes API server at {server} cannot be reached{}; check that it is running and that its address \
         and certificates are right", from_kubeconfig(kubeconfig.as_ref())
    )]
    Unreachable {
        server: String,
        /// The kubeconfig that names the server, if one was given.
        kubeconfig: Option<PathBuf>,
        #[source]
        source: Box<kube::Error>,
    },
    #[error(
        "the Kubernetes API server at {server} does not accept the credentials{}; renew them",
        from_kubeconfig(kubeconfig.as_ref())
    )]
    Unauthorized {
        server: String,
        /// The kubeconfig that contains the credentials, if one was given.
        kubeconfig: Option<PathBuf>,
    },
    /// The API server refused a request: permissions, quota, Pod Security, another admission rule, or an invalid
    /// object.
    #[error("the cluster refused to {action}: {message}")]
    Refused {
        action: String,
        /// The API server's message.
        message: String,
        refusal: Refusal,
    },
    #[error("cannot {action}: not found in the cluster")]
    NotFound { action: String },
    #[error("could not {action}: the Kubernetes API server does not answer or is busy")]
    Busy {
        action: String,
        #[source]
        source: Box<kube::Error>,
    },
    /// Any other failed request.
    #[error("could not {action}")]
    Request {
        action: String,
        #[source]
        source: Box<kube::Error>,
    },
    /// An answer lacks something that every conformant cluster sends.
    #[error("the cluster's answer to {action} lacks {missing}")]
    Incomplete { action: String, missing: &'static str },
    #[error(
        "the cluster has no storage class {class:?}; use one of its own ({}), or none, and homes will be lost with \
         their pods", if known.is_empty() { "there are none".to_owned() } else { known.join(", ") }
    )]
    NoStorageClass {
        /// The class that the operator named.
        class: String,
        /// The classes that exist.
        known: Vec<String>,
    },
    #[error("no volume for the home directory was created within {waited_secs} s (storage class {class})")]
    NoVolume { class: String, waited_secs: u64 },
    #[error("the workbench image {image} cannot be pulled: {message}")]
    ImagePull {
        image: String,
        /// The kubelet's message.
        message: String,
    },
    #[error("no node of the cluster has room for the workbench: {message}")]
    Unschedulable {
        /// The scheduler's message.
        message: String,
    },
    /// The workbench's container cannot be created or started.
    #[error("the workbench cannot be started ({reason}): {message}")]
    CannotStart {
        /// The kubelet's reason, such as `CreateContainerError`.
        reason: String,
        /// The kubelet's message.
        message: String,
    },
    #[error("the workbench exits right after its start, {restarts} times so far: {message}")]
    CrashLoop {
        restarts: i32,
        /// How it exited last.
        message: String,
    },
    /// The workbench existed and no longer does.
    #[error("the workbench {workbench} is gone: {message}")]
    WorkbenchGone {
        workbench: String,
        /// How it ended.
        message: String,
    },
    /// The workbench runs, but its agent does not answer, or answers something else.
    #[error("the agent of the workbench {workbench} does not answer")]
    Agent { workbench: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the workbench was not ready within {waited_secs} s; last seen: {last_step}")]
    NotReadyInTime { waited_secs: u64, last_step: String },
}

fn from_kubeconfig(path: Option<&PathBuf>) -> String {
    path.map(|path| format!(" (from {})", path.display())).unwrap_or_default()
}

/// The kinds of [`ClusterError`], by what a caller should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterErrorKind {
    /// The cluster does not answer or has no room: try again later (503).
    Unreachable,
    /// Quota, policy or permissions forbid it (409, or 500 if the server itself lacks a permission).
    Refused,
    /// It does not exist (404).
    NotFound,
    /// The workbench could not be started: the session failed, and the message is for its learner.
    Workbench,
    /// Everything else (500).
    Other,
}

impl ClusterError {
    /// Returns the error's kind, for callers that map it to a status or a state.
    #[must_use]
    pub fn kind(&self) -> ClusterErrorKind {
        match self {
            Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::NoCluster { .. }
            | Self::Unauthorized { .. } => ClusterErrorKind::Unreachable,
            Self::Refused { .. } => ClusterErrorKind::Refused,
            Self::NotFound { .. } => ClusterErrorKind::NotFound,
            Self::ImagePull { .. }
            | Self::Unschedulable { .. }
            | Self::CannotStart { .. }
            | Self::CrashLoop { .. }
            | Self::WorkbenchGone { .. }
            | Self::Agent { .. }
            | Self::NoVolume { .. }
            | Self::NotReadyInTime { .. } => ClusterErrorKind::Workbench,
            Self::Kubeconfig { .. }
            | Self::NoStorageClass { .. }
            | Self::Request { .. }
            | Self::Incomplete { .. } => ClusterErrorKind::Other,
        }
    }

    /// Returns whether this server lacks a right. An API server that has just started refuses everything until it has
    /// read its roles, so the error counts only if it persists.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { refusal: Refusal::MissingRight | Refusal::Impersonation, .. })
    }

    /// Returns the message for the learner: the reason if it concerns their session, otherwise only that the cluster
    /// failed. It never contains addresses, paths or credentials.
    #[must_use]
    pub fn learner_message(&self) -> String {
        match self.kind() {
            ClusterErrorKind::Workbench => capitalised(&self.to_string()),
            ClusterErrorKind::Refused => capitalised(&self.to_string()),
            ClusterErrorKind::Unreachable => {
                "The cluster does not answer at the moment. Try again shortly.".to_owned()
            }
            ClusterErrorKind::NotFound => "The session's workbench no longer exists.".to_owned(),
            ClusterErrorKind::Other => "The cluster could not do this. The server's log says why.".to_owned(),
        }
    }
}

impl ClusterError {
    /// Converts an error of kube's about an action, such as `apply pod x/y`.
    pub(super) fn of(error: kube::Error, action: &str) -> Self {
        let action = action.to_owned();
        match error {
            kube::Error::Api(status) if status.code == 404 => Self::NotFound { action },
            // the controllers will set up the namespace in a moment
            kube::Error::Api(status) if Refusal::of(&status) == Refusal::NamespaceNotReady => {
                Self::Busy { action, source: Box::new(kube::Error::Api(status)) }
            }
            // 403: permissions, quota, Pod Security; 422: validation; 400: malformed names or admission
            kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => {
                Self::Refused { action, refusal: Refusal::of(&status), message: status.message }
            }
            kube::Error::Api(status) if status.code == 429 || status.code >= 500 => {
                Self::Busy { action, source: Box::new(kube::Error::Api(status)) }
            }
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
                Self::Busy { action, source: Box::new(error) }
            }
            error => Self::Request { action, source: Box::new(error) },
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_cluster_names_the_server_and_the_file_but_not_to_learners() {
        let error = ClusterError::Unreachable {
            server: "https://10.1.2.3:6443".to_owned(),
            kubeconfig: Some("/etc/lectern/kubeconfig".into()),
            source: Box::new(kube::Error::LinesCodecMaxLineLengthExceeded),
        };
        assert!(
            error
                .to_string()
                .contains("https://10.1.2.3:6443 cannot be reached (from /etc/lectern/kubeconfig)")
        );
        assert!(!error.learner_message().contains("10.1.2.3"));
        assert_eq!(error.kind(), ClusterErrorKind::Unreachable);
    }

    #[test]
    fn only_a_refusal_for_lack_of_rights_counts_as_forbidden() {
        let of = |message: &str| {
            let status = kube::core::Status::failure(message, "Forbidden").with_code(403);
            ClusterError::of(kube::Error::Api(status.boxed()), "apply namespace x")
        };
        let right =
            r#"namespaces "x" is forbidden: User "u" cannot patch resource "namespaces" in API group """#;
        assert!(of(right).is_forbidden());
        assert!(!of(r#"pods "x" is forbidden: exceeded quota: requests.cpu"#).is_forbidden());
        let busy = of(r#"pods "x" is forbidden: status unknown for quota: q"#);
        assert_eq!(busy.kind(), ClusterErrorKind::Unreachable);
    }

    #[test]
    fn a_failed_pull_is_told_to_the_learner() {
        let error =
            ClusterError::ImagePull { image: "nowhere/x:1".to_owned(), message: "not found".to_owned() };
        assert_eq!(error.learner_message(), "The workbench image nowhere/x:1 cannot be pulled: not found");
    }
}
