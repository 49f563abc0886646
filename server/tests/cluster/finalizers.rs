//! What a learner leaves with finalizers on it.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::PostParams;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use crate::harness::{Installation, PATIENCE, quiet, spec, with_installation};

async fn says_what_is_left(t: &Installation, namespace: &str, kinds: &'static [&'static str]) -> Result<()> {
    let says = move |found: Option<&Namespace>| {
        let status = format!("{:?}", found.and_then(|namespace| namespace.status.as_ref()));
        kinds.iter().all(|kind| status.contains(kind))
    };
    let namespaces: Api<Namespace> = Api::all(t.admin.clone());
    tokio::time::timeout(PATIENCE, await_condition(namespaces, namespace, says))
        .await
        .context("the namespace does not say what is left")??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_learner_holds_back_with_finalizers_goes_with_their_session() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        let namespace = &spec.names.namespace;
        t.quota_is_counted(namespace).await?;
        let learner = t.learner(&spec.names).await?;
        let new = PostParams::default();
        let held = |name: &str, finalizer: &str| json!({"name": name, "finalizers": [finalizer]});
        let spec_of =
            |spec: Value, name: &str| json!({"metadata": held(name, "example.org/never"), "spec": spec});
        let maps: Api<ConfigMap> = Api::namespaced(learner.clone(), namespace);
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(learner.clone(), namespace);
        let pods: Api<Pod> = Api::namespaced(learner.clone(), namespace);
        let claim = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "no-such-class"});
        let pod = json!({"serviceAccountName": "default", "nodeSelector": {"no-such": "node"},
            "containers": [{"name": "main", "image": "httpd"}]});
        maps.create(&new, &serde_json::from_value(json!({"metadata": held("map", "example.org/never")}))?)
            .await?;
        // one that Kubernetes' own controllers take off; of this kind of object none of them ever will
        let theirs = held("theirs", "kubernetes.io/pvc-protection");
        maps.create(&new, &serde_json::from_value(json!({"metadata": theirs}))?).await?;
        claims.create(&new, &serde_json::from_value(spec_of(claim, "claim"))?).await?;
        let pod: Pod = serde_json::from_value(spec_of(pod, "pod"))?;
        let made = async {
            // the namespace's own account comes a moment after it
            while pods.create(&new, &pod).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, made).await.context("the pod was never accepted")?;
        assert_eq!(
            t.cluster.remove_finalizers(namespace, true).await?,
            0,
            "a session that runs loses nothing"
        );

        t.cluster.deprovision(&spec.names).await?;
        // nothing else is looked at before the pods are gone
        let left: Api<Pod> = Api::namespaced(t.admin.clone(), namespace);
        let dying = |pod: Option<&Pod>| pod.is_some_and(|pod| pod.metadata.deletion_timestamp.is_some());
        tokio::time::timeout(PATIENCE, await_condition(left, "pod", dying)).await??;
        assert_eq!(t.cluster.remove_finalizers(namespace, false).await?, 1);
        says_what_is_left(t, namespace, &["configmaps.", "persistentvolumeclaims."]).await?;
        assert!(t.cluster.remove_finalizers(namespace, false).await? >= 2);
        let left = Api::<ConfigMap>::namespaced(t.admin.clone(), namespace);
        let gone = await_condition(left.clone(), "map", |map: Option<&ConfigMap>| map.is_none());
        tokio::time::timeout(PATIENCE, gone).await??;
        assert!(left.get_opt("theirs").await?.is_some(), "Kubernetes' own finalizers are waited for");
        says_what_is_left(t, namespace, &["configmaps. has 1 "]).await?;
        t.cluster.remove_finalizers(namespace, true).await?;
        t.gone(namespace).await
    })
    .await
}
