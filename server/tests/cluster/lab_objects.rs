//! A lab's further namespaces and objects, as `provision` makes them and `deprovision` removes them.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{ConfigMap, ResourceQuota};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use lectern_server::cluster::{
    Budget, ContainerLimits, NamespaceRole, NamespaceSpec, SecurityPolicy, SessionSpec,
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
async fn an_object_outside_the_session_is_left_out_and_the_others_are_made() -> Result<()> {
    with_installation(async |t| {
        let mut spec = spec();
        let map = |name: &str, namespace: &str| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}})
        };
        spec.objects = vec![map("not-fine", "kube-system"), map("fine", &spec.names.namespace)];
        let left_out = t.cluster.provision(&spec, &quiet).await?;
        let names: Vec<_> = left_out.iter().map(|one| (one.object.as_str(), one.reason.as_str())).collect();
        assert_eq!(names, [("ConfigMap not-fine", "its namespace kube-system is none of the session's")]);
        let maps = |namespace: &str| Api::<ConfigMap>::namespaced(t.admin.clone(), namespace);
        assert!(maps(&spec.names.namespace).get_opt("fine").await?.is_some());
        assert!(maps("kube-system").get_opt("not-fine").await?.is_none());
        Ok(())
    })
    .await
}

/// Waits until nothing of a kind has this name.
async fn swept<K>(api: &Api<K>, name: &str) -> Result<()>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned + k8s_openapi::Metadata<Ty = ObjectMeta>,
    K: kube::Resource<DynamicType = ()>,
{
    for _ in 0..600 {
        if api.get_opt(name).await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!("{name} is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_the_whole_cluster_are_each_sessions_own_and_go_with_it() -> Result<()> {
    with_installation(async |t| {
        let rbac_version = "rbac.authorization.k8s.io/v1".to_owned();
        let of_session = || {
            let mut spec = spec();
            let namespace = spec.names.namespace.clone();
            spec.objects = vec![
                rbac(
                    "ClusterRoleBinding",
                    "looks",
                    json!({"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "looks"},
                           "subjects": [{"kind": "ServiceAccount", "name": namespace, "namespace": namespace}]}),
                ),
                rbac(
                    "ClusterRole",
                    "looks",
                    json!({"rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]}),
                ),
            ];
            spec.trusted_types = ["ClusterRole", "ClusterRoleBinding"]
                .map(|kind| (rbac_version.clone(), kind.to_owned()))
                .into();
            spec
        };
        let (one, two) = (of_session(), of_session());
        let bindings: Api<ClusterRoleBinding> = Api::all(t.admin.clone());
        let roles: Api<ClusterRole> = Api::all(t.admin.clone());
        for spec in [&one, &two] {
            assert_eq!(t.cluster.provision(spec, &quiet).await?, []);
            // all of it may be repeated
            assert_eq!(t.cluster.provision(spec, &quiet).await?, []);
            let name = format!("looks-{}", spec.names.namespace);
            let binding = bindings.get(&name).await?;
            assert_eq!(binding.role_ref.name, name);
            let subject = &binding.subjects.context("nobody is bound")?[0];
            assert_eq!(subject.name, format!("learner-{}", spec.names.session));
            assert!(roles.get_opt(&name).await?.is_some());
        }
        assert!(roles.get_opt("looks").await?.is_none());
        t.cluster.deprovision(&one.names).await?;
        t.gone(&one.names.namespace).await?;
        let name = format!("looks-{}", one.names.namespace);
        swept(&bindings, &name).await?;
        swept(&roles, &name).await?;
        assert!(roles.get_opt(&format!("looks-{}", two.names.namespace)).await?.is_some());
        t.cluster.deprovision(&two.names).await?;
        t.gone(&two.names.namespace).await
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
