//! On the node: processes, processors, memory and disk, as far as a container reaches them.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::json;

use super::Outcome;
use crate::hostile::mallory::{Mallory, pod};
use crate::proc;

const LASTS: u64 = 25;
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a pod that is beyond its disk may run: the kubelet adds up what volumes hold once a minute.
const EVICTED_WITHIN: Duration = Duration::from_secs(150);
/// How many pods take part.
const PODS: usize = 3;

/// Lets the same script run in some pods; how many were made.
async fn in_pods(mallory: &Mallory, name: &str, script: &str) -> Result<usize> {
    let mut made = 0;
    for number in 0..PODS {
        let object = pod(&format!("{name}-{number}"), script);
        made += usize::from(mallory.create("/api/v1", "pods", &object).await?.0 < 300);
    }
    Ok(made)
}

/// Burns processors.
pub async fn cpu(mallory: &Mallory) -> Result<Outcome> {
    let burn = format!("for i in $(seq 16); do timeout {LASTS} bash -c 'while :; do :; done' & done; wait");
    let pods = in_pods(mallory, "burn", &burn).await?;
    mallory.run(&format!("({burn}) >/dev/null 2>&1"), PATIENCE).await?;
    Ok(Outcome::Held(format!("16 loops in the workbench and in each of {pods} pods, for {LASTS} s")))
}

/// Takes memory until the kernel ends it.
pub async fn memory(mallory: &Mallory) -> Result<Outcome> {
    let take = "for i in 1 2 3; do head -c 8G /dev/zero | tail >/dev/null; done";
    let pods = in_pods(mallory, "greedy", take).await?;
    let said = mallory.run(&format!("({take}) >/dev/null 2>&1; echo over"), PATIENCE).await;
    let words = match said {
        Ok(_) => "the shell went on",
        Err(_) => "the shell itself was ended",
    };
    Ok(Outcome::Held(format!("in the workbench ({words}) and in {pods} pods")))
}

/// Forks until the kernel says no.
pub async fn forks(mallory: &Mallory) -> Result<Outcome> {
    // each process ends by itself, so that the workbench can be used afterwards
    let bomb =
        format!("END=$((EPOCHSECONDS+{LASTS})); f() {{ while ((EPOCHSECONDS<END)); do f & done; }}; f");
    let pods = in_pods(mallory, "bomb", &bomb).await?;
    let mut terminal = mallory.type_into("2", &format!("bash -c '{bomb}' >/dev/null 2>&1")).await?;
    let mut most = 0;
    for _ in 0..LASTS {
        let _ = tokio::time::timeout(Duration::from_secs(1), terminal.watch()).await;
        most = most.max(proc::count_tasks()?);
    }
    // whoever can still start a program has processes to spare
    let can_start = tokio::process::Command::new("true").status().await.is_ok_and(|status| status.success());
    let limit: u64 = std::fs::read_to_string("/proc/sys/kernel/pid_max")?.trim().parse()?;
    Ok(Outcome::of(
        can_start && most < limit * 9 / 10,
        format!(
            "in the workbench and {pods} pods; at most {most} tasks on the machine, whose limit is {limit}"
        ),
    ))
}

/// Writes wherever it can be written.
pub async fn disk(mallory: &Mallory) -> Result<Outcome> {
    // all at once: the layer of a container, an empty folder, a claimed volume, and what the workbench has
    let fill = |folder: &str| {
        format!(
            "n=0; while dd if=/dev/zero of={folder}/fill-$n bs=1M count=500 2>/dev/null; do n=$((n+1)); done; sleep 600"
        )
    };
    let layers = in_pods(mallory, "layer", &fill("/var/tmp")).await?;
    let mut folder = pod("folder", &fill("/v"));
    folder["spec"]["volumes"] = json!([{ "name": "v", "emptyDir": {} }]);
    folder["spec"]["containers"][0]["volumeMounts"] = json!([{ "name": "v", "mountPath": "/v" }]);
    mallory.create("/api/v1", "pods", &folder).await?;
    let mut claims = 0;
    for number in 0..20 {
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": format!("fill-{number}") },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "5Gi" } } },
        });
        claims += usize::from(mallory.create("/api/v1", "persistentvolumeclaims", &claim).await?.0 < 300);
    }
    let home = "for d in ~ /tmp /opt/workshop /run/lectern /var/tmp /dev/shm; do dd if=/dev/zero of=$d/fill bs=1M count=20000 2>/dev/null & done; \
        wait; rm -f ~/fill /tmp/fill /opt/workshop/fill /run/lectern/fill /var/tmp/fill /dev/shm/fill";
    // their own workbench may be taken away for it, and comes back
    let said = mallory.run(&format!("({home}) >/dev/null 2>&1; echo over"), Duration::from_secs(60)).await;
    let phases = "jsonpath={range .items[*]}{.metadata.name}={.status.phase}/{.status.reason} {end}";
    let until = Instant::now() + EVICTED_WITHIN;
    let (pods, running) = loop {
        let pods = mallory.kubectl.run(&["get", "pods", "-o", phases]).await?;
        let running = pods.split(' ').filter(|pod| pod.contains("=Running")).count();
        if running == 0 || Instant::now() > until {
            break (pods, running);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    let _ = mallory.kubectl.run(&["delete", "persistentvolumeclaims", "--all", "--wait=false"]).await;
    Ok(Outcome::of(
        running == 0,
        format!(
            "{layers} pods wrote to their layers and one to an empty folder ({pods}); {claims} of 20 claims of 5 GiB \
             were taken; the workbench {}",
            if said.is_ok() { "went on" } else { "was taken away" }
        ),
    ))
}
