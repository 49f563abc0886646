//! Two learners at once on a real node: what reaches whom.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;

use crate::harness::{Installation, PATIENCE, pod, quiet, spec, with_installation};

/// Whether a pod gets a TCP connection.
async fn reaches(t: &Installation, namespace: &str, from: &str, address: &str, port: u16) -> Result<bool> {
    let connect = format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{address}/{port}'");
    Ok(t.run_in(namespace, from, &connect).await?.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn learners_reach_their_own_pods_and_nobody_elses() -> Result<()> {
    with_installation(async |t| {
        let (one, two) = (spec(), spec());
        tokio::try_join!(t.cluster.provision(&one, &quiet), t.cluster.provision(&two, &quiet))?;
        let (ns_one, ns_two) = (&one.names.namespace, &two.names.namespace);
        let (web, shell) = (pod("web", "httpd", &[]), pod("shell", "bash:5.1.0", &["sleep", "600"]));
        let (web_one, web_two, _, ()) = tokio::try_join!(
            t.run_pod(ns_one, &web),
            t.run_pod(ns_two, &web),
            t.run_pod(ns_one, &shell),
            async { Ok(t.cluster.wait_for_workbench(&one.names, PATIENCE, &quiet).await?) },
        )?;
        assert!(reaches(t, ns_one, "shell", &web_one, 80).await?, "a pod does not reach its neighbour");
        assert!(!reaches(t, ns_one, "shell", &web_two, 80).await?, "a pod reaches another learner's");

        let (benches, bench) = (&t.config.workbench_namespace, &one.names.workbench);
        assert!(reaches(t, benches, bench, &web_one, 80).await?, "the workbench does not reach its session");
        assert!(!reaches(t, benches, bench, &web_two, 80).await?, "the workbench reaches another session");
        let workbench = t.pods(benches).get(bench).await?;
        let workbench = workbench.status.and_then(|status| status.pod_ip).context("no address")?;
        // a closed port answers at once with a refusal; a policy that holds answers nothing
        let (_, words) = t
            .run_in(
                ns_one,
                "shell",
                &format!("timeout 3 bash -c 'exec 3<>/dev/tcp/{workbench}/22' 2>&1; echo $?"),
            )
            .await?;
        assert!(words.trim_end().ends_with("124"), "a learner's pod reaches a workbench: {words}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workbench_resolves_names_and_uses_kubectl_as_its_learner() -> Result<()> {
    with_installation(async |t| {
        let (one, two) = (spec(), spec());
        tokio::try_join!(t.cluster.provision(&one, &quiet), t.cluster.provision(&two, &quiet))?;
        t.cluster.wait_for_workbench(&one.names, PATIENCE, &quiet).await?;
        let kubeconfig = t.cluster.learner_kubeconfig(&one.names, PATIENCE).await?.yaml;
        let (benches, bench) = (&t.config.workbench_namespace, &one.names.workbench);
        let write = format!("cat > ~/config <<'END'\n{kubeconfig}\nEND");
        assert!(t.run_in(benches, bench, &write).await?.0);

        let (passed, name) =
            t.run_in(benches, bench, "getent hosts kubernetes.default.svc.cluster.local").await?;
        assert!(passed, "no name resolution: {name}");
        let kubectl = "kubectl --kubeconfig ~/config";
        let own = format!(
            "{kubectl} create configmap mine --from-literal=a=b && {kubectl} get configmap mine -o name"
        );
        let (passed, output) = t.run_in(benches, bench, &own).await?;
        assert!(passed && output.contains("configmap/mine"), "{output}");
        for elsewhere in [&two.names.namespace, benches] {
            let (passed, output) =
                t.run_in(benches, bench, &format!("{kubectl} get pods -n {elsewhere} 2>&1")).await?;
            assert!(!passed && output.contains("Forbidden"), "{output}");
        }
        let own_pods: Api<Pod> = t.pods(&one.names.namespace);
        assert!(
            own_pods.list(&ListParams::default()).await?.items.is_empty(),
            "the learner sees what they did not make"
        );
        Ok(())
    })
    .await
}
