//! The embedded Kubernetes: the order in which its parts come up and go down.

mod addons;
mod api_server;
mod control_plane;
mod credentials;
mod etcd_watch;
mod kubelet;
mod node;
mod runtime_spec;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::etcd_watch::EtcdWatch;
use crate::NODE_NAME;
use crate::cgroups;
use crate::command::Helper;
use crate::error::Error;
use crate::firewall;
use crate::images;
use crate::layout::Layout;
use crate::leftovers::{self, PATIENT};
use crate::mounts::MountNamespace;
use crate::network;
use crate::options::ClusterOptions;
use crate::pods_disk;
use crate::ports::Ports;
use crate::progress::Progress;
use crate::status::Board;
use crate::supervise::{Part, PartSpec, stop_all};

/// What kubeadm is told, so that it asks nobody on the network.
const KUBERNETES_VERSION: &str = "v1.35.4";

/// What every part of the cluster is built from.
#[derive(Debug, Clone)]
struct Context {
    options: ClusterOptions,
    layout: Layout,
    ports: Ports,
}

impl Context {
    fn cgroup(&self) -> String {
        cgroup(&self.layout)
    }
}

/// The name of the pods' cgroup; cgroups are shared by the whole machine, so it differs between data folders.
pub(crate) fn cgroup(layout: &Layout) -> String {
    format!("lectern-{}", layout.tag())
}

/// The parts of a running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    context: Context,
    /// Kept open, so that a part that died can come back into it.
    namespace: Option<MountNamespace>,
    /// In the order in which they came up.
    storage: Vec<Part>,
    runtime: Vec<Part>,
    others: Vec<Part>,
    etcd_watch: Option<EtcdWatch>,
}

impl Cluster {
    /// Starts all parts in their order; what had come up before a failure is stopped again.
    pub(crate) async fn start(
        options: ClusterOptions,
        layout: &Layout,
        board: &Board,
        progress: &Progress,
    ) -> Result<Self, Error> {
        let context = Context { ports: Ports::settle(layout)?, layout: layout.clone(), options };
        let mut cluster = Self {
            context,
            namespace: None,
            storage: Vec::new(),
            runtime: Vec::new(),
            others: Vec::new(),
            etcd_watch: None,
        };
        match cluster.bring_up(&Starter { board, progress }).await {
            Ok(()) => Ok(cluster),
            Err(error) => {
                cluster.stop().await;
                Err(error)
            }
        }
    }

    async fn bring_up(&mut self, starter: &Starter<'_>) -> Result<(), Error> {
        let context = self.context.clone();
        let progress = starter.progress;
        let (network, disk, runtime) = tokio::join!(
            progress.step("network", prepare_machine(&context)),
            progress.step("pods' disk", pods_disk::settle(&context.layout, context.options.pods_disk_bytes)),
            runtime_spec::settle(&context),
        );
        network.and(disk).and(runtime)?;
        let namespace = self.namespace.insert(MountNamespace::create(&context.layout)?);
        let storage = async {
            progress.step("credentials", credentials::settle(&context)).await?;
            let etcd = starter.part(&context, control_plane::etcd(&context)?).await?;
            Ok::<_, Error>(etcd)
        };
        let registry = async {
            progress.step("images", copy_images(&context)).await?;
            starter.part(&context, images::registry(&context.layout, &context.ports)?).await
        };
        let containerd = starter.part(&context, node::containerd(&context, namespace)?);
        let (storage, registry, containerd) = tokio::join!(storage, registry, containerd);
        // all are kept before the first failure is told, so that none runs on
        let storage = keep(&mut self.storage, storage);
        let registry = keep(&mut self.runtime, registry);
        let containerd = keep(&mut self.runtime, containerd);
        storage.and(registry).and(containerd)?;

        let api = starter.api_server(&context).await;
        keep(&mut self.storage, api)?;
        self.etcd_watch = Some(EtcdWatch::start(&context));
        let started = tokio::join!(
            starter.part(&context, control_plane::kube_controller_manager(&context)),
            starter.part(&context, control_plane::kube_scheduler(&context)),
            starter.kubelet(
                &context,
                addons::volumes(&context, namespace),
                kubelet::kubelet(&context, namespace)?
            ),
            starter.part(&context, node::kube_proxy(&context)?),
            starter.part(&context, addons::coredns(&context)?),
            starter.part(&context, addons::network_policy(&context)),
        );
        let mut outcome = Ok(());
        for part in [started.0, started.1, started.3, started.4, started.5] {
            outcome = outcome.and(keep(&mut self.others, part));
        }
        match started.2 {
            Ok(node) => self.others.extend(node),
            Err(error) => return outcome.and(Err(error)),
        }
        outcome
    }

