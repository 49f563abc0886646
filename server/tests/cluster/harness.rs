//! An installation per test, and eyes that are not those of the code under test.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::{Namespace, Pod, ResourceQuota};
use kube::api::{AttachParams, DeleteParams, DynamicObject, ListParams, PostParams};
use kube::config::{AuthInfo, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config};
use lectern_api::ids::SessionId;
use lectern_server::cluster::{Cluster, ClusterConfig, SessionNames, SessionSpec};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

/// How long anything may take that the cluster does by itself.
pub const PATIENCE: Duration = Duration::from_secs(90);

pub struct Installation {
    pub cluster: Cluster,
    /// An administrator's client, built apart from the code under test.
    pub admin: Client,
    pub config: ClusterConfig,
}

/// Runs a test with an installation of its own and removes all of it afterwards, however the test ended.
pub async fn with_installation<F>(test: F) -> Result<()>
where
    F: AsyncFnOnce(&Installation) -> Result<()>,
{
    with_settings(ClusterConfig::default(), test).await
}

/// The same with what the operator says besides.
pub async fn with_settings<F>(settings: ClusterConfig, test: F) -> Result<()>
where
    F: AsyncFnOnce(&Installation) -> Result<()>,
{
    let installation = Installation::connect(settings).await?;
    let ended = AssertUnwindSafe(test(&installation)).catch_unwind().await;
    installation.remove().await?;
    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn kubeconfig() -> Result<std::path::PathBuf> {
    std::env::var_os("KUBECONFIG").map(Into::into).context(
        "these tests need a real cluster: run them with `cargo xtask test cluster`, or set KUBECONFIG to a \
         kubeconfig with an administrator's rights",
    )
}

impl Installation {
    async fn connect(settings: ClusterConfig) -> Result<Self> {
        let config = ClusterConfig {
            kubeconfig: Some(kubeconfig()?),
            workbench_image: std::env::var("LECTERN_WORKBENCH_IMAGE")
                .unwrap_or_else(|_| ClusterConfig::default().workbench_image),
            workbench_namespace: format!("lectern-test-{:08x}", rand::random::<u32>()),
            home_storage_class: std::env::var("LECTERN_HOME_STORAGE_CLASS").ok(),
            ..settings
        };
        let cluster = Cluster::connect(&config).await?;
        let admin = admin_client().await?;
        Ok(Self { cluster, admin, config })
    }

    /// What makes an object of the whole cluster go with this installation.
    pub async fn owner(&self) -> Result<Value> {
        let name = &self.config.workbench_namespace;
        let namespace = Api::<Namespace>::all(self.admin.clone()).get(name).await?;
        Ok(json!({"apiVersion": "v1", "kind": "Namespace", "name": name, "uid": namespace.metadata.uid}))
    }

    /// Writes a kubeconfig for somebody else, to be removed by the caller.
    pub fn kubeconfig_with_token(&self, token: &str) -> Result<std::path::PathBuf> {
        let admins = Kubeconfig::read_from(kubeconfig()?)?;
        let cluster =
            admins.clusters.into_iter().next().and_then(|named| named.cluster).context("no cluster")?;
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        let path = std::env::temp_dir().join(format!("{}.kubeconfig", self.config.workbench_namespace));
        std::fs::write(&path, text.to_string())?;
        Ok(path)
    }

    /// Waits until the quota controller has counted once; until then everything is refused.
    pub async fn quota_is_counted(&self, namespace: &str) -> Result<()> {
        let quotas: Api<ResourceQuota> = Api::namespaced(self.admin.clone(), namespace);
        for name in ["lectern-compute", "lectern-objects"] {
            let counted = |quota: Option<&ResourceQuota>| {
                quota.and_then(|quota| quota.status.as_ref()?.hard.as_ref()).is_some()
            };
            tokio::time::timeout(PATIENCE, await_condition(quotas.clone(), name, counted)).await??;
        }
        Ok(())
    }

    /// Waits until the admission guard is in force: some moments after it was written.
    pub async fn guard_is_in_force(&self, names: &SessionNames) -> Result<()> {
        let learner = self.learner(names).await?;
        let probes = [
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "probe"},
                   "spec": {"ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]}}),
            json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "probe"},
                   "template": {"spec": {"priorityClassName": "probe", "containers": [{"name": "a", "image": "a"}]}}}),
        ];
        for probe in probes {
            let held = async {
                while write(&learner, &names.namespace, &probe).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            tokio::time::timeout(PATIENCE, held).await.context("the guard is not in force")?;
        }
        Ok(())
    }

    /// A second server of the same installation.
    pub async fn another_server(&self) -> Result<Cluster> {
        Ok(Cluster::connect(&self.config).await?)
    }

    async fn remove(self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.admin.clone());
        let ours = format!("lectern.dev/instance={}", self.config.workbench_namespace);
        for namespace in namespaces.list_metadata(&ListParams::default().labels(&ours)).await? {
            let name = namespace.metadata.name.unwrap_or_default();
            let _ = namespaces.delete(&name, &DeleteParams::background()).await;
        }
        Ok(())
    }

    pub fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.admin.clone(), namespace)
    }

    /// A client with the rights of a session's learner and no others.
    pub async fn learner(&self, names: &SessionNames) -> Result<Client> {
        let kubeconfig = self.cluster.learner_kubeconfig(names, Duration::from_secs(600)).await?;
        let kubeconfig = Kubeconfig::from_yaml(&kubeconfig.yaml)?;
        let token = kubeconfig.auth_infos.into_iter().next().and_then(|user| user.auth_info?.token);
        let mut config = admin_config().await?;
        config.auth_info = AuthInfo { token, ..AuthInfo::default() };
        config.default_namespace.clone_from(&names.namespace);
        Ok(Client::try_from(config)?)
    }

    /// Waits for a namespace to be gone.
    pub async fn gone(&self, namespace: &str) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.admin.clone());
        let gone = await_condition(namespaces, namespace, |found: Option<&Namespace>| found.is_none());
        tokio::time::timeout(PATIENCE, gone).await.context("the namespace is still there")??;
        Ok(())
    }

    /// Creates a pod and waits until it runs; gives its address.
    pub async fn run_pod(&self, namespace: &str, pod: &Pod) -> Result<String> {
        let pods = self.pods(namespace);
        let name = pod.metadata.name.clone().unwrap_or_default();
        let create = async {
            // the namespace's default service account comes a moment after the namespace
            while let Err(error) = pods.create(&PostParams::default(), pod).await {
                if !error.to_string().contains("serviceaccount")
                    && !error.to_string().contains("status unknown for quota")
                {
                    bail!(error);
                }
                tokio::task::yield_now().await;
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, create).await.context("the pod was never accepted")??;
        let ready = |pod: Option<&Pod>| {
            let conditions = pod.and_then(|pod| pod.status.as_ref()?.conditions.as_ref());
            conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
        };
        let pod = tokio::time::timeout(PATIENCE, await_condition(pods, &name, ready))
            .await
            .with_context(|| format!("the pod {name} is not ready"))??;
        pod.and_then(|pod| pod.status?.pod_ip).context("no address")
    }

    /// Runs a shell command in a pod and tells whether it succeeded, and what it printed.
    pub async fn run_in(&self, namespace: &str, pod: &str, command: &str) -> Result<(bool, String)> {
        let params = AttachParams::default().stderr(false);
        let mut process = self.pods(namespace).exec(pod, ["bash", "-c", command], &params).await?;
        let status = process.take_status().context("no status")?;
        let mut output = String::new();
        process.stdout().context("no output")?.read_to_string(&mut output).await?;
        let passed = status.await.is_some_and(|status| status.status.as_deref() == Some("Success"));
        Ok((passed, output))
    }
}

