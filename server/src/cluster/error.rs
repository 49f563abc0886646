//! What can go wrong with the cluster, each with its subject, and how callers may sort it.

use std::path::PathBuf;

/// Whatever failed between this server and the cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig that was named cannot be used.
    #[error(
        "cannot use the kubeconfig {}; check that the file exists, that this user may read it and that it \
         names a current context", path.display()
    )]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<kube::config::KubeconfigError>,
    },
    /// No kubeconfig was named and none was found.
    #[error(
        "found no Kubernetes cluster: set KUBECONFIG or --kubeconfig to a kubeconfig file, or run inside a \
         pod with a service account"
    )]
    NoCluster {
        /// What was tried.
        #[source]
        source: Box<kube::config::InferConfigError>,
    },
    /// The cluster's API server gave no answer.
    #[error(
        "the Kubernetes API server at {server} cannot be reached{}; check that it runs and that its address \
         and certificates are right", from_kubeconfig(kubeconfig.as_ref())
    )]
    Unreachable {
        /// Its address.
        server: String,
        /// The kubeconfig that names it, where one was given.
        kubeconfig: Option<PathBuf>,
        /// What happened.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server refuses our credentials.
    #[error(
        "the Kubernetes API server at {server} does not accept the credentials{}; renew them",
        from_kubeconfig(kubeconfig.as_ref())
    )]
    Unauthorized {
        /// Its address.
        server: String,
        /// The kubeconfig that holds them, where one was given.
        kubeconfig: Option<PathBuf>,
    },
    /// The API server refused a request: permissions, quota, pod security or another admission rule.
    #[error("the cluster refused to {action}: {message}")]
    Refused {
        /// What was asked, such as `apply pod lectern-workbenches/wb-x`.
        action: String,
        /// The API server's words.
        message: String,
    },
    /// An object of a lab's cannot be made.
    #[error("the lab's {object} cannot be made: {reason}")]
    LabObject {
        /// Which: its kind and name, or where it stands in the lab's definition.
        object: String,
        /// Why, and what its author may do.
        reason: String,
    },
    /// The object is not there.
    #[error("cannot {action}: not found in the cluster")]
    NotFound {
        /// What was asked.
        action: String,
    },
    /// The API server gives no answer, or says that it is busy.
    #[error("could not {action}: the Kubernetes API server does not answer or is busy")]
    Busy {
        /// What was asked.
        action: String,
        /// What happened.
        #[source]
        source: Box<kube::Error>,
    },
    /// Any other failed request.
    #[error("could not {action}")]
    Request {
        /// What was asked.
        action: String,
        /// What happened.
        #[source]
        source: Box<kube::Error>,
    },
    /// What the cluster sent lacks something that every conformant cluster sends.
    #[error("the cluster's answer to {action} lacks {missing}")]
    Incomplete {
        /// What was asked.
        action: String,
        /// What is missing.
        missing: &'static str,
    },
    /// The storage class for homes is not there.
    #[error(
        "the cluster has no storage class {class:?}; name one of its own ({}) or none, and homes live as long as \
         their pods", if known.is_empty() { "there are none".to_owned() } else { known.join(", ") }
    )]
    NoStorageClass {
        /// What the operator named.
        class: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The volume for a home was not made.
    #[error("no volume for the home directory was there within {waited_secs} s (storage class {class})")]
    NoVolume {
        /// Its storage class.
        class: String,
        /// How long was waited, in seconds.
        waited_secs: u64,
    },
    /// The workbench's image cannot be had.
    #[error("the workbench image {image} cannot be pulled: {message}")]
    ImagePull {
        /// The image.
        image: String,
        /// The kubelet's words.
        message: String,
    },
    /// No node has room for the workbench.
    #[error("no node of the cluster has room for the workbench: {message}")]
    Unschedulable {
        /// The scheduler's words.
        message: String,
    },
    /// The workbench's container cannot be made or started.
    #[error("the workbench cannot be started ({reason}): {message}")]
    CannotStart {
        /// The kubelet's reason, such as `CreateContainerError`.
        reason: String,
        /// The kubelet's words.
        message: String,
    },
    /// The workbench starts and ends, again and again.
    #[error("the workbench ends right after its start, {restarts} times so far: {message}")]
    CrashLoop {
        /// How often it was started again.
        restarts: i32,
        /// How it ended last.
        message: String,
    },
    /// The workbench was there and is no more.
    #[error("the workbench {workbench} is gone: {message}")]
    WorkbenchGone {
        /// The pod.
        workbench: String,
        /// How it ended.
        message: String,
    },
    /// The workbench runs, but its agent does not answer as it should.
    #[error("the agent of the workbench {workbench} does not answer")]
    Agent {
        /// The pod.
        workbench: String,
        /// What was said instead.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The workbench is not ready in time.
    #[error("the workbench was not ready within {waited_secs} s; last seen: {last_step}")]
    NotReadyInTime {
        /// How long was waited, in seconds.
        waited_secs: u64,
        /// The last step seen.
        last_step: String,
    },
}

fn from_kubeconfig(path: Option<&PathBuf>) -> String {
    path.map(|path| format!(" (from {})", path.display())).unwrap_or_default()
}

/// How a caller may treat a [`ClusterError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterErrorKind {
    /// The cluster gives no answer or has no room: try again later (503).
    Unreachable,
    /// Quota, policy or permissions forbid it (409, or 500 where it is the server's own permission).
    Refused,
    /// It is not there (404).
    NotFound,
    /// The workbench could not be started: the session failed, the message is meant for the learner.
    Workbench,
    /// Everything else (500).
    Other,
}

