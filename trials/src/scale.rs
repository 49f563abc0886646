//! The control plane with many sessions whose pods are on simulated nodes: one real session is copied, its row in
//! Postgres and its objects on the real API server, and the trial reports the pods as running where a kubelet would.

mod api;
mod copies;
mod metrics;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{SecondsFormat, Utc};
use futures::{StreamExt, TryStreamExt};
use lectern_testbed::Kubectl;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::figures::{Figures, Times};
use crate::stage::{COLD, Stage};
use api::Api;
use copies::Names;

/// How long calls are counted.
const COUNTED_FOR: Duration = Duration::from_secs(120);
/// How long everything may come to rest before.
const REST: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(120);
const PODS_PER_NODE: usize = 200;
const AT_A_TIME: usize = 16;
/// What of a learner's namespace is copied.
const IN_NAMESPACE: [&str; 6] = [
    "/api/v1/namespaces/{}/serviceaccounts",
    "/api/v1/namespaces/{}/resourcequotas",
    "/api/v1/namespaces/{}/limitranges",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
];
/// What the server's log says of each pass of its reconciler.
const PASS: &str = "a pass over the sessions";

/// Measures with one session, copies it, and measures again.
pub async fn measure(stage: &mut Stage, count: usize, figures: &mut Figures) -> Result<()> {
    let api = Api::open(&stage.kubectl).await?;
    let learner = stage.admin.clone();
    let session = learner.start_session(COLD).await?;
    learner.wait_until_running(&session, PATIENCE).await?;
    let with_one = count_calls(stage, &api, "one session").await?;
    stage.server.stop().await?;
    let without = count_calls_without(&api, "no server").await?;

    let row = read_row(stage, session.id.0).await?;
    let original = Names::of_row(&row).context("the session's row has no names")?;
    let began = Instant::now();
    let nodes = make_nodes(&api, count.div_ceil(PODS_PER_NODE)).await?;
    let alive = tokio::spawn(keep_alive(stage.kubectl.clone(), nodes.clone()));
    let copies = copy_rows(stage, &row, &original, count).await?;
    copy_objects(&api, stage.server.namespace(), &original, &copies, &nodes).await?;
    println!("scale: {count} sessions were copied in {} s", began.elapsed().as_secs());

    let without_many = count_calls_without(&api, "no server").await?;
    let logged = std::fs::read_to_string(stage.server.log())?.len();
    let started = Instant::now();
    stage.server.start().await?;
    figures.add("scale_server_start_ms", started.elapsed().as_secs_f64() * 1000.0);
    let before = cpu_ticks(stage.server.pid()?)?;
    let with_many = count_calls(stage, &api, "many sessions").await?;
    let busy = (cpu_ticks(stage.server.pid()?)? - before) / (COUNTED_FOR + REST).as_secs_f64();

    figures.count("scale_sessions", count as u64);
    figures.count("scale_nodes", nodes.len() as u64);
    let (one, many) = (total(&with_one) - total(&without), total(&with_many) - total(&without_many));
    figures.add("scale_calls_per_minute_of_server_with_one", one);
    figures.add("scale_calls_per_minute_of_server", many);
    figures.add("scale_calls_per_session_minute", ((many - one) / count as f64).max(0.0));
    figures.add("scale_server_cpu_percent", busy);
    figures.add("scale_server_memory_mib", stage.server.memory_kib()? as f64 / 1024.0);
    tell_difference(&with_many, &without_many);
    let log = std::fs::read_to_string(stage.server.log())?;
    add_passes(log.get(logged..).unwrap_or_default(), figures);
    alive.abort();
    Ok(())
}

/// The calls of each kind in a minute, with the server at rest.
async fn count_calls(stage: &Stage, api: &Api, when: &str) -> Result<BTreeMap<String, f64>> {
    stage.server.pid()?;
    count_calls_without(api, when).await
}

async fn count_calls_without(api: &Api, when: &str) -> Result<BTreeMap<String, f64>> {
    tokio::time::sleep(REST).await;
    let before = metrics::requests(&api.text("/metrics").await?);
    tokio::time::sleep(COUNTED_FOR).await;
    let after = metrics::requests(&api.text("/metrics").await?);
    let minutes = COUNTED_FOR.as_secs_f64() / 60.0;
    let calls: BTreeMap<String, f64> = after
        .into_iter()
        .map(|(kind, count)| (kind.clone(), (count - before.get(&kind).unwrap_or(&0.0)) / minutes))
        .filter(|(_, count)| *count > 0.0)
        .collect();
    println!("scale: {:.1} calls a minute with {when}", total(&calls));
    Ok(calls)
}

fn total(calls: &BTreeMap<String, f64>) -> f64 {
    calls.values().sum()
}

fn tell_difference(with: &BTreeMap<String, f64>, without: &BTreeMap<String, f64>) {
    for (kind, count) in with {
        let more = count - without.get(kind).unwrap_or(&0.0);
        if more >= 0.5 {
            println!("scale: the server's share of {kind}: {more:.1} a minute");
        }
    }
}

