//! At the API server, with numbers: more objects than anything behind it holds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use serde_json::{Value, json};

use super::Outcome;
use crate::hostile::mallory::{Mallory, counted, in_words, pod};

/// Requests at a time.
const AT_ONCE: usize = 24;
/// How long a flood goes on at most.
const FLOOD_FOR: Duration = Duration::from_secs(60);

/// An object to be made: the API's path, the kind's plural, and its contents.
type Wish = (&'static str, &'static str, Value);

/// Makes objects until all were asked for or the time is over; the statuses.
async fn flood(mallory: &Mallory, wish: impl Fn(usize) -> Wish + Sync, count: usize) -> Vec<u16> {
    let (next, until) = (AtomicUsize::new(0), Instant::now() + FLOOD_FOR);
    let asking = (0..AT_ONCE).map(|_| async {
        let mut statuses = vec![];
        while Instant::now() < until {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            let (group, kind, object) = wish(number);
            statuses.push(mallory.create(group, kind, &object).await.map_or(0, |made| made.0));
        }
        statuses
    });
    join_all(asking).await.concat()
}

fn accepted(statuses: &[u16]) -> usize {
    statuses.iter().filter(|status| (200..300).contains(*status)).count()
}

fn config_map(name: &str, bytes: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name, "labels": { "flood": "yes" } },
        "data": { "x": "x".repeat(bytes) },
    })
}

async fn tidy(mallory: &Mallory, kinds: &str) {
    // what may not be deleted any more goes with the session
    let _ = mallory.kubectl.run(&["delete", kinds, "-l", "flood=yes", "--wait=false"]).await;
}

/// The bytes of the database behind the API server, in MiB.
async fn stored_mib(mallory: &Mallory) -> Result<u64> {
    let metrics = mallory.operator.run(&["get", "--raw", "/metrics"]).await?;
    let line = metrics.lines().find(|line| line.starts_with("apiserver_storage_size_bytes{"));
    let bytes: f64 = line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default();
    Ok((bytes / 1_048_576.0) as u64)
}

/// Fills the database.
pub async fn etcd(mallory: &Mallory) -> Result<Outcome> {
    const BYTES: usize = 1_000_000;
    let map = |n: usize| ("/api/v1", "configmaps", config_map(&format!("big-{n}"), BYTES));
    let statuses = flood(mallory, map, 3000).await;
    let kept = accepted(&statuses) * BYTES / 1_000_000;
    mallory.create("/api/v1", "configmaps", &config_map("churn", 10)).await?;
    let path = format!("/api/v1/namespaces/{}/configmaps/churn", mallory.namespace());
    let until = Instant::now() + FLOOD_FOR / 2;
    let mut changes = vec![];
    while changes.len() < 2000 && Instant::now() < until {
        let asked = (0..AT_ONCE).map(|n| {
            let change = json!({ "data": { "x": format!("{:04}", changes.len() + n).repeat(20_000) } });
            let path = &path;
            async move { mallory.ask("PATCH", path, Some(&change)).await.map_or(0, |answer| answer.0) }
        });
        changes.extend(join_all(asked).await);
    }
    let stored = stored_mib(mallory).await?;
    tidy(mallory, "configmaps").await;
    Ok(Outcome::of(
        kept <= 60 && stored < 2048,
        format!(
            "{kept} MB in config maps ({}); changes: {}; the database holds {stored} MiB",
            in_words(&counted(statuses)),
            in_words(&counted(changes))
        ),
    ))
}