/// An administrator's client.
pub async fn admin_client() -> Result<Client> {
    Ok(Client::try_from(admin_config().await?)?)
}

async fn admin_config() -> Result<Config> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig()?)?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?)
}

pub fn spec() -> SessionSpec {
    SessionSpec::new(SessionId::new(), "seed-lab".parse().expect("a valid slug"))
}

pub fn pod(name: &str, image: &str, command: &[&str]) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "main", "image": image, "imagePullPolicy": "IfNotPresent",
                "command": if command.is_empty() { None } else { Some(command) },
            }],
        },
    }))
    .expect("a valid pod")
}

/// Asks the API server to write an object of any kind, and to forget it at once: admission answers as to the real
/// request, but for quotas, which count nothing.
pub async fn write(client: &Client, namespace: &str, object: &Value) -> kube::Result<DynamicObject> {
    let object: DynamicObject = serde_json::from_value(object.clone()).expect("an object");
    let types = object.types.clone().expect("an object says what it is");
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(&types).expect("a kind"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await
}

pub fn quiet(_: &str) {}

/// What an API error says, for assertions.
pub fn refusal<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> (u16, String) {
    match result {
        Err(kube::Error::Api(status)) => (status.code, status.message.clone()),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

/// Labels as a map, for assertions.
pub fn labels(namespace: &Namespace) -> BTreeMap<String, String> {
    namespace.metadata.labels.clone().unwrap_or_default()
}
