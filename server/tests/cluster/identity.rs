//! Who a learner is in the cluster, and that they stay it whatever they delete.

use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::{ClusterRole, RoleBinding};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use lectern_server::cluster::SessionSpec;
use serde_json::json;

use crate::harness::{Installation, PATIENCE, quiet, refusal, spec, with_installation};

async fn maps(t: &Installation, spec: &SessionSpec) -> Result<Api<ConfigMap>> {
    Ok(Api::namespaced(t.learner(&spec.names).await?, &spec.names.namespace))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_who_deletes_every_account_and_binding_is_not_locked_out() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        t.guard_is_in_force(&spec.names).await?;
        let learner = t.learner(&spec.names).await?;
        let namespace = &spec.names.namespace;
        let (all, now) = (ListParams::default(), DeleteParams::default());
        let accounts: Api<ServiceAccount> = Api::namespaced(learner.clone(), namespace);
        accounts.delete_collection(&now, &all).await?;
        let bindings: Api<RoleBinding> = Api::namespaced(learner.clone(), namespace);
        let policies: Api<NetworkPolicy> = Api::namespaced(learner.clone(), namespace);
        for refused in [
            refusal(bindings.delete("lectern-learner", &now).await),
            refusal(bindings.delete_collection(&now, &all).await),
            refusal(policies.delete("lectern", &now).await),
            refusal(policies.delete_collection(&now, &all).await),
        ] {
            assert!(refused.0 == 403 && refused.1.contains("belongs to the platform"), "{refused:?}");
        }
        Api::<ConfigMap>::namespaced(learner, namespace).list(&all).await?;
        maps(t, &spec).await?.list(&all).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_takes_away_of_a_sessions_bounds_is_missed_and_put_back() -> Result<()> {
    with_installation(async |t| {
        let mut spec = spec();
        spec.rules = vec![json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]})];
        t.cluster.provision(&spec, &quiet).await?;
        t.cluster.wait_for_bounds().await;
        let whole = async {
            while !t.cluster.list_missing_bounds(&spec).is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, whole).await.context("the watches do not see what is there")?;

        let mut losses = t.cluster.follow_losses();
        let namespace = &spec.names.namespace;
        let bindings: Api<RoleBinding> = Api::namespaced(t.admin.clone(), namespace);
        bindings.delete("lectern-learner", &DeleteParams::default()).await?;
        let lost = tokio::time::timeout(PATIENCE, losses.recv()).await??;
        assert_eq!(lost, spec.names.session);
        assert_eq!(
            t.cluster.list_missing_bounds(&spec),
            [format!("RoleBinding/{namespace}/lectern-learner")]
        );
        t.cluster.restore_bounds(&spec).await?;
        bindings.get("lectern-learner").await?;
        maps(t, &spec).await?.list(&ListParams::default()).await?;
        Ok(())
    })
    .await
}