    /// Ends the pods and all parts. What they leave on the machine is cleared by the leftovers' record.
    pub(crate) async fn stop(self) {
        drop(self.etcd_watch);
        // nobody starts a pod again after these
        stop_all(self.others).await;
        if let Err(error) = leftovers::end_pods(&self.context.layout, PATIENT).await {
            tracing::warn!(error = %error, "could not end the pods in order");
        }
        stop_all(self.runtime).await;
        for part in self.storage.into_iter().rev() {
            part.stop().await;
        }
        drop(self.namespace);
    }

    /// The administrator's kubeconfig.
    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        self.context.layout.kubeconfig("admin")
    }

    /// The kubeconfig of Lectern's server.
    pub(crate) fn server_kubeconfig(&self) -> PathBuf {
        self.context.layout.kubeconfig("server")
    }

    /// Where pods reach the API server.
    pub(crate) fn api_server(&self) -> String {
        format!(
            "https://{}:{}",
            self.context.options.bridge_address(),
            self.context.ports.of("kube-apiserver")
        )
    }

    /// Where the images are served on loopback.
    pub(crate) fn registry(&self) -> String {
        format!("127.0.0.1:{}", self.context.ports.of("registry"))
    }
}

fn keep(parts: &mut Vec<Part>, part: Result<Part, Error>) -> Result<(), Error> {
    parts.push(part?);
    Ok(())
}

struct Starter<'a> {
    board: &'a Board,
    progress: &'a Progress,
}

impl Starter<'_> {
    async fn part(&self, context: &Context, spec: PartSpec) -> Result<Part, Error> {
        self.progress.step(spec.name, Part::start(spec, &context.layout, self.board)).await
    }

    /// The volumes, kubelet and the node, one after the other: pods start on volumes that are mounted, and an earlier
    /// run's node counts as ready until kubelet speaks.
    async fn kubelet(
        &self,
        context: &Context,
        volumes: PartSpec,
        kubelet: PartSpec,
    ) -> Result<[Part; 2], Error> {
        let volumes = self.part(context, volumes).await?;
        let kubelet = match self.part(context, kubelet).await {
            Ok(kubelet) => kubelet,
            Err(error) => {
                volumes.stop().await;
                return Err(error);
            }
        };
        match self.progress.step("node", wait_node_ready(context)).await {
            Ok(()) => Ok([volumes, kubelet]),
            Err(error) => {
                stop_all(vec![volumes, kubelet]).await;
                Err(error)
            }
        }
    }

    /// The API server is ready when it says so itself and has taken our objects.
    async fn api_server(&self, context: &Context) -> Result<Part, Error> {
        let spec = api_server::kube_apiserver(context)?;
        let name = spec.name;
        self.progress
            .step(name, async {
                let part = Part::start(spec, &context.layout, self.board).await?;
                match apply_manifests(context).await {
                    Ok(()) => Ok(part),
                    Err(error) => {
                        part.stop().await;
                        Err(error)
                    }
                }
            })
            .await
    }
}

async fn prepare_machine(context: &Context) -> Result<(), Error> {
    network::create_bridge(&context.options, context.layout.root()).await?;
    firewall::load(&context.options, context.ports.of("kube-apiserver")).await?;
    firewall::pass_other_firewalls(&context.options.bridge).await?;
    cgroups::create(&context.cgroup())?;
    kubelet::make_room_for_processes()?;
    addons::write_resolv_conf(context)
}

async fn copy_images(context: &Context) -> Result<(), Error> {
    let (source, layout) = (context.options.images_dir.clone(), context.layout.clone());
    let copying = tokio::task::spawn_blocking(move || images::sync(source.as_deref(), &layout));
    copying.await.map_err(|_| Error::Task { task: "the images" })?
}

fn kubectl(context: &Context, owner: &str) -> Helper {
    Helper::new(&context.options.program)
        .arg("kubectl")
        .arg("--kubeconfig")
        .arg(context.layout.kubeconfig(owner))
        .env("HOME", context.layout.home())
}

/// Applies our objects as soon as the API server takes them.
async fn apply_manifests(context: &Context) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        let ready = kubectl(context, "super-admin").args(["get", "--raw", "/readyz"]).run().await;
        let outcome = match ready {
            Ok(_) => {
                let apply =
                    ["apply", "--server-side", "--force-conflicts", "--field-manager=lectern-up", "-f", "-"];
                kubectl(context, "super-admin").args(apply).input(addons::manifests(context)).run().await
            }
            Err(error) => Err(error),
        };
        match outcome {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > Duration::from_secs(60) => return Err(error),
            Err(error) => tracing::debug!(error = %error, "the API server is not ready yet"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn wait_node_ready(context: &Context) -> Result<(), Error> {
    let began = Instant::now();
    let node = format!("node/{NODE_NAME}");
    loop {
        let waiting = kubectl(context, "admin")
            .args(["wait", "--for=condition=Ready", "--timeout=20s", &node])
            .run()
            .await;
        match waiting {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > Duration::from_secs(90) => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
