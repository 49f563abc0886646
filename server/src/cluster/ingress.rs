//! Ingress objects of sessions, which this server follows itself: the class that names it, and the rules of a session.

mod routes;

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::api::ListParams;
use kube::{Api, Client};

pub use routes::{Backend, BackendPort, Routes};

use super::{Cluster, ClusterConfig, ClusterError, SessionNames, apply, manifests};

/// The name of the class of Ingress objects that this server follows.
pub const INGRESS_CLASS: &str = "lectern";

/// The value of `clusterIP` of a service without an address of its own.
const HEADLESS: &str = "None";

/// Creates the class, unless web previews are off. It is the cluster's default if nothing else is. A server without the
/// right to do so serves Ingress objects all the same.
pub(super) async fn install_class(client: &Client, config: &ClusterConfig, owner: &OwnerReference) {
    if config.preview_domain.is_none() {
        return;
    }
    let classes: Api<IngressClass> = Api::all(client.clone());
    let installed = async {
        let listed = classes.list(&ListParams::default()).await;
        let listed = listed.map_err(|error| ClusterError::of(error, "list ingress classes"))?;
        let others = listed.iter().filter(|class| class.metadata.name.as_deref() != Some(INGRESS_CLASS));
        let is_default = !others.into_iter().any(manifests::ingress_class::is_default);
        apply::apply(classes, manifests::ingress_class::class(owner, is_default)).await
    };
    if let Err(error) = installed.await {
        tracing::warn!(error = %error, "failed to create the ingress class {INGRESS_CLASS}");
    }
}

impl Cluster {
    /// Reads the rules of all Ingress objects in a session's namespaces.
    ///
    /// # Errors
    /// The cluster's.
    pub async fn list_routes(&self, names: &SessionNames) -> Result<Routes, ClusterError> {
        let mut all = Vec::new();
        for namespace in names.namespaces() {
            let listed = self.namespaced::<Ingress>(namespace).list(&ListParams::default()).await;
            all.extend(
                listed.map_err(|error| ClusterError::of(error, &format!("list ingresses in {namespace}")))?,
            );
        }
        Ok(Routes::of(all))
    }

    /// Returns where the workbench reaches a service's port, as a host and a port of it; `None` if there is no such service
    /// or port.
    ///
    /// # Errors
    /// The cluster's.
    pub async fn find_service(&self, backend: &Backend) -> Result<Option<(String, u16)>, ClusterError> {
        let services = self.namespaced::<Service>(&backend.namespace);
        let found = services.get_opt(&backend.service).await;
        let found = found.map_err(|error| {
            ClusterError::of(error, &format!("get service {}/{}", backend.namespace, backend.service))
        })?;
        Ok(found.and_then(|service| address_of(&service, backend)))
    }
}

fn address_of(service: &Service, backend: &Backend) -> Option<(String, u16)> {
    let spec = service.spec.as_ref()?;
    let mut ports = spec.ports.iter().flatten();
    let port = ports.find(|port| match &backend.port {
        BackendPort::Name(name) => port.name.as_ref() == Some(name),
        BackendPort::Number(number) => port.port == i32::from(*number),
    })?;
    match spec.cluster_ip.as_deref().filter(|ip| !ip.is_empty()) {
        // its name leads to the pods themselves
        Some(HEADLESS) | None => {
            let number = match &port.target_port {
                Some(IntOrString::Int(number)) => *number,
                _ => port.port,
            };
            let name = match &spec.external_name {
                Some(name) => name.clone(),
                None => format!("{}.{}.svc", backend.service, backend.namespace),
            };
            Some((name, u16::try_from(number).ok()?))
        }
        Some(ip) => Some((ip.to_owned(), u16::try_from(port.port).ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn backend(port: BackendPort) -> Backend {
        Backend { namespace: "lab-x".into(), service: "web".into(), port }
    }

    #[test]
    fn a_port_is_found_by_its_number_or_name_and_a_service_without_address_by_its_name() {
        let mut service: Service = serde_json::from_value(json!({"spec": {
            "clusterIP": "10.84.0.9", "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}))
        .unwrap();
        let own = Some(("10.84.0.9".to_owned(), 80));
        assert_eq!(address_of(&service, &backend(BackendPort::Number(80))), own);
        assert_eq!(address_of(&service, &backend(BackendPort::Name("http".into()))), own);
        assert_eq!(address_of(&service, &backend(BackendPort::Number(8080))), None);
        service.spec.as_mut().unwrap().cluster_ip = Some("None".to_owned());
        let named = Some(("web.lab-x.svc".to_owned(), 8080));
        assert_eq!(address_of(&service, &backend(BackendPort::Number(80))), named);
    }
}
