//! What sessions reach outside of themselves, on a real node.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use lectern_server::cluster::{Cluster, Egress, SessionSpec};
use serde_json::json;

use crate::harness::{Installation, PATIENCE, pod, quiet, spec, with_installation};

/// Whether a pod gets a TCP connection.
async fn reaches(t: &Installation, namespace: &str, from: &str, address: &str, port: u16) -> Result<bool> {
    let connect = format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{port}'");
    Ok(t.run_in(namespace, from, &connect).await?.0)
}

/// The address of one of the cluster's own services.
async fn address(t: &Installation, namespace: &str, name: &str) -> Result<String> {
    let services: Api<Service> = Api::namespaced(t.admin.clone(), namespace);
    services.get(name).await?.spec.and_then(|spec| spec.cluster_ip).context("no address")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reaches_the_api_server_and_no_more_than_it_may() -> Result<()> {
    with_installation(async |t| {
        let api = address(t, "default", "kubernetes").await?;
        let dns = address(t, "kube-system", "kube-dns").await?;
        let with = |egress| SessionSpec { egress, ..spec() };
        let (none, only_dns) = (with(Egress::None), with(Egress::Dns));
        tokio::try_join!(t.cluster.provision(&none, &quiet), t.cluster.provision(&only_dns, &quiet))?;
        for (spec, resolves) in [(&none, false), (&only_dns, true)] {
            let namespace = &spec.names.namespace;
            let (web, shell) = (pod("web", "httpd", &[]), pod("shell", "bash:5.1.0", &["sleep", "600"]));
            let (web, _, ()) =
                tokio::try_join!(t.run_pod(namespace, &web), t.run_pod(namespace, &shell), async {
                    Ok(t.cluster.wait_for_workbench(&spec.names, PATIENCE, &quiet).await?)
                })?;
            let bench = (t.config.workbench_namespace.as_str(), spec.names.workbench.as_str());
            for (place, from) in [(namespace.as_str(), "shell"), bench] {
                assert!(reaches(t, place, from, &web, 80).await?, "{from} does not reach its session");
                assert!(reaches(t, place, from, &api, 443).await?, "{from} does not reach the API server");
                assert_eq!(
                    reaches(t, place, from, &dns, 53).await?,
                    resolves,
                    "{from} and DNS: {:?}",
                    spec.egress
                );
            }
            // policies add up: one of the learner's own opens no more than that
            let own: Api<NetworkPolicy> = Api::namespaced(t.learner(&spec.names).await?, namespace);
            let to = json!([{
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            }]);
            let policy = json!({"metadata": {"name": "names"}, "spec": {"podSelector": {}, "policyTypes": ["Egress"],
                "egress": [{"to": to, "ports": [{"port": 53, "protocol": "UDP"}]}]}});
            let made = own.create(&PostParams::default(), &serde_json::from_value(policy)?).await;
            assert_eq!(made.is_ok(), resolves, "{:?}: {made:?}", spec.egress);
        }
        Ok(())
    })
    .await
}

/// Waits until the policies of a session and of the workbenches name a range as an exception.
async fn becomes_exception(t: &Installation, server: &Cluster, namespace: &str, range: &str) -> Result<()> {
    let learners: Api<NetworkPolicy> = Api::namespaced(t.admin.clone(), namespace);
    let benches: Api<NetworkPolicy> = Api::namespaced(t.admin.clone(), &t.config.workbench_namespace);
    let deadline = Instant::now() + PATIENCE;
    loop {
        server.refresh_network().await?;
        let policies = [learners.get("lectern").await?, benches.get("workbenches").await?];
        if policies.iter().all(|policy| serde_json::json!(policy).to_string().contains(range)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{range} is no exception: {policies:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_addresses_of_nodes_and_of_the_operators_choice_are_denied_to_sessions_that_run() -> Result<()>
{
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        let mut config = t.config.clone();
        config.denied_cidrs = vec!["203.0.112.0/24".parse()?];
        let another = Cluster::connect(&config).await?;
        becomes_exception(t, &another, &spec.names.namespace, "203.0.112.0/24").await?;

        // a node that takes no pods, with a public address
        let nodes: Api<Node> = Api::all(t.admin.clone());
        let name = format!("lectern-test-{:08x}", rand::random::<u32>());
        let node = json!({"metadata": {"name": name}, "spec": {"unschedulable": true}});
        nodes.create(&PostParams::default(), &serde_json::from_value(node)?).await?;
        let address = json!({"status": {"addresses": [{"type": "ExternalIP", "address": "198.51.99.7"}]}});
        let seen = async {
            nodes.patch_status(&name, &PatchParams::default(), &Patch::Merge(address)).await?;
            becomes_exception(t, &another, &spec.names.namespace, "198.51.99.7/32").await
        };
        let seen = seen.await;
        nodes.delete(&name, &DeleteParams::default()).await?;
        seen
    })
    .await
}
