//! Whether the cluster answers now.

use super::Cluster;

impl Cluster {
    /// Whether the API server answers within the limit of a request.
    pub async fn answers(&self) -> bool {
        self.client.apiserver_version().await.is_ok()
    }
}
