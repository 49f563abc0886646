//! Through the stream to the workbench and the kubelet: more of it than it carries.

use std::time::Duration;

use anyhow::Result;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::AttachParams;

use super::Outcome;
use crate::hostile::mallory::Mallory;
use crate::terminal::Terminal;

const FLOOD_FOR: Duration = Duration::from_secs(20);

/// Many execs at once, each held open.
pub async fn execs(mallory: &Mallory) -> Result<Outcome> {
    mallory.run_pod("execs", "sleep 600").await?;
    let pods: Api<Pod> = Api::namespaced(mallory.api.clone(), mallory.namespace());
    let parameters = AttachParams::default().stdin(false).stdout(true).stderr(false);
    let opened = join_all((0..200).map(|_| pods.exec("execs", ["sleep", "20"], &parameters))).await;
    let opened: Vec<_> = opened.into_iter().filter_map(Result::ok).collect();
    tokio::time::sleep(FLOOD_FOR).await;
    Ok(Outcome::Held(format!("{} of 200 were open at once", opened.len())))
}

/// Output without end in the session's other terminal, and from a pod whose log is followed.
pub async fn output(mallory: &Mallory) -> Result<Outcome> {
    mallory.run_pod("chatter", "yes $(head -c 1000 /dev/zero | tr '\\0' x)").await?;
    let mut first = mallory.type_into("2", "yes").await?;
    // a second viewer of the same flood, who must not interrupt it
    let mut second = Terminal::attach(&mallory.learner, &mallory.session, "2").await?;
    let follow = mallory.run("timeout 20 kubectl logs -f chatter >/dev/null", FLOOD_FOR * 3);
    let watched = async {
        tokio::select! {
            error = first.watch() => Err(error),
            error = second.watch() => Err(error),
            () = tokio::time::sleep(FLOOD_FOR) => Ok(()),
        }
    };
    let (followed, watched) = tokio::join!(follow, watched);
    followed?;
    watched?;
    let mut bytes = first.tracker.received;
    first.type_in(b"\x03").await?;
    bytes += second.tracker.received;
    Ok(Outcome::of(bytes > 0, format!("{} MB came through the terminals", bytes / 1_000_000)))
}