/// What a session of releases before 0.2 looks like.
async fn make_earlier(t: &Installation, spec: &SessionSpec) -> Result<()> {
    t.cluster.provision(spec, &quiet).await?;
    let (namespace, now, new) = (&spec.names.namespace, DeleteParams::default(), PostParams::default());
    let own: Api<ServiceAccount> = Api::namespaced(t.admin.clone(), &t.config.workbench_namespace);
    let session = format!("lectern.dev/session={}", spec.names.session);
    own.delete_collection(&now, &ListParams::default().labels(&session)).await?;
    let bindings: Api<RoleBinding> = Api::namespaced(t.admin.clone(), namespace);
    let mut binding = bindings.get("lectern-learner").await?;
    bindings.delete("lectern-learner", &now).await?;
    binding.metadata.name = Some("learner".to_owned());
    binding.metadata.resource_version = None;
    binding.role_ref.name = "admin".to_owned();
    let subject = &mut binding.subjects.as_mut().context("nobody is bound")?[0];
    subject.name = "learner".to_owned();
    subject.namespace = Some(namespace.clone());
    bindings.create(&new, &binding).await?;
    let accounts: Api<ServiceAccount> = Api::namespaced(t.admin.clone(), namespace);
    accounts.create(&new, &serde_json::from_value(json!({"metadata": {"name": "learner"}}))?).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_an_earlier_release_keeps_its_learner_and_gets_their_new_account() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        make_earlier(t, &spec).await?;
        // a token that is renewed before anything else happened
        maps(t, &spec).await?.list(&ListParams::default()).await?;

        t.cluster.wait_for_bounds().await;
        let seen = async {
            while !t.cluster.has_earlier_account(&spec.names)
                || t.cluster.list_missing_bounds(&spec).is_empty()
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.context("the earlier account is not seen")?;
        t.cluster.restore_bounds(&spec).await?;
        t.cluster.remove_earlier_account(&spec.names).await?;
        maps(t, &spec).await?.list(&ListParams::default()).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(t.admin.clone(), &spec.names.namespace);
        assert!(accounts.get_opt("learner").await?.is_none());
        let bindings: Api<RoleBinding> = Api::namespaced(t.admin.clone(), &spec.names.namespace);
        assert!(bindings.get_opt("learner").await?.is_none());
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_ends_with_its_session_even_where_nobody_asks() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(t.admin.clone(), &t.config.workbench_namespace);
        let name = format!("learner-{}", spec.names.session);
        accounts.get(&name).await?;
        // as where a server was lost half way
        let namespaces: Api<Namespace> = Api::all(t.admin.clone());
        namespaces.delete(&spec.names.namespace, &DeleteParams::background()).await?;
        let gone = await_condition(accounts, &name, |found: Option<&ServiceAccount>| found.is_none());
        tokio::time::timeout(PATIENCE, gone).await.context("the account stays")??;
        Ok(())
    })
    .await
}

async fn may(client: &Client, namespace: &str, verb: &str, group: &str, resource: &str) -> Result<bool> {
    let text = |text: &str| Some(text.to_owned());
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: text(namespace),
                verb: text(verb),
                group: text(group),
                resource: text(resource),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[tokio::test(flavor = "multi_thread")]
async fn learners_get_nothing_of_what_operators_give_to_other_administrators() -> Result<()> {
    with_installation(async |t| {
        let group = format!("g{:08x}.example.org", rand::random::<u32>());
        let labels = json!({"rbac.authorization.k8s.io/aggregate-to-admin": "true", "rbac.authorization.k8s.io/aggregate-to-edit": "true"});
        let role: ClusterRole = serde_json::from_value(json!({
            "metadata": {"name": group, "labels": labels},
            "rules": [{"apiGroups": [group], "resources": ["machines"], "verbs": ["create"]}],
        }))?;
        let roles: Api<ClusterRole> = Api::all(t.admin.clone());
        roles.create(&PostParams::default(), &role).await?;
        let tried = async {
            let is_added = |role: Option<&ClusterRole>| role.is_some_and(|role| format!("{role:?}").contains("machines"));
            // the cluster's own role has it
            tokio::time::timeout(PATIENCE, await_condition(roles.clone(), "admin", is_added)).await??;
            let spec = spec();
            t.cluster.provision(&spec, &quiet).await?;
            let (learner, namespace) = (t.learner(&spec.names).await?, &spec.names.namespace);
            assert!(may(&learner, namespace, "create", "apps", "deployments").await?);
            assert!(may(&learner, namespace, "create", "rbac.authorization.k8s.io", "roles").await?);
            assert!(!may(&learner, namespace, "create", &group, "machines").await?);
            anyhow::Ok(())
        };
        let tried = tried.await;
        roles.delete(&group, &DeleteParams::default()).await?;
        tried
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_something_of_the_whole_cluster_can_look_whether_it_is_there() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        let learner = t.learner(&spec.names).await?;
        // what `kubectl apply --dry-run=client` asks; 403 ends it
        let namespaces: Api<Namespace> = Api::all(learner.clone());
        assert!(namespaces.get_opt("no-such-namespace").await?.is_none());
        assert!(Api::<ClusterRole>::all(learner.clone()).get_opt("no-such-role").await?.is_none());
        assert_eq!(
            refusal(namespaces.list(&ListParams::default()).await).0,
            403,
            "a learner lists namespaces"
        );
        Ok(())
    })
    .await
}
