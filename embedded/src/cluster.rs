//! The embedded Kubernetes: the order in which its parts start and stop.

mod addons;
mod api_server;
pub(crate) mod cni;
mod containerd;
mod context;
mod control_plane;
mod credentials;
mod etcd_watch;
mod kube_proxy;
mod kubelet;
mod runtime_spec;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::context::Context;
use self::etcd_watch::EtcdWatch;
use crate::data_dir::layout::Layout;
use crate::data_dir::leftovers::{self, PATIENT};
use crate::data_dir::status::Board;
use crate::error::Error;
use crate::host::cgroups;
use crate::host::firewall;
use crate::host::mounts::MountNamespace;
use crate::host::network;
use crate::host::ports::Ports;
use crate::images;
use crate::options::{ClusterOptions, NODE_NAME};
use crate::pods_disk;
use crate::process::supervise::{Part, PartSpec, stop_all};
use crate::progress::Progress;

/// The parts of a running cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    context: Context,
    /// Kept open, so that a part that died can be restarted in it.
    namespace: Option<MountNamespace>,
    /// etcd and the API server, in the order in which they started.
    storage: Vec<Part>,
    /// The registry and containerd.
    runtime: Vec<Part>,
    others: Vec<Part>,
    etcd_watch: Option<EtcdWatch>,
}

impl Cluster {
    /// Starts all parts in order. If one fails, those that had started are stopped again.
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
        let containerd = starter.part(&context, containerd::containerd(&context, namespace)?);
        let (storage, registry, containerd) = tokio::join!(storage, registry, containerd);
        // record every part before returning the first error, so that `stop` reaches all of them
        let storage = keep(&mut self.storage, storage);
        let registry = keep(&mut self.runtime, registry);
        let containerd = keep(&mut self.runtime, containerd);
        storage.and(registry).and(containerd)?;

        let api = starter.api_server(&context).await;
        keep(&mut self.storage, api)?;
        self.etcd_watch = Some(EtcdWatch::start(&context));
        let (controllers, scheduler, node, proxy, dns, policies) = tokio::join!(
            starter.part(&context, control_plane::kube_controller_manager(&context)),
            starter.part(&context, control_plane::kube_scheduler(&context)),
            starter.kubelet(
                &context,
                addons::volumes(&context, namespace),
                kubelet::kubelet(&context, namespace)?
            ),
            starter.part(&context, kube_proxy::kube_proxy(&context)?),
            starter.part(&context, addons::coredns(&context)?),
            starter.part(&context, addons::network_policy(&context)),
        );
        let mut outcome = Ok(());
        for part in [controllers, scheduler, proxy, dns, policies] {
            outcome = outcome.and(keep(&mut self.others, part));
        }
        outcome.and(node.map(|Node { volumes, kubelet }| self.others.extend([volumes, kubelet])))
    }

    /// Stops the pods and all parts. What they leave on the machine is cleared from the record of leftovers.
    pub(crate) async fn stop(self) {
        drop(self.etcd_watch);
        // once these have stopped, nothing restarts a pod
        stop_all(self.others).await;
        if let Err(error) = leftovers::end_pods(&self.context.layout, PATIENT).await {
            tracing::warn!(error = %error, "could not stop the pods in order");
        }
        stop_all(self.runtime).await;
        for part in self.storage.into_iter().rev() {
            part.stop().await;
        }
        drop(self.namespace);
    }

    /// Returns the administrator's kubeconfig.
    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        self.context.layout.kubeconfig("admin")
    }

    /// Returns the kubeconfig of Lectern's server.
    pub(crate) fn server_kubeconfig(&self) -> PathBuf {
        self.context.layout.kubeconfig("server")
    }
}

/// The parts that make the machine a node.
struct Node {
    volumes: Part,
    kubelet: Part,
}

fn keep(parts: &mut Vec<Part>, part: Result<Part, Error>) -> Result<(), Error> {
    parts.push(part?);
    Ok(())
}

/// Starts parts and reports the progress.
struct Starter<'a> {
    board: &'a Board,
    progress: &'a Progress,
}

impl Starter<'_> {
    async fn part(&self, context: &Context, spec: PartSpec) -> Result<Part, Error> {
        self.progress.step(spec.name, Part::start(spec, &context.layout, self.board)).await
    }

    /// Starts the volumes, then kubelet, and waits for the node: volumes must be mounted before pods start, and the node
    /// of an earlier run counts as ready until kubelet reports.
    async fn kubelet(&self, context: &Context, volumes: PartSpec, kubelet: PartSpec) -> Result<Node, Error> {
        let volumes = self.part(context, volumes).await?;
        let kubelet = match self.part(context, kubelet).await {
            Ok(kubelet) => kubelet,
            Err(error) => {
                volumes.stop().await;
                return Err(error);
            }
        };
        match self.progress.step("node", wait_node_ready(context)).await {
            Ok(()) => Ok(Node { volumes, kubelet }),
            Err(error) => {
                stop_all(vec![volumes, kubelet]).await;
                Err(error)
            }
        }
    }

    /// Starts the API server, which is ready when it says so and has accepted our objects.
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
    cgroups::create(&context.layout.cgroup())?;
    kubelet::make_room_for_processes()?;
    addons::write_resolv_conf(context)
}

async fn copy_images(context: &Context) -> Result<(), Error> {
    let (source, layout) = (context.options.images_dir.clone(), context.layout.clone());
    let copying = tokio::task::spawn_blocking(move || images::sync(source.as_deref(), &layout));
    copying.await.map_err(|_| Error::Task { task: "the images" })?
}

/// Applies our objects as soon as the API server accepts them.
async fn apply_manifests(context: &Context) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        let ready = context.kubectl("super-admin").args(["get", "--raw", "/readyz"]).run().await;
        let outcome = match ready {
            Ok(_) => {
                let apply =
                    ["apply", "--server-side", "--force-conflicts", "--field-manager=lectern-up", "-f", "-"];
                context.kubectl("super-admin").args(apply).input(addons::manifests(context)).run().await
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
        let waiting = context
            .kubectl("admin")
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
