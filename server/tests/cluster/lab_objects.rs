//! A lab's further namespaces and objects, as `provision` makes them and `deprovision` removes them.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use lectern_server::cluster::{
    Budget, ClusterErrorKind, ContainerLimits, NamespaceSpec, Role, SecurityPolicy, SessionSpec,
};
use serde_json::json;

use crate::harness::{quiet, spec, with_installation};

fn with_second_namespace() -> SessionSpec {
    let mut spec = spec();
    let name = format!("{}-dev", spec.names.namespace);
    spec.names.secondary = vec![name.clone()];
    spec.secondary = vec![NamespaceSpec {
        name,
        role: Role::View,
        budget: Budget::Small,
        limits: ContainerLimits::default(),
        security: SecurityPolicy::Restricted,
    }];
    spec
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_namespace_comes_and_goes_with_its_session() -> Result<()> {
    with_installation(async |t| {
        let mut spec = with_second_namespace();
        let second = spec.names.secondary[0].clone();
        spec.objects = vec![json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": second}, "data": {"a": "b"},
        })];
        t.cluster.provision(&spec, &quiet).await?;
        t.cluster.provision(&spec, &quiet).await?;
        let maps: Api<ConfigMap> = Api::namespaced(t.admin.clone(), &second);
        assert_eq!(maps.get("c").await?.data.context("no data")?["a"], "b");
        let bindings: Api<RoleBinding> = Api::namespaced(t.admin.clone(), &second);
        let binding = bindings.get("learner").await?;
        assert_eq!(binding.role_ref.name, "view");
        let subject = &binding.subjects.context("nobody is bound")?[0];
        assert_eq!(subject.namespace.as_deref(), Some(spec.names.namespace.as_str()));
        let policies: Api<NetworkPolicy> = Api::namespaced(t.admin.clone(), &second);
        policies.get("lectern").await?;
        t.cluster.deprovision(&spec.names).await?;
        t.gone(&spec.names.namespace).await?;
        t.gone(&second).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_lab_is_made_when_one_of_its_objects_goes_too_far() -> Result<()> {
    with_installation(async |t| {
        let mut spec = spec();
        let map = |name: &str, namespace: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}})
        };
        spec.objects = vec![map("fine", &spec.names.namespace), map("not-fine", "kube-system")];
        let error = t.cluster.provision(&spec, &quiet).await.expect_err("an object outside the session");
        assert_eq!(error.kind(), ClusterErrorKind::Refused);
        let told = error.learner_message();
        assert!(told.contains("ConfigMap not-fine") && told.contains("kube-system"), "{told}");
        for namespace in [spec.names.namespace.as_str(), "kube-system"] {
            let maps: Api<ConfigMap> = Api::namespaced(t.admin.clone(), namespace);
            assert!(maps.get_opt("fine").await?.is_none() && maps.get_opt("not-fine").await?.is_none());
        }
        Ok(())
    })
    .await
}
