//! What pods use: from the cluster's metrics if there are any, otherwise from the kubelets.
//!
//! The metrics are read with the learner's rights. The kubelets are asked with the server's, which learners do not
//! have; of what they answer, only the pods in the session's namespaces are kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use lectern_api::cluster_view::{ObjectKind, Usage};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::super::{Cluster, SessionNames};
use super::digest::id_of;
use super::object::is_object_name;

/// How long what a kubelet said is good for: all sessions on a node share it.
const FRESH: Duration = Duration::from_secs(10);
/// Timeout for one answer: nobody waits for a number.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Pods of a node with their namespaces, and what they use.
type OfNode = Arc<Vec<(String, String, Usage)>>;
type Slot = Arc<Mutex<Option<(Instant, OfNode)>>>;

/// What kubelets said last, by node.
#[derive(Default)]
pub(in super::super) struct NodeUsage(Mutex<HashMap<String, Slot>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Metrics,
    Kubelets,
    /// Neither answers, and neither is asked again.
    Nobody,
}

/// Measures what the pods of a session use.
pub(super) struct Meter {
    cluster: Cluster,
    learner: Client,
    namespaces: Vec<String>,
    way: Way,
}

impl Meter {
    pub(super) fn new(cluster: Cluster, learner: Client, names: &SessionNames) -> Self {
        let namespaces = names.namespaces().map(str::to_owned).collect();
        Self { cluster, learner, namespaces, way: Way::Metrics }
    }

    /// Returns what each pod uses, by its id; `None` if it is unknown at the moment.
    pub(super) async fn measure(&mut self, nodes: &BTreeSet<String>) -> Option<BTreeMap<String, Usage>> {
        if self.way == Way::Metrics {
            match self.metrics().await {
                Ok(found) => return Some(found),
                Err(kube::Error::Api(status)) if matches!(status.code, 403 | 404) => self.way = Way::Kubelets,
                // the metrics are served, but do not answer: kubelets do meanwhile
                Err(_) => {}
            }
        }
        if self.way == Way::Nobody || nodes.is_empty() {
            return None;
        }
        let mut found = BTreeMap::new();
        for node in nodes.iter().filter(|node| is_object_name(node)) {
            match self.cluster.node_usage(node).await {
                Ok(pods) => found.extend(self.own(&pods)),
                Err(kube::Error::Api(status)) if self.way == Way::Kubelets && status.code == 403 => {
                    self.way = Way::Nobody;
                    return None;
                }
                Err(_) => {}
            }
        }
        (!found.is_empty()).then_some(found)
    }

    /// Returns the pods in the session's namespaces.
    fn own(&self, pods: &OfNode) -> impl Iterator<Item = (String, Usage)> {
        let own = pods.iter().filter(|(namespace, ..)| self.namespaces.contains(namespace));
        own.map(|(namespace, name, usage)| (id_of(ObjectKind::Pod.as_str(), namespace, name), *usage))
    }

    async fn metrics(&self) -> Result<BTreeMap<String, Usage>, kube::Error> {
        let mut found = BTreeMap::new();
        for namespace in &self.namespaces {
            let path = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods");
            let list: MetricsList = ask(&self.learner, &path).await?;
            found.extend(
                list.items
                    .iter()
                    .map(|pod| (id_of(ObjectKind::Pod.as_str(), namespace, &pod.metadata.name), pod.usage())),
            );
        }
        Ok(found)
    }
}

impl Cluster {
    async fn node_usage(&self, node: &str) -> Result<OfNode, kube::Error> {
        let slot = self.shared.node_usage.0.lock().await.entry(node.to_owned()).or_default().clone();
        let mut last = slot.lock().await;
        if let Some((at, pods)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(pods.clone());
        }
        let summary: Summary =
            ask(&self.client, &format!("/api/v1/nodes/{node}/proxy/stats/summary")).await?;
        let pods = Arc::new(summary.pods.into_iter().map(PodStats::into_usage).collect::<Vec<_>>());
        *last = Some((Instant::now(), Arc::clone(&pods)));
        Ok(pods)
    }
}

async fn ask<T: serde::de::DeserializeOwned>(client: &Client, path: &str) -> Result<T, kube::Error> {
    let request = http::Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let late = |_| kube::Error::Service("no answer in time".into());
    let text = timeout(ANSWER_WITHIN, client.request_text(request)).await.map_err(late)??;
    serde_json::from_str(&text).map_err(kube::Error::SerdeError)
}

/// A list of the metrics API.
#[derive(Deserialize)]
struct MetricsList {
    items: Vec<PodMetrics>,
}

#[derive(Deserialize)]
struct PodMetrics {
    metadata: Named,
    #[serde(default)]
    containers: Vec<ContainerMetrics>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct ContainerMetrics {
    #[serde(default)]
    usage: HashMap<String, String>,
}

impl PodMetrics {
    fn usage(&self) -> Usage {
        let sum = |resource: &str| -> f64 {
            self.containers.iter().filter_map(|one| quantity(one.usage.get(resource)?)).sum()
        };
        Usage { cpu_millis: whole(sum("cpu") * 1000.0), memory_bytes: whole(sum("memory")) }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measured amount is small and positive"
)]
fn whole(number: f64) -> u64 {
    number.round().max(0.0) as u64
}

/// Reads a quantity: `250m`, `12345n`, `64Mi`.
fn quantity(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// A kubelet's answer.
#[derive(Deserialize)]
struct Summary {
    #[serde(default)]
    pods: Vec<PodStats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStats {
    pod_ref: PodRef,
    #[serde(default)]
    cpu: Cpu,
    #[serde(default)]
    memory: Memory,
}

#[derive(Deserialize)]
struct PodRef {
    name: String,
    namespace: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    #[serde(default)]
    usage_nano_cores: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    #[serde(default)]
    working_set_bytes: u64,
}

impl PodStats {
    fn into_usage(self) -> (String, String, Usage) {
        let usage = Usage {
            // what is used at all is shown
            cpu_millis: self.cpu.usage_nano_cores.div_ceil(1_000_000),
            memory_bytes: self.memory.working_set_bytes,
        };
        (self.pod_ref.namespace, self.pod_ref.name, usage)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_metrics_of_a_pod_are_the_sum_of_its_containers() {
        let pod: PodMetrics = serde_json::from_value(json!({
            "metadata": {"name": "web"},
            "containers": [
                {"name": "a", "usage": {"cpu": "1500000n", "memory": "2Mi"}},
                {"name": "b", "usage": {"cpu": "250m", "memory": "1024Ki"}},
            ],
        }))
        .unwrap();
        assert_eq!(pod.usage(), Usage { cpu_millis: 252, memory_bytes: 3 * 1024 * 1024 });
    }

    #[test]
    fn a_kubelets_summary_is_read() {
        let summary: Summary = serde_json::from_value(json!({
            "node": {"nodeName": "n"},
            "pods": [
                {"podRef": {"name": "web", "namespace": "lab-x", "uid": "u"},
                 "cpu": {"time": "t", "usageNanoCores": 1_200_000}, "memory": {"workingSetBytes": 4096}},
                {"podRef": {"name": "new", "namespace": "lab-x", "uid": "v"}},
            ],
        }))
        .unwrap();
        let read: Vec<_> = summary.pods.into_iter().map(PodStats::into_usage).collect();
        assert_eq!(read[0], ("lab-x".into(), "web".into(), Usage { cpu_millis: 2, memory_bytes: 4096 }));
        assert_eq!(read[1].2, Usage::default());
    }
}