impl ClusterError {
    /// Sorts the error for callers that map it to a status or a state.
    #[must_use]
    pub fn kind(&self) -> ClusterErrorKind {
        match self {
            Self::Unreachable { .. }
            | Self::Busy { .. }
            | Self::NoCluster { .. }
            | Self::Unauthorized { .. } => ClusterErrorKind::Unreachable,
            Self::Refused { .. } | Self::LabObject { .. } => ClusterErrorKind::Refused,
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

    /// Whether the API server said that this server may not do what it asked. One that has just started says so of
    /// everything until it has read its roles; said again and again it is true.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        // what admission refuses is forbidden, too, but names no verb that the user lacks
        matches!(self, Self::Refused { message, .. } if message.contains("\" cannot ") && message.contains(" resource \""))
    }

    /// What the learner may be told: the reason where it concerns their session, else only that the cluster
    /// failed. Addresses, paths and credentials are never in it.
    #[must_use]
    pub fn learner_message(&self) -> String {
        match self.kind() {
            ClusterErrorKind::Workbench => capitalised(&self.to_string()),
            ClusterErrorKind::Refused => capitalised(&self.to_string()),
            ClusterErrorKind::Unreachable => {
                "The cluster gives no answer at the moment. Try again shortly.".to_owned()
            }
            ClusterErrorKind::NotFound => "The session's workbench is no longer there.".to_owned(),
            ClusterErrorKind::Other => "The cluster could not do this. The server's log says why.".to_owned(),
        }
    }
}

impl ClusterError {
    /// Sorts what kube says about an action, such as `apply pod x/y`.
    pub(super) fn of(error: kube::Error, action: &str) -> Self {
        let action = action.to_owned();
        match error {
            kube::Error::Api(status) if status.code == 404 => Self::NotFound { action },
            // the quota controller is on its way
            kube::Error::Api(status) if status.message.contains("status unknown for quota") => {
                Self::Busy { action, source: Box::new(kube::Error::Api(status)) }
            }
            // 403: permissions, quota, pod security; 422: validation; 400: malformed names or admission
            kube::Error::Api(status) if matches!(status.code, 400 | 403 | 422) => {
                Self::Refused { action, message: status.message }
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
    fn a_missing_right_is_told_from_what_admission_refuses() {
        let refused =
            |message: &str| ClusterError::Refused { action: String::new(), message: message.to_owned() };
        let right =
            r#"namespaces "x" is forbidden: User "u" cannot patch resource "namespaces" in API group """#;
        assert!(refused(right).is_forbidden());
        assert!(!refused(r#"pods "x" is forbidden: exceeded quota: requests.cpu"#).is_forbidden());
        assert!(
            !refused(r#"pods "x" is forbidden: violates PodSecurity "restricted:latest""#).is_forbidden()
        );
    }

    #[test]
    fn a_failed_pull_is_told_to_the_learner() {
        let error =
            ClusterError::ImagePull { image: "nowhere/x:1".to_owned(), message: "not found".to_owned() };
        assert_eq!(error.learner_message(), "The workbench image nowhere/x:1 cannot be pulled: not found");
    }
}
