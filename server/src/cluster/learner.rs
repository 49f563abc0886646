//! Requests with the rights of a session's learner and no others.

use http::{HeaderName, HeaderValue};
use kube::Client;
use kube::client::Body;

use super::manifests::rbac;
use super::{Cluster, ClusterError, SessionNames};

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

impl Cluster {
    /// Returns a client that acts as a session's service account: whatever the learner may not do, it may not do
    /// either. The server impersonates the account, and Kubernetes adds the groups of service accounts.
    ///
    /// Call it on the runtime on which the client is used.
    ///
    /// # Errors
    /// Returns an error if the account's name cannot be sent, which no session's is.
    pub(super) fn as_learner(&self, names: &SessionNames) -> Result<Client, ClusterError> {
        self.impersonate(&self.client, names)
    }

    /// Returns the same for requests whose answer may begin at any time, and which are not sent again.
    ///
    /// # Errors
    /// Those of [`Cluster::as_learner`].
    pub(super) fn as_patient_learner(&self, names: &SessionNames) -> Result<Client, ClusterError> {
        self.impersonate(&self.shared.patient, names)
    }

    fn impersonate(&self, server: &Client, names: &SessionNames) -> Result<Client, ClusterError> {
        let user = rbac::learner_user(names, self.workbench_namespace());
        let user = HeaderValue::from_str(&user)
            .map_err(|error| ClusterError::of(kube::Error::HttpError(error.into()), "name the learner"))?;
        let server = server.clone();
        let service = tower::service_fn(move |mut request: http::Request<Body>| {
            // replaces whatever the request says of an identity
            request.headers_mut().insert(IMPERSONATE_USER, user.clone());
            let server = server.clone();
            async move { server.send(request).await }
        });
        Ok(Client::new(service, names.namespace.clone()))
    }
}