/// Small objects of every kind that learners may make.
pub async fn objects(mallory: &Mallory) -> Result<Outcome> {
    let wish = |n: usize| {
        let name = format!("small-{n}");
        let metadata = json!({ "name": name, "labels": { "flood": "yes" } });
        let template = pod(&name, "true");
        let template = json!({ "metadata": template["metadata"], "spec": template["spec"] });
        let job = json!({ "suspend": true, "template": { "spec": { "restartPolicy": "Never", "containers": template["spec"]["containers"] } } });
        let object = |version: &str, kind: &str, rest: Value| {
            let mut object = json!({ "apiVersion": version, "kind": kind, "metadata": metadata });
            if let (Some(object), Some(rest)) = (object.as_object_mut(), rest.as_object()) {
                object.extend(rest.clone());
            }
            object
        };
        let selector = json!({ "matchLabels": { "app": name } });
        match n % 14 {
            0 => ("/api/v1", "secrets", object("v1", "Secret", json!({}))),
            1 => ("/api/v1", "serviceaccounts", object("v1", "ServiceAccount", json!({}))),
            2 => (
                "/api/v1",
                "services",
                object("v1", "Service", json!({ "spec": { "ports": [{ "port": 80 }] } })),
            ),
            3 => ("/api/v1", "podtemplates", object("v1", "PodTemplate", json!({ "template": template }))),
            4 => ("/api/v1", "configmaps", object("v1", "ConfigMap", json!({}))),
            5 => (
                "/apis/apps/v1",
                "deployments",
                object(
                    "apps/v1",
                    "Deployment",
                    json!({ "spec": { "replicas": 0, "selector": selector, "template": template } }),
                ),
            ),
            6 => (
                "/apis/apps/v1",
                "replicasets",
                object(
                    "apps/v1",
                    "ReplicaSet",
                    json!({ "spec": { "replicas": 0, "selector": selector, "template": template } }),
                ),
            ),
            7 => ("/apis/batch/v1", "jobs", object("batch/v1", "Job", json!({ "spec": job }))),
            8 => (
                "/apis/batch/v1",
                "cronjobs",
                object(
                    "batch/v1",
                    "CronJob",
                    json!({ "spec": { "schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": { "spec": job } } }),
                ),
            ),
            9 => (
                "/apis/rbac.authorization.k8s.io/v1",
                "roles",
                object("rbac.authorization.k8s.io/v1", "Role", json!({ "rules": [] })),
            ),
            10 => (
                "/apis/coordination.k8s.io/v1",
                "leases",
                object("coordination.k8s.io/v1", "Lease", json!({})),
            ),
            11 => (
                "/apis/policy/v1",
                "poddisruptionbudgets",
                object(
                    "policy/v1",
                    "PodDisruptionBudget",
                    json!({ "spec": { "minAvailable": 1, "selector": selector } }),
                ),
            ),
            12 => (
                "/apis/discovery.k8s.io/v1",
                "endpointslices",
                object(
                    "discovery.k8s.io/v1",
                    "EndpointSlice",
                    json!({ "addressType": "IPv4", "endpoints": [] }),
                ),
            ),
            _ => (
                "/api/v1",
                "events",
                object(
                    "v1",
                    "Event",
                    json!({ "involvedObject": { "namespace": mallory.namespace() }, "reason": "x" }),
                ),
            ),
        }
    };
    let statuses = flood(mallory, wish, 10_000).await;
    let kept = accepted(&statuses);
    tidy(
        mallory,
        "secrets,serviceaccounts,services,podtemplates,configmaps,deployments,replicasets,jobs,cronjobs,roles,\
         poddisruptionbudgets",
    )
    .await;
    Ok(Outcome::of(kept <= 1500, format!("{kept} were made; {}", in_words(&counted(statuses)))))
}

/// Policies that make many rules of one another.
pub async fn policies(mallory: &Mallory) -> Result<Outcome> {
    let wish = |n: usize| {
        let ports: Vec<Value> =
            (0..60).map(|p| json!({ "port": 1000 + 20 * p, "endPort": 1010 + 20 * p })).collect();
        let object = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": { "name": format!("many-{n}"), "labels": { "flood": "yes" } },
            "spec": { "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }], "ports": ports }] },
        });
        ("/apis/networking.k8s.io/v1", "networkpolicies", object)
    };
    let statuses = flood(mallory, wish, 5000).await;
    let kept = accepted(&statuses);
    // pods that they apply to, while neighbours start theirs
    for n in 0..5 {
        mallory.create("/api/v1", "pods", &pod(&format!("policed-{n}"), "sleep 600")).await?;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    tidy(mallory, "networkpolicies").await;
    Ok(Outcome::of(kept <= 50, format!("{kept} were made; {}", in_words(&counted(statuses)))))
}

/// Objects that stay for ever, unless the platform takes their finalizers away.
pub async fn finalizers(mallory: &Mallory) -> Result<Outcome> {
    let metadata = |name: &str| json!({ "name": name, "finalizers": ["example.com/never"] });
    let mut stubborn = pod("never", "sleep 600");
    stubborn["metadata"] = metadata("never");
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata("never"),
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "100Mi" } } },
    });
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("never") });
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata("never") });
    let mut made = 0;
    for (kind, object) in [
        ("pods", stubborn),
        ("persistentvolumeclaims", claim),
        ("configmaps", map),
        ("serviceaccounts", account),
    ] {
        made += usize::from(mallory.create("/api/v1", kind, &object).await?.0 < 300);
    }
    // whether they go with the session is counted when all is over
    Ok(Outcome::of(made > 0, format!("{made} were made; see what is left behind at the end")))
}
