//! Removes what a run of the tests leaves in the cluster and in Postgres, however that run ended.
//!
//! Tests share a namespace and end in no particular order, and a run may be killed. So this program starts itself
//! once more, as a process that waits for the end of its standard input, which is the end of the run.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use super::environment::{RUN, connect_server, database_prefix, drop_database, kubeconfig};

/// Tells the janitor which run it cleans up after.
const VARIABLE: &str = "LECTERN_TEST_JANITOR_OF";

/// Starts the janitor of this run.
pub fn hire() {
    static JANITOR: OnceLock<Option<Child>> = OnceLock::new();
    JANITOR.get_or_init(|| {
        // as the test's name stands in whichever test program this is part of
        let (_, module) = module_path!().split_once("::")?;
        Command::new(std::env::current_exe().ok()?)
            .args(["--exact", &format!("{module}::cleans_up_after_a_run"), "--ignored", "--quiet"])
            .env(VARIABLE, &*RUN)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C ends the run, not its janitor
            .process_group(0)
            .spawn()
            .inspect_err(|error| eprintln!("what the tests leave behind will not be removed: {error}"))
            .ok()
    });
}

#[test]
#[ignore = "started by the other tests, to remove what they leave"]
fn cleans_up_after_a_run() {
    let Ok(run) = std::env::var(VARIABLE) else { return };
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        remove_databases(&run).await;
        remove_namespaces(&run).await.unwrap();
    });
}

async fn remove_databases(run: &str) {
    let mut server = connect_server().await;
    let pattern = format!("{}%", database_prefix(run).replace('_', "\\_"));
    let names: Vec<String> = sqlx::query_scalar("select datname from pg_database where datname like $1")
        .bind(pattern)
        .fetch_all(&mut server)
        .await
        .expect("the databases can be listed");
    for name in names {
        drop_database(&mut server, &name).await;
    }
}

async fn remove_namespaces(run: &str) -> anyhow::Result<()> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let namespaces: Api<Namespace> = Api::all(Client::try_from(config)?);
    let ours = format!("lectern-api-{run}");
    let managed = ListParams::default().labels("lectern.dev/instance");
    for namespace in namespaces.list_metadata(&managed).await? {
        let instance = namespace.metadata.labels.as_ref().and_then(|all| all.get("lectern.dev/instance"));
        if instance.is_some_and(|instance| instance.starts_with(&ours)) {
            let name = namespace.metadata.name.unwrap_or_default();
            namespaces.delete(&name, &DeleteParams::background()).await?;
        }
    }
    Ok(())
}
