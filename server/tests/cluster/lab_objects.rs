//! A lab's further namespaces and objects, as `provision` makes them and `deprovision` removes them.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::Api;
use lectern_server::cluster::{
    Budget, ClusterErrorKind, ContainerLimits, NamespaceRole, NamespaceSpec, SecurityPolicy, SessionSpec,
};
use serde_json::json;

use crate::harness::{quiet, spec, with_installation};

fn with_second_namespace() -> SessionSpec {
    let mut spec = spec();
    let name = format!("{}-dev", spec.names.namespace);
    spec.names.secondary = vec![name.clone()];
    spec.secondary = vec![NamespaceSpec {
        name,
        role: NamespaceRole::View,
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
        let binding = bindings.get("lectern-learner").await?;
        assert_eq!(binding.role_ref.name, format!("{}:learner-view", t.config.workbench_namespace));
        let subject = &binding.subjects.context("nobody is bound")?[0];
        assert_eq!(subject.name, format!("learner-{}", spec.names.session));
        assert_eq!(subject.namespace.as_deref(), Some(t.config.workbench_namespace.as_str()));
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

/// An object of the RBAC group.
fn rbac(kind: &str, name: &str, rest: serde_json::Value) -> serde_json::Value {
    let mut object =
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}});
    for (key, value) in rest.as_object().into_iter().flatten() {
        object[key] = value.clone();
    }
    object
}

/// Objects that a learner may make, and such as they may not, whatever these are called.
fn tempting_objects(namespace: &str) -> Vec<serde_json::Value> {
    let binds = |role: &str| {
        json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
               "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]})
    };
    vec![
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fine"}}),
        rbac("RoleBinding", "usual", binds("edit")),
        rbac("RoleBinding", "root", binds("cluster-admin")),
        rbac(
            "Role",
            "relabels",
            json!({"rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["patch"]}]}),
        ),
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "mine"}, "spec": {"hard": {"pods": "9"}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "open"},
               "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "host"}, "spec": {"hostPID": true,
               "containers": [{"name": "main", "image": "httpd"}]}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "too"}}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_labs_objects_are_made_with_its_learners_rights_and_no_others() -> Result<()> {
    with_installation(async |t| {
        // what a learner may do less than a lab does not keep the lab's objects from being made
        for role in [NamespaceRole::Admin, NamespaceRole::View] {
            let mut spec = SessionSpec { role, ..spec() };
            spec.objects = tempting_objects(&spec.names.namespace);
            let left_out = t.cluster.provision(&spec, &quiet).await?;
            let names: Vec<&str> = left_out.iter().map(|one| one.object.as_str()).collect();
            let refused =
                ["RoleBinding root", "Role relabels", "ResourceQuota mine", "NetworkPolicy open", "Pod host"];
            assert_eq!(names, refused, "{left_out:#?}");
            let maps: Api<ConfigMap> = Api::namespaced(t.admin.clone(), &spec.names.namespace);
            assert!(maps.get_opt("fine").await?.is_some());
            let bindings: Api<RoleBinding> = Api::namespaced(t.admin.clone(), &spec.names.namespace);
            assert!(bindings.get_opt("root").await?.is_none() && bindings.get_opt("usual").await?.is_some());
            // all of it may be repeated
            assert_eq!(t.cluster.provision(&spec, &quiet).await?.len(), refused.len());
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_the_operator_allows_is_made_with_the_servers_rights() -> Result<()> {
    with_installation(async |t| {
        let mut spec = spec();
        spec.objects = tempting_objects(&spec.names.namespace);
        spec.trusted_types = [("v1".to_owned(), "ResourceQuota".to_owned())].into();
        let left_out = t.cluster.provision(&spec, &quiet).await?;
        assert!(left_out.iter().all(|one| one.object != "ResourceQuota mine"), "{left_out:#?}");
        let quotas: Api<ResourceQuota> = Api::namespaced(t.admin.clone(), &spec.names.namespace);
        assert!(quotas.get_opt("mine").await?.is_some());
        Ok(())
    })
    .await
}
