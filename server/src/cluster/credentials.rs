//! The learner's kubeconfig, with an expiring token of their own service account.

use std::time::Duration;

use chrono::{DateTime, Utc};
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use serde_json::json;

use super::manifests::rbac;
use super::{Cluster, ClusterError, SessionNames, inventory};

/// The shortest lifetime of a token that the API server accepts.
const MIN_TTL: Duration = Duration::from_secs(600);

/// A kubeconfig for the workbench.
#[derive(Clone)]
pub struct LearnerKubeconfig {
    /// The file's text. Contains a credential: never log it.
    pub yaml: String,
    /// When the token expires, which may be earlier than requested. Renew it before.
    pub expires_at: DateTime<Utc>,
}

impl std::fmt::Debug for LearnerKubeconfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LearnerKubeconfig").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Creates a kubeconfig for the learner of a session, valid for `ttl` (at least ten minutes). To renew it, call
    /// this again; earlier tokens stay valid until they expire or the session ends.
    ///
    /// # Errors
    /// Returns an error if the session's service account does not exist or the cluster does not answer.
    pub async fn learner_kubeconfig(
        &self,
        names: &SessionNames,
        ttl: Duration,
    ) -> Result<LearnerKubeconfig, ClusterError> {
        let account = rbac::account_name(names);
        match self.kubeconfig_of(self.workbench_namespace(), &account, names, ttl).await {
            // a session that an earlier release created and that has not been updated yet
            Err(error @ ClusterError::NotFound { .. }) => {
                let earlier = self.kubeconfig_of(&names.namespace, rbac::LEARNER, names, ttl).await;
                earlier.map_err(|_| error)
            }
            decided => decided,
        }
    }

    async fn kubeconfig_of(
        &self,
        namespace: &str,
        account: &str,
        names: &SessionNames,
        ttl: Duration,
    ) -> Result<LearnerKubeconfig, ClusterError> {
        let action = format!("request a token for the service account {namespace}/{account}");
        let seconds = ttl.max(MIN_TTL).as_secs();
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(i64::try_from(seconds).unwrap_or(i64::MAX)),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = self
            .namespaced::<ServiceAccount>(namespace)
            .create_token_request(account, &PostParams::default(), &request)
            .await
            .map_err(|error| ClusterError::of(error, &action))?;
        let lacking = |missing| ClusterError::Incomplete { action: action.clone(), missing };
        let status = answer.status.ok_or_else(|| lacking("a status"))?;
        let expires_at =
            inventory::instant(&status.expiration_timestamp).ok_or_else(|| lacking("an expiry"))?;
        let server =
            self.shared.watches.api_server_url().ok_or_else(|| lacking("the service default/kubernetes"))?;
        let yaml = kubeconfig(&server, &self.shared.pod_ca, &names.namespace, &status.token);
        Ok(LearnerKubeconfig { yaml, expires_at })
    }
}

/// Writes the file as JSON, which is valid YAML. kubectl reads both and rewrites the file as YAML when a learner
/// changes it.
fn kubeconfig(server: &str, ca: &str, namespace: &str, token: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "lab",
            "cluster": {"server": server, "certificate-authority-data": ByteString(ca.as_bytes().to_vec())},
        }],
        "users": [{"name": rbac::LEARNER, "user": {"token": token}}],
        "contexts": [{
            "name": "lab",
            "context": {"cluster": "lab", "user": rbac::LEARNER, "namespace": namespace},
        }],
        "current-context": "lab",
    });
    format!("{config:#}\n")
}

#[cfg(test)]
mod tests {
    use kube::config::Kubeconfig;

    use super::*;

    #[test]
    fn a_kubeconfig_names_the_learners_namespace_and_nothing_else() {
        let text = kubeconfig("https://10.96.0.1:443", "-----BEGIN", "lab-x", "secret");
        let read = Kubeconfig::from_yaml(&text).unwrap();
        assert_eq!(read.current_context.as_deref(), Some("lab"));
        let context = read.contexts[0].context.as_ref().unwrap();
        assert_eq!(context.namespace.as_deref(), Some("lab-x"));
        let cluster = read.clusters[0].cluster.as_ref().unwrap();
        assert_eq!(cluster.certificate_authority_data.as_deref(), Some("LS0tLS1CRUdJTg=="));
    }

    #[test]
    fn a_kubeconfig_does_not_show_its_token_in_logs() {
        let kubeconfig = LearnerKubeconfig { yaml: "secret".to_owned(), expires_at: DateTime::UNIX_EPOCH };
        assert!(!format!("{kubeconfig:?}").contains("secret"));
    }
}
