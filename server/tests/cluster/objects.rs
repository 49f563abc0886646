//! What `provision` writes, what it lets learners do, and what `deprovision` leaves.

use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{ConfigMap, LimitRange, Namespace, Pod, ResourceQuota, Secret};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use lectern_server::cluster::{
    Budget, Cluster, ClusterConfig, ClusterErrorKind, NamespaceRole, SecurityPolicy, SessionSpec,
};
use serde_json::{Value, json};

use crate::bounds::{object, ready};
use crate::harness::{self, PATIENCE, labels, pod, quiet, refusal, spec, with_installation, write};

#[tokio::test(flavor = "multi_thread")]
async fn provisioning_twice_makes_the_same_objects_and_follows_changes() -> Result<()> {
    with_installation(async |t| {
        let mut spec = SessionSpec { budget: Budget::Small, ..spec() };
        t.cluster.provision(&spec, &quiet).await?;
        t.cluster.provision(&spec, &quiet).await?;
        spec.security = SecurityPolicy::Restricted;
        t.another_server().await?.provision(&spec, &quiet).await?;

        let namespace = Api::<Namespace>::all(t.admin.clone()).get(&spec.names.namespace).await?;
        assert_eq!(labels(&namespace)["pod-security.kubernetes.io/enforce"], "restricted");
        assert_eq!(labels(&namespace)["lectern.dev/session"], spec.names.session.to_string());
        let quotas: Api<ResourceQuota> = Api::namespaced(t.admin.clone(), &spec.names.namespace);
        let compute =
            quotas.get("lectern-compute").await?.spec.context("no spec")?.hard.context("no limits")?;
        assert_eq!(compute["limits.memory"].0, "1Gi");
        assert_eq!(quotas.list(&ListParams::default()).await?.items.len(), 4);
        let limits: Api<LimitRange> = Api::namespaced(t.admin.clone(), &spec.names.namespace);
        assert_eq!(limits.list(&ListParams::default()).await?.items.len(), 1);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_reaches_their_own_namespace_and_no_other() -> Result<()> {
    with_installation(async |t| {
        let (one, two) = (spec(), spec());
        tokio::try_join!(t.cluster.provision(&one, &quiet), t.cluster.provision(&two, &quiet))?;
        let learner = t.learner(&one.names).await?;

        let own: Api<ConfigMap> = Api::namespaced(learner.clone(), &one.names.namespace);
        let made = json!({"metadata": {"name": "mine"}, "data": {"a": "b"}});
        own.create(&PostParams::default(), &serde_json::from_value(made)?).await?;

        let (code, _) = refusal(Api::<Namespace>::all(learner.clone()).list(&ListParams::default()).await);
        assert_eq!(code, 403, "a learner lists namespaces");
        for elsewhere in [&two.names.namespace, &t.config.workbench_namespace, &"kube-system".to_owned()] {
            let pods: Api<Pod> = Api::namespaced(learner.clone(), elsewhere);
            assert_eq!(refusal(pods.list(&ListParams::default()).await).0, 403, "pods of {elsewhere}");
            let secrets: Api<Secret> = Api::namespaced(learner.clone(), elsewhere);
            assert_eq!(refusal(secrets.list(&ListParams::default()).await).0, 403, "secrets of {elsewhere}");
        }
        let quotas: Api<ResourceQuota> = Api::namespaced(learner.clone(), &one.names.namespace);
        let (code, _) = refusal(quotas.delete("lectern-compute", &DeleteParams::default()).await);
        assert_eq!(code, 403, "a learner removes their quota");
        let namespaces: Api<Namespace> = Api::all(learner);
        let relabel = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}});
        let relabelled =
            namespaces.patch(&one.names.namespace, &PatchParams::default(), &Patch::Merge(relabel)).await;
        assert_eq!(refusal(relabelled).0, 403, "a learner lifts pod security");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_may_look_and_not_write() -> Result<()> {
    with_installation(async |t| {
        let spec = SessionSpec { role: NamespaceRole::View, ..spec() };
        t.cluster.provision(&spec, &quiet).await?;
        let maps: Api<ConfigMap> = Api::namespaced(t.learner(&spec.names).await?, &spec.names.namespace);
        maps.list(&ListParams::default()).await?;
        let made = serde_json::from_value(json!({"metadata": {"name": "mine"}}))?;
        assert_eq!(refusal(maps.create(&PostParams::default(), &made).await).0, 403);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pod_security_and_quota_refuse_what_goes_too_far() -> Result<()> {
    with_installation(async |t| {
        let spec = SessionSpec { budget: Budget::Small, ..spec() };
        t.cluster.provision(&spec, &quiet).await?;
        let namespace = &spec.names.namespace;
        t.quota_is_counted(namespace).await?;
        let pods: Api<Pod> = Api::namespaced(t.learner(&spec.names).await?, namespace);
        // admission answers a dry run as the real request
        let dry = PostParams { dry_run: true, ..PostParams::default() };

        let mut privileged = pod("privileged", "httpd", &[]);
        let container = &mut privileged.spec.as_mut().context("no spec")?.containers[0];
        container.security_context = serde_json::from_value(json!({"privileged": true}))?;
        let (code, message) = refusal(pods.create(&dry, &privileged).await);
        assert!(code == 403 && message.contains("violates PodSecurity \"baseline:latest\""), "{message}");

        let mut hungry = pod("hungry", "httpd", &[]);
        let container = &mut hungry.spec.as_mut().context("no spec")?.containers[0];
        container.resources = serde_json::from_value(json!({"limits": {"memory": "2Gi"}}))?;
        let (code, message) = refusal(pods.create(&dry, &hungry).await);
        assert!(code == 403 && message.contains("maximum memory usage per Container is 1Gi"), "{message}");

        let mut second = pod("second", "httpd", &[]);
        let spec = second.spec.as_mut().context("no spec")?;
        spec.containers[0].resources =
            serde_json::from_value(json!({"limits": {"memory": "900Mi", "cpu": "100m"}}))?;
        let mut other = spec.containers[0].clone();
        other.name = "other".to_owned();
        spec.containers.push(other);
        let (code, message) = refusal(pods.create(&dry, &second).await);
        assert!(code == 403 && message.contains("exceeded quota: lectern-compute"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_cannot_widen_what_the_network_lets_through() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        let learner = ready(t, &spec).await?;
        let namespace = &spec.names.namespace;
        let policy = |part: &str, rules: &Value| {
            let types = if part == "egress" { "Egress" } else { "Ingress" };
            object("networking.k8s.io/v1", "NetworkPolicy", json!({"podSelector": {}, "policyTypes": [types], part: rules}))
        };
        let of = |name: &str| json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}});
        let dns = json!([{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]);
        let kube_dns = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}});
        let anybodys_dns = json!({"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}});
        let block = json!({"ipBlock": {"cidr": "169.254.169.254/32"}});
        for (part, rules) in [
            ("egress", json!([{}])),
            ("egress", json!([{"to": [block]}])),
            ("egress", json!([{"to": [block], "ports": dns}])),
            ("egress", json!([{"ports": dns}])),
            ("egress", json!([{"to": [anybodys_dns], "ports": dns}])),
            ("egress", json!([{"to": [kube_dns], "ports": [{"port": 9153}]}])),
            ("egress", json!([{"to": [{"namespaceSelector": {}}]}])),
            ("egress", json!([{"to": [of("lab-of-somebody-else")]}])),
            ("ingress", json!([{}])),
            ("ingress", json!([{"ports": [{"port": 80}]}])),
            ("ingress", json!([{"from": [block]}])),
            ("ingress", json!([{"from": [{"namespaceSelector": {}}]}])),
            ("ingress", json!([{"from": [{"podSelector": {}}, of("kube-system")]}])),
        ] {
            let (code, message) = refusal(write(&learner, namespace, &policy(part, &rules)).await);
            assert!(code == 403 && message.contains("decided by the platform"), "{part} {rules}: {message}");
        }
        for (part, rules) in [
            ("egress", json!([])),
            ("egress", json!([{"to": [{"podSelector": {}}]}, {"to": [kube_dns], "ports": dns}])),
            ("egress", json!([{"to": [of(&format!("{namespace}-dev"))]}])),
            ("ingress", json!([])),
            ("ingress", json!([{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}, of(namespace)], "ports": [{"port": 80}]}])),
        ] {
            write(&learner, namespace, &policy(part, &rules)).await.with_context(|| format!("{part} {rules}"))?;
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn deprovisioning_leaves_nothing_and_may_be_repeated() -> Result<()> {
    with_installation(async |t| {
        let (spec, other) = (spec(), spec());
        tokio::try_join!(t.cluster.provision(&spec, &quiet), t.cluster.provision(&other, &quiet))?;
        let mut changes = t.cluster.follow_managed();
        let seen = async {
            while t
                .cluster
                .list_managed()
                .iter()
                .filter(|one| one.namespaces.len() + one.workbenches.len() == 2)
                .count()
                < 2
            {
                assert!(changes.changed().await);
            }
        };
        tokio::time::timeout(PATIENCE, seen).await.context("the sessions are not listed")?;

        t.cluster.deprovision(&spec.names).await?;
        t.cluster.deprovision(&spec.names).await?;
        t.gone(&spec.names.namespace).await?;
        let mut changes = t.cluster.follow_managed();
        let gone = async {
            while t.cluster.list_managed().iter().any(|one| one.session == spec.names.session) {
                assert!(changes.changed().await);
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.context("the session is still listed")?;
        let policies: Api<NetworkPolicy> = Api::namespaced(t.admin.clone(), &t.config.workbench_namespace);
        assert!(policies.get_opt(&spec.names.workbench).await?.is_none());
        assert!(t.pods(&t.config.workbench_namespace).get_opt(&other.names.workbench).await?.is_some());
        let again = t.cluster.learner_kubeconfig(&spec.names, Duration::from_secs(600)).await;
        assert_eq!(again.expect_err("a token for nobody").kind(), ClusterErrorKind::NotFound);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_hangs_on_a_finalizer_is_reported() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        let maps: Api<ConfigMap> = Api::namespaced(t.admin.clone(), &spec.names.namespace);
        let held = json!({"metadata": {"name": "held", "finalizers": ["example.org/never"]}});
        maps.create(&PostParams::default(), &serde_json::from_value(held)?).await?;
        t.cluster.deprovision(&spec.names).await?;

        let mut changes = t.cluster.follow_managed();
        let later = chrono::Utc::now() + chrono::Duration::hours(1);
        let reported = async {
            loop {
                let stuck = t.cluster.stuck_deletions(later, Duration::from_secs(60));
                if let Some(words) = stuck.into_iter().find_map(|one| one.held_by) {
                    return words;
                }
                assert!(changes.changed().await);
            }
        };
        let words = tokio::time::timeout(PATIENCE, reported).await;
        let release = json!({"metadata": {"finalizers": null}});
        maps.patch("held", &PatchParams::default(), &Patch::Merge(release)).await?;
        let words = words.context("no deletion is reported")?;
        assert!(words.contains("example.org/never"), "{words}");
        assert!(t.cluster.stuck_deletions(chrono::Utc::now(), Duration::from_secs(3600)).is_empty());
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_leads_nowhere_names_the_file_and_the_server() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lectern-test-{:08x}", rand::random::<u32>()));
    std::fs::create_dir(&folder)?;
    let path = folder.join("kubeconfig");
    // a port that was free a moment ago
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = format!("https://127.0.0.1:{port}");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    std::fs::write(&path, text.to_string())?;
    let config = ClusterConfig { kubeconfig: Some(path.clone()), ..ClusterConfig::default() };
    let error = Cluster::connect(&config).await.expect_err("nobody listens there");
    assert_eq!(error.kind(), ClusterErrorKind::Unreachable);
    let words = error.to_string();
    assert!(words.contains(&server) && words.contains("kubeconfig"), "{words}");

    std::fs::write(&path, "clusters: [")?;
    let words = Cluster::connect(&config).await.expect_err("not a kubeconfig").to_string();
    assert!(words.contains(&path.display().to_string()), "{words}");
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_class_that_is_not_there_is_named_with_those_that_are() -> Result<()> {
    with_installation(async |here| {
        let config =
            ClusterConfig { home_storage_class: Some("no-such-class".to_owned()), ..here.config.clone() };
        let words = Cluster::connect(&config).await.expect_err("there is no such class").to_string();
        let known = here.config.home_storage_class.as_deref().unwrap_or("there are none");
        assert!(words.contains("\"no-such-class\"") && words.contains(known), "{words}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_installations_on_one_cluster_do_not_see_each_others_sessions() -> Result<()> {
    with_installation(async |one| {
        with_installation(async |two| {
            let spec = harness::spec();
            one.cluster.provision(&spec, &quiet).await?;
            let mut changes = one.cluster.follow_managed();
            let seen = async {
                while one.cluster.list_managed().is_empty() {
                    assert!(changes.changed().await);
                }
            };
            tokio::time::timeout(PATIENCE, seen).await?;
            // a session of its own, so that the second watch is known to have gone past the first one's
            let own = harness::spec();
            two.cluster.provision(&own, &quiet).await?;
            let mut changes = two.cluster.follow_managed();
            let seen = async {
                while two.cluster.list_managed().is_empty() {
                    assert!(changes.changed().await);
                }
            };
            tokio::time::timeout(PATIENCE, seen).await?;
            let sessions: Vec<_> = two.cluster.list_managed().iter().map(|one| one.session).collect();
            assert_eq!(sessions, [own.names.session]);
            Ok(())
        })
        .await
    })
    .await
}