/// The reconciler's passes, as the server itself times them in its log.
fn add_passes(log: &str, figures: &mut Figures) {
    let mut times = Times::default();
    for line in log.lines().filter(|line| line.contains(PASS)) {
        let took = line.split("took_ms=").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        took.into_iter().for_each(|millis| times.push(Duration::from_millis(millis)));
    }
    figures.add_times("scale_pass", &times);
}

async fn read_row(stage: &Stage, id: Uuid) -> Result<Value> {
    let mut conn = stage.database.connect().await?;
    Ok(sqlx::query_scalar("select to_jsonb(s) from sessions s where id = $1")
        .bind(id)
        .fetch_one(&mut conn)
        .await?)
}

/// As many rows more, each with a learner of its own, whatever columns the table has.
async fn copy_rows(stage: &Stage, row: &Value, original: &Names, count: usize) -> Result<Vec<Names>> {
    let mut conn = stage.database.connect().await?;
    let mut copies = vec![];
    // none of them runs out or wants a new token while it is watched
    let later = (Utc::now() + chrono::TimeDelta::hours(12)).to_rfc3339();
    for number in 1..=count {
        let user = Uuid::now_v7();
        sqlx::query(
            "insert into users select (jsonb_populate_record(u, jsonb_build_object('id', $1, 'username', $2))).*
             from users u where id = $3",
        )
        .bind(user.to_string())
        .bind(format!("scale-{number}"))
        .bind(original.user.parse::<Uuid>()?)
        .execute(&mut conn)
        .await?;
        let copy = original.copy(number, user);
        let mut row = original.rename(row, &copy);
        row["expires_at"] = json!(later);
        row["token_expires_at"] = json!(later);
        sqlx::query("insert into sessions select (jsonb_populate_record(null::sessions, $1)).*")
            .bind(row)
            .execute(&mut conn)
            .await?;
        copies.push(copy);
    }
    Ok(copies)
}

async fn copy_objects(
    api: &Api,
    workbenches: &str,
    original: &Names,
    copies: &[Names],
    nodes: &[String],
) -> Result<()> {
    let namespace = copies::made_anew(api.read(&format!("/api/v1/namespaces/{}", original.namespace)).await?);
    let mut objects = vec![];
    for path in IN_NAMESPACE {
        for object in api.list(&path.replace("{}", &original.namespace)).await? {
            // each namespace gets its own of these by itself
            if object["metadata"]["name"] != "default" {
                objects.push((path.to_owned(), copies::made_anew(object)));
            }
        }
    }
    let session = format!("labelSelector=lectern.dev/session={}", original.id);
    let policies = format!("/apis/networking.k8s.io/v1/namespaces/{workbenches}/networkpolicies");
    for object in api.list(&format!("{policies}?{session}")).await? {
        objects.push((policies.clone(), copies::made_anew(object)));
    }
    let pods = format!("/api/v1/namespaces/{workbenches}/pods");
    let pod = copies::made_anew(api.read(&format!("{pods}/{}", original.workbench)).await?);
    println!("scale: a session is a namespace, a pod and {} more objects", objects.len());

    let (namespace, objects, pod, pods) = (&namespace, &objects, &pod, &pods);
    futures::stream::iter(copies.iter().enumerate())
        .map(Ok)
        .try_for_each_concurrent(AT_A_TIME, |(number, copy)| async move {
            api.create("/api/v1/namespaces", &original.rename(namespace, copy)).await?;
            for (path, object) in objects {
                let path = path.replace("{}", &copy.namespace);
                api.create(&path, &original.rename(object, copy)).await?;
            }
            let pod = copies::on_node(original.rename(pod, copy), &nodes[number % nodes.len()]);
            api.create(pods, &pod).await?;
            let status = copies::running_status(&pod, number, &now());
            api.merge(&format!("{pods}/{}/status", copy.workbench), &status).await
        })
        .await
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn make_nodes(api: &Api, count: usize) -> Result<Vec<String>> {
    let names: Vec<String> = (1..=count).map(|number| format!("simulated-{number}")).collect();
    for name in &names {
        let (node, status) = copies::node(name, &now());
        api.create("/api/v1/nodes", &node).await?;
        api.merge(&format!("/api/v1/nodes/{name}/status"), &status).await?;
    }
    Ok(names)
}

/// Renews the nodes' leases, without which their pods would be evicted.
async fn keep_alive(kubectl: Kubectl, nodes: Vec<String>) -> Result<()> {
    let api = Api::open(&kubectl).await?;
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    loop {
        for name in &nodes {
            let now = Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true);
            let spec = json!({ "holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now });
            let lease = json!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": name }, "spec": spec,
            });
            api.create(leases, &lease).await?;
            api.merge(&format!("{leases}/{name}"), &json!({ "spec": spec })).await?;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
}

/// Processor time that a process has used, in hundredths of a second.
fn cpu_ticks(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // the name may hold anything, also parentheses
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok());
    ticks(11).zip(ticks(12)).map(|(user, system)| user + system).context("the process has no times")
}
