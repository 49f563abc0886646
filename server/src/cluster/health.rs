//! Checking that the cluster answers.

use super::Cluster;

impl Cluster {
    /// Returns whether the API server answers within the timeout of a request.
    pub async fn answers(&self) -> bool {
        self.client.apiserver_version().await.is_ok()
    }
}
