//! Through the network: where a learner's pods and terminal reach.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use super::Outcome;
use crate::hostile::mallory::{Mallory, pod};

const PATIENCE: Duration = Duration::from_secs(60);

/// Sockets that could speak as somebody else.
const SOCKETS: [(&str, &str); 4] = [
    ("a packet socket", "socket(S, 17, 3, 0x0300)"),
    ("a packet socket for datagrams", "socket(S, 17, 2, 0x0008)"),
    ("a raw socket", "socket(S, 2, 3, 255)"),
    ("a raw socket for pings", "socket(S, 2, 3, 1)"),
];

/// Speaks as somebody else, from a pod whose user is root.
pub async fn raw_sockets(mallory: &Mallory) -> Result<Outcome> {
    mallory.run_pod("raw", "sleep 600").await?;
    let mut opened = vec![];
    for (what, socket) in SOCKETS {
        let script = format!("perl -MSocket -e '{socket} or exit 7'");
        let said = mallory.exec("raw", &script, PATIENCE).await?;
        match said.status {
            0 => opened.push(what),
            7 => {}
            status => anyhow::bail!("perl ended with {status}: {}", said.text),
        }
    }
    // setting an address of the interface, which needs NET_ADMIN (SIOCSIFADDR)
    let script = "perl -MSocket -e 'socket(S, 2, 2, 0); ioctl(S, 0x8916, pack(\"a16 S n C4 x8\", \"eth0\", 2, 0, 10, 83, 0, 9)) or exit 7'";
    if mallory.exec("raw", script, PATIENCE).await?.status == 0 {
        opened.push("another address for the interface");
    }
    let ping = mallory.exec("raw", "perl -MSocket -e 'socket(S, 2, 2, 1) or exit 7'", PATIENCE).await?;
    let pings = if ping.status == 0 { "ping works without it" } else { "but ping does not work either" };
    Ok(Outcome::of(
        opened.is_empty() && ping.status == 0,
        if opened.is_empty() {
            format!("none could be had; {pings}")
        } else {
            format!("could be had: {}", opened.join(", "))
        },
    ))
}

/// Connects to what is none of their business.
pub async fn reach(mallory: &Mallory) -> Result<Outcome> {
    let neighbour = mallory.neighbour_namespaces.first().context("there are no neighbours")?;
    let operator = &mallory.operator;
    // what the neighbour serves, on a plain port and on the one of DNS
    let listen = |port: u16| {
        format!(
            "perl -MSocket -e 'socket(S,2,1,6); setsockopt(S,1,2,1); bind(S, sockaddr_in({port}, INADDR_ANY)) or die; \
             listen(S,50); while(accept(C,S)){{close C}}'"
        )
    };
    for (name, port) in [("served-80", 80), ("served-53", 53)] {
        let object = pod(name, &listen(port)).to_string();
        operator.run_with_input(&["apply", "-n", neighbour, "-f", "-"], &object).await?;
        operator
            .run(&["wait", "-n", neighbour, "--for=condition=Ready", &format!("pod/{name}"), "--timeout=60s"])
            .await?;
        mallory.run_pod(name, &listen(port)).await?;
    }
    mallory.run_pod("reach", "sleep 600").await?;
    // the widest policy that they may have; refused is fine
    let open = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "open" },
        "spec": { "podSelector": {}, "policyTypes": ["Egress"], "egress": [{ "ports": [{ "protocol": "TCP", "port": 53 }] }] },
    });
    let _ = mallory.create("/apis/networking.k8s.io/v1", "networkpolicies", &open).await?;

    let address = async |namespace: &str, pod: &str| {
        operator.run(&["get", "pod", "-n", namespace, pod, "-o", "jsonpath={.status.podIP}"]).await
    };
    let node = operator
        .run(&["get", "nodes", "-o", "jsonpath={.items[0].status.addresses[?(@.type==\"InternalIP\")].address} {.items[0].status.daemonEndpoints.kubeletEndpoint.Port}"])
        .await?;
    let (node, kubelet) = node.split_once(' ').context("the node tells no address")?;
    let workbench = mallory.neighbour_pods.first().context("there are no neighbours")?;
    let mut forbidden: Vec<(String, u16)> = vec![
        (address(neighbour, "served-80").await?, 80),
        (address(neighbour, "served-53").await?, 53),
        (node.to_owned(), kubelet.parse()?),
        ("169.254.169.254".to_owned(), 80),
    ];
    // not 53: that is the cluster's own DNS
    forbidden.extend([22, 2379, 5000, 5432, 8080, 10_250].map(|port| (node.to_owned(), port)));
    forbidden.push((address(&mallory.workbenches, workbench).await?, 22));
    let own: Vec<(String, u16)> = vec![
        (address(mallory.namespace(), "served-80").await?, 80),
        (address(mallory.namespace(), "served-53").await?, 53),
    ];
    let mut reached = vec![];
    let mut cut_off = vec![];
    for (host, port) in forbidden.iter().chain(&own) {
        let script = format!("timeout 2 bash -c '</dev/tcp/{host}/{port}'");
        let from_workbench = mallory.run(&script, PATIENCE).await?.status == 0;
        let from_pod = mallory.exec("reach", &script, PATIENCE).await?.status == 0;
        let is_own = own.contains(&(host.clone(), *port));
        for (whence, connected) in [("the workbench", from_workbench), ("a pod", from_pod)] {
            match (connected, is_own) {
                (true, false) => reached.push(format!("{host}:{port} from {whence}")),
                (false, true) => cut_off.push(format!("{host}:{port} from {whence}")),
                _ => {}
            }
        }
    }
    let tidy = ["delete", "pod", "-n", neighbour, "served-80", "served-53", "--force", "--grace-period=0"];
    operator.run(&tidy).await?;
    if !cut_off.is_empty() {
        return Ok(Outcome::Broke(format!("their own pods are out of reach: {}", cut_off.join(", "))));
    }
    Ok(Outcome::of(
        reached.is_empty(),
        match reached.is_empty() {
            true => format!("none of {} places answered, their own pods did", forbidden.len()),
            false => format!("reached: {}", reached.join(", ")),
        },
    ))
}
