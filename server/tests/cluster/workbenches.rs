//! Workbenches on a real node: how they start, how they fail, the stream to their agent.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use lectern_link::Link;
use lectern_server::cluster::{
    ClusterError, ClusterErrorKind, PolicyEnforcement, SessionNames, WorkbenchSpec, WorkbenchState,
};

use crate::harness::{Installation, PATIENCE, quiet, spec, with_installation};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_starts_and_its_agent_answers() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        let steps = Mutex::new(Vec::new());
        let tell = |step: &str| steps.lock().expect("not poisoned").push(step.to_owned());
        let begun = Instant::now();
        let provision = async {
            t.cluster.provision(&spec, &tell).await?;
            let kubeconfig = t.cluster.learner_kubeconfig(&spec.names, Duration::from_secs(3600)).await?;
            anyhow::Ok((kubeconfig, begun.elapsed()))
        };
        let agent = async {
            let link = t.cluster.start_agent(&spec.names, PATIENCE, &tell, Link::connect).await?;
            anyhow::Ok((link, begun.elapsed()))
        };
        let ((kubeconfig, provisioned), (link, answered)) = tokio::try_join!(provision, agent)?;
        println!("provisioned after {provisioned:?}, the agent answered after {answered:?}");
        assert!(kubeconfig.expires_at > chrono::Utc::now() + chrono::Duration::minutes(50));
        anyhow::ensure!(!link.is_closed(), "the link closed at once");
        let steps = steps.into_inner()?;
        assert!(steps.len() >= 2 && steps[0] == "Creating your namespace", "{steps:?}");
        // a second stream beside the first, and one after all others were dropped
        tokio::try_join!(greet(t, &spec.names), greet(t, &spec.names))?;
        greet(t, &spec.names).await
    })
    .await
}

/// Opens a stream and says hello, as the server does.
async fn greet(t: &Installation, names: &SessionNames) -> Result<()> {
    let stream = t.cluster.open_agent(names).await?;
    let link =
        tokio::time::timeout(PATIENCE, Link::connect(stream)).await.context("the agent says nothing")??;
    anyhow::ensure!(!link.boot_id().is_empty(), "an agent without a boot id");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_nowhere_fails_with_its_name() -> Result<()> {
    with_installation(async |t| {
        let mut spec = spec();
        let image = "lectern/no-such-image:1";
        spec.workbench = WorkbenchSpec { image: Some(image.to_owned()), ..WorkbenchSpec::default() };
        t.cluster.provision(&spec, &quiet).await?;
        let error = t
            .cluster
            .wait_for_workbench(&spec.names, PATIENCE, &quiet)
            .await
            .expect_err("no image, no start");
        assert_eq!(error.kind(), ClusterErrorKind::Workbench);
        let told = error.learner_message();
        assert!(told.starts_with(&format!("The workbench image {image} cannot be pulled: ")), "{told}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbench_that_the_cluster_refuses_is_named_with_the_reason() -> Result<()> {
    with_installation(async |t| {
        let mut spec = spec();
        spec.workbench.memory = "100Mi".to_owned();
        // less than the request: the API server refuses it, and the words say which pod and why
        let error = t.cluster.provision(&spec, &quiet).await.expect_err("a limit below the request");
        assert_eq!(error.kind(), ClusterErrorKind::Refused);
        assert!(error.learner_message().contains(&spec.names.workbench), "{error}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbench_that_is_killed_is_seen_by_the_shared_watch() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        t.cluster.wait_for_workbench(&spec.names, PATIENCE, &quiet).await?;
        let found = t.cluster.find_workbench(&spec.names).context("not listed")?;
        assert_eq!(found.state, WorkbenchState::Ready { restarts: 0 });

        let pods = t.pods(&t.config.workbench_namespace);
        let mut changes = t.cluster.follow_managed();
        pods.delete(&spec.names.workbench, &DeleteParams::default().grace_period(0)).await?;
        let gone = async {
            while t.cluster.find_workbench(&spec.names).is_some() {
                assert!(changes.changed().await);
            }
        };
        tokio::time::timeout(PATIENCE, gone).await.context("still listed")?;
        let opened = t.cluster.open_agent(&spec.names).await.err().context("an agent of no pod")?;
        assert_eq!(opened.kind(), ClusterErrorKind::NotFound);
        // what was taken away comes back by the same call
        t.cluster.provision(&spec, &quiet).await?;
        t.cluster.wait_for_workbench(&spec.names, PATIENCE, &quiet).await?;
        greet(t, &spec.names).await
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workbench_holds_no_token_and_runs_unprivileged() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        t.cluster.provision(&spec, &quiet).await?;
        t.cluster.wait_for_workbench(&spec.names, PATIENCE, &quiet).await?;
        let look =
            "id -u; ls /var/run/secrets 2>&1 | head -1; touch /usr/bin/x 2>&1; touch ~/x && echo home; env";
        let (_, seen) = t.run_in(&t.config.workbench_namespace, &spec.names.workbench, look).await?;
        assert!(seen.starts_with("1001\n"), "{seen}");
        assert!(seen.contains("Read-only file system") && seen.contains("\nhome\n"), "{seen}");
        assert!(!seen.contains("serviceaccount"), "{seen}");
        assert!(seen.contains(&format!("SESSION_NAMESPACE={}", spec.names.namespace)), "{seen}");
        let pod: Pod = t.pods(&t.config.workbench_namespace).get(&spec.names.workbench).await?;
        assert_eq!(pod.spec.context("no spec")?.automount_service_account_token, Some(false));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_the_time_is_up() -> Result<()> {
    with_installation(async |t| {
        let nobody = spec().names;
        let waited = t.cluster.wait_for_workbench(&nobody, Duration::from_millis(200), &quiet).await;
        assert!(matches!(waited, Err(ClusterError::NotReadyInTime { .. })), "{waited:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_finds_network_policies_held() -> Result<()> {
    with_installation(async |t| {
        assert_eq!(t.cluster.probe_network_policies().await, PolicyEnforcement::Enforced);
        Ok(())
    })
    .await
}
