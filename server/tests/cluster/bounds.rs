//! What learners may write and run in their namespaces, tried with their own credentials.

use anyhow::{Context as _, Result};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::authorization::v1::{SelfSubjectRulesReview, SelfSubjectRulesReviewSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ResourceQuota, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::PostParams;
use kube::{Api, Client};
use lectern_server::cluster::{Budget, Cluster, ClusterConfig, SessionSpec};
use serde_json::{Value, json};

use crate::harness::{Installation, quiet, refusal, spec, with_installation, write};

/// A session whose learner's guard and quota are in force; the learner's client.
pub async fn ready(t: &Installation, spec: &SessionSpec) -> Result<Client> {
    t.cluster.provision(spec, &quiet).await?;
    tokio::try_join!(t.quota_is_counted(&spec.names.namespace), t.guard_is_in_force(&spec.names))?;
    t.learner(&spec.names).await
}

pub fn object(version: &str, kind: &str, spec: Value) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": "mine"}, "spec": spec})
}

fn pod(more: &Value) -> Value {
    let mut spec = json!({"containers": [{"name": "main", "image": "httpd"}]});
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    object("v1", "Pod", spec)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_that_a_learner_may_make_is_counted() -> Result<()> {
    with_installation(async |t| {
        let mut spec = SessionSpec { budget: Budget::Custom, ..spec() };
        spec.rules =
            vec![json!({"apiGroups": ["example.org"], "resources": ["widgets"], "verbs": ["create"]})];
        t.cluster.provision(&spec, &quiet).await?;
        let namespace = &spec.names.namespace;
        let review = SelfSubjectRulesReview {
            spec: SelfSubjectRulesReviewSpec { namespace: Some(namespace.clone()) },
            ..SelfSubjectRulesReview::default()
        };
        let learner = t.learner(&spec.names).await?;
        let answer = Api::all(learner).create(&PostParams::default(), &review).await?;
        let quotas: Api<ResourceQuota> = Api::namespaced(t.admin.clone(), namespace);
        let quota = quotas.get("lectern-objects").await?;
        let hard = quota.spec.and_then(|spec| spec.hard).context("no quota")?;
        let mut seen = 0;
        for rule in answer.status.context("no answer")?.resource_rules {
            if !rule.verbs.iter().any(|verb| verb == "create") {
                continue;
            }
            let groups = rule.api_groups.unwrap_or_default();
            for (group, resource) in
                groups.iter().flat_map(|group| rule.resources.iter().flatten().map(move |one| (group, one)))
            {
                let is_stored = !matches!(
                    group.as_str(),
                    // questions, and a group that no longer exists
                    "authorization.k8s.io" | "authentication.k8s.io" | "extensions"
                ) && !resource.contains('/');
                // the guard lets no learner write events
                if !is_stored || resource == "events" {
                    continue;
                }
                let dot = if group.is_empty() { "" } else { "." };
                let name = format!("{resource}{dot}{group}");
                assert!(
                    hard.contains_key(&name) || hard.contains_key(&format!("count/{name}")),
                    "{name} is not counted"
                );
                seen += 1;
            }
        }
        assert!(seen > 15, "the review names {seen} kinds only");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_cannot_fill_the_clusters_database() -> Result<()> {
    with_installation(async |t| {
        let spec = SessionSpec { budget: Budget::Small, ..spec() };
        let learner = ready(t, &spec).await?;
        let namespace = &spec.names.namespace;
        let map = |size: usize| {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "x".repeat(size)}})
        };
        write(&learner, namespace, &map(100 << 10)).await?;
        let (code, message) = refusal(write(&learner, namespace, &map(200 << 10)).await);
        assert!(code == 403 && message.contains("larger than learners may store"), "{message}");
        // four bytes for each character
        let wide = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "😀".repeat(50 << 10)}});
        assert_eq!(refusal(write(&learner, namespace, &wide).await).0, 403);
        let long = pod(&json!({"containers": [
            {"name": "main", "image": "httpd", "env": [{"name": "A", "value": "x".repeat(30 << 10)}]}]}));
        let (code, message) = refusal(write(&learner, namespace, &long).await);
        assert!(code == 403 && message.contains("larger than learners may store"), "{message}");
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"},
            "involvedObject": {"kind": "Pod", "name": "p", "namespace": namespace}});
        let (code, message) = refusal(write(&learner, namespace, &event).await);
        assert!(code == 403 && message.contains("events"), "{message}");

        let maps: Api<ConfigMap> = Api::namespaced(learner, namespace);
        let mut made = 0;
        let message = loop {
            let map = serde_json::from_value(json!({"metadata": {"name": format!("map-{made}")}}))?;
            match maps.create(&PostParams::default(), &map).await {
                Ok(_) => made += 1,
                Err(error) => break error.to_string(),
            }
            assert!(made <= 50, "there is no end to config maps");
        };
        assert!(message.contains("exceeded quota: lectern-objects"), "{message}");
        assert!(made > 40, "a lab could make {made} config maps only");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_of_a_session_cannot_push_others_aside_or_make_the_node_mount_things() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        let learner = ready(t, &spec).await?;
        let namespace = &spec.names.namespace;
        let volume = |source: Value| {
            let mut volume = json!({"name": "v"});
            for (key, value) in source.as_object().into_iter().flatten() {
                volume[key] = value.clone();
            }
            json!({"volumes": [volume]})
        };
        let refused = [
            (json!({"priorityClassName": "system-node-critical"}), "priority class"),
            (json!({"priorityClassName": "lectern-workbench"}), "priority class"),
            (volume(json!({"nfs": {"server": "192.0.2.1", "path": "/"}})), "volumes"),
            (volume(json!({"iscsi": {"targetPortal": "192.0.2.1", "iqn": "iqn.2001-04.org.example:a", "lun": 0}})), "volumes"),
            (volume(json!({"cephfs": {"monitors": ["192.0.2.1"]}})), "volumes"),
            (volume(json!({"csi": {"driver": "csi.example.org"}})), "volumes"),
            (json!({"tolerations": [{"operator": "Exists"}]}), "taints"),
            (json!({"tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]}), "taints"),
            (json!({"terminationGracePeriodSeconds": 31_536_000}), "terminationGracePeriodSeconds"),
            (json!({"resourceClaims": [{"name": "c", "resourceClaimName": "c"}]}), "devices"),
            (
                json!({"containers": [{"name": "main", "image": "httpd",
                    "resources": {"limits": {"example.com/gpu": "1"}}}]}),
                "may ask for cpu",
            ),
        ];
        for (more, told) in refused {
            let template = json!({
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod(&more)["spec"]},
            });
            // the cluster's own controllers make pods, too: it does not matter who asks
            for (client, object) in [
                (&learner, pod(&more)),
                (&t.admin, pod(&more)),
                (&learner, object("apps/v1", "Deployment", template)),
            ] {
                let (code, message) = refusal(write(client, namespace, &object).await);
                assert!(code == 403 && message.contains(told), "{more}: {message}");
            }
        }
        let fine = json!({
            "volumes": [{"name": "e", "emptyDir": {"medium": "Memory"}}, {"name": "c", "configMap": {"name": "c"}}],
            "tolerations": [{"key": "app", "operator": "Equal", "value": "blue", "effect": "NoSchedule"}],
            "terminationGracePeriodSeconds": 60,
        });
        let made: Pod = serde_json::from_value(serde_json::to_value(write(&learner, namespace, &pod(&fine)).await?)?)?;
        let container = &made.spec.context("no spec")?.containers[0];
        let limits = container.resources.as_ref().and_then(|all| all.limits.as_ref()).context("no limits")?;
        assert_eq!(limits["ephemeral-storage"].0, "512Mi", "a container may fill its node's disk");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_cannot_fill_the_disk() -> Result<()> {
    with_installation(async |t| {
        let spec = SessionSpec { budget: Budget::Small, ..spec() };
        let learner = ready(t, &spec).await?;
        let namespace = &spec.names.namespace;
        let with_disk = |amount: &str| {
            pod(&json!({"containers": [{"name": "main", "image": "httpd",
                "resources": {"limits": {"ephemeral-storage": amount}}}]}))
        };
        let (code, message) = refusal(write(&learner, namespace, &with_disk("3Gi")).await);
        assert!(code == 403 && message.contains("maximum ephemeral-storage"), "{message}");
        let pods: Api<Pod> = Api::namespaced(learner.clone(), namespace);
        let message = async {
            for name in ["a", "b", "c"] {
                let mut pod: Pod = serde_json::from_value(with_disk("2Gi"))?;
                pod.metadata.name = Some(name.to_owned());
                if let Err(error) = pods.create(&PostParams::default(), &pod).await {
                    return anyhow::Ok(error.to_string());
                }
            }
            Ok("three times 2Gi".to_owned())
        };
        let message = message.await?;
        assert!(message.contains("exceeded quota: lectern-objects"), "{message}");
        let claim = |size: &str| {
            object(
                "v1",
                "PersistentVolumeClaim",
                json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}),
            )
        };
        let (code, message) = refusal(write(&learner, namespace, &claim("2Gi")).await);
        assert!(code == 403 && message.contains("maximum storage usage"), "{message}");
        write(&learner, namespace, &claim("1Gi")).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disruption_budget_of_a_learner_lets_pods_go() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        let learner = ready(t, &spec).await?;
        let budget = |bound: Value| {
            let mut spec = json!({"selector": {"matchLabels": {"a": "b"}}});
            for (key, value) in bound.as_object().into_iter().flatten() {
                spec[key] = value.clone();
            }
            object("policy/v1", "PodDisruptionBudget", spec)
        };
        for bound in
            [json!({"maxUnavailable": 0}), json!({"maxUnavailable": "0%"}), json!({"minAvailable": "100%"})]
        {
            let (code, message) = refusal(write(&learner, &spec.names.namespace, &budget(bound)).await);
            assert!(code == 403 && message.contains("disruption budget"), "{message}");
        }
        write(&learner, &spec.names.namespace, &budget(json!({"maxUnavailable": 1}))).await?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbench_is_bounded_and_goes_after_its_learners_pods() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        let pod = t.pods(&t.config.workbench_namespace).get(&spec.names.workbench).await?;
        let pod = pod.spec.context("no spec")?;
        assert_eq!(pod.priority_class_name.as_deref(), Some("lectern-workbench"));
        assert_eq!((pod.priority, pod.preemption_policy.as_deref()), (Some(1000), Some("Never")));
        let limits = pod.containers[0].resources.clone().and_then(|all| all.limits).context("no limits")?;
        for name in ["cpu", "memory", "ephemeral-storage"] {
            assert!(limits.contains_key(name), "no limit of {name}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_cannot_be_installed_is_told() -> Result<()> {
    with_installation(async |t| {
        assert_eq!(t.cluster.missing_guard(), None);
        // a server with every right but that one
        let namespace = &t.config.workbench_namespace;
        let new = PostParams::default();
        let groups = [
            "",
            "rbac.authorization.k8s.io",
            "networking.k8s.io",
            "discovery.k8s.io",
            "scheduling.k8s.io",
            "storage.k8s.io",
        ];
        let role = json!({
            "metadata": {"name": namespace, "ownerReferences": [t.owner().await?]},
            "rules": [{"apiGroups": groups, "resources": ["*"], "verbs": ["*"]}],
        });
        Api::<ClusterRole>::all(t.admin.clone()).create(&new, &serde_json::from_value(role)?).await?;
        let binding = json!({
            "metadata": {"name": namespace, "ownerReferences": [t.owner().await?]},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": namespace},
            "subjects": [{"kind": "ServiceAccount", "name": "server", "namespace": namespace}],
        });
        Api::<ClusterRoleBinding>::all(t.admin.clone())
            .create(&new, &serde_json::from_value(binding)?)
            .await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(t.admin.clone(), namespace);
        accounts.create(&new, &serde_json::from_value(json!({"metadata": {"name": "server"}}))?).await?;
        let token = accounts.create_token_request("server", &new, &TokenRequest::default()).await?;
        let path = t.kubeconfig_with_token(&token.status.context("no token")?.token)?;
        let config = ClusterConfig { kubeconfig: Some(path.clone()), ..t.config.clone() };
        let connected = Cluster::connect(&config).await;
        std::fs::remove_file(path)?;
        let reason = connected?.missing_guard().context("nothing is missing")?.to_owned();
        assert!(reason.contains("validatingadmissionpolicies"), "{reason}");
        Ok(())
    })
    .await
}
