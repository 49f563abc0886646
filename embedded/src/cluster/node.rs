//! containerd and kube-proxy.

use std::os::unix::fs::symlink;

use super::{Context, runtime_spec};
use crate::NODE_NAME;
use crate::error::Error;
use crate::files;
use crate::firewall::CNI_NETWORK;
use crate::mounts::MountNamespace;
use crate::preflight;
use crate::probe::Probe;
use crate::supervise::PartSpec;

/// The image of the process that keeps a pod's namespaces.
const PAUSE_IMAGE: &str = "registry.k8s.io/pause:3.10";
/// Registries whose images are first looked for on loopback, with their real addresses.
const MIRRORED: [(&str, &str); 2] =
    [("docker.io", "https://registry-1.docker.io"), ("registry.k8s.io", "https://registry.k8s.io")];

/// The CNI plugin of the policy enforcer; the cluster program takes its role by this name.
const NETWORK_POLICY_PLUGIN: &str = "network-policy-cni";

/// containerd, inside the mount namespace of the node.
pub(super) fn containerd(context: &Context, namespace: &MountNamespace) -> Result<PartSpec, Error> {
    let layout = &context.layout;
    let home = layout.containerd();
    files::create_private_dir(&home.join("opt"))?;
    let registry = context.ports.of("registry");
    for (name, server) in MIRRORED {
        let mirror = format!(
            "server = \"{server}\"\n\n[host.\"http://127.0.0.1:{registry}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
        );
        files::settle(&layout.config(&format!("registries/{name}/hosts.toml")), &mirror)?;
    }
    link_cni_plugins(context)?;
    files::settle(&layout.config("cni/10-lectern.conflist"), &cni_config(context))?;
    let config = layout.config("containerd.toml");
    files::settle(&config, &containerd_config(context))?;
    let socket = layout.node("run-containerd").join("containerd.sock");
    let mut spec = PartSpec::new("containerd", "nsenter", Probe::Unix(socket))
        .args(namespace.enter_args())
        .args(["containerd", "--config"])
        .arg(config);
    spec.env.push(("NO_PROXY".to_owned(), "127.0.0.1,localhost".into()));
    Ok(spec)
}

/// Makes the folder in which containerd finds the plugins, of which it knows only one.
fn link_cni_plugins(context: &Context) -> Result<(), Error> {
    let folder = context.layout.cni_plugins();
    files::remove_tree(&folder)?;
    files::create_dir(&folder, 0o755)?;
    let program = std::path::absolute(&context.options.program);
    let program = program.map_err(Error::file("find", &context.options.program))?;
    let own = (folder.join(NETWORK_POLICY_PLUGIN), program);
    let debians = preflight::cni_plugins().filter_map(|path| Some((folder.join(path.file_name()?), path)));
    for (link, target) in debians.chain([own]) {
        symlink(target, &link).map_err(Error::file("create", &link))?;
    }
    Ok(())
}

fn containerd_config(context: &Context) -> String {
    let layout = &context.layout;
    let home = layout.containerd();
    format!(
        r#"version = 2
root = "{root}"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "{opt}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_tcp_service = true
  enable_unprivileged_icmp = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  max_concurrent_downloads = 4
  stats_collect_period = 5
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      base_runtime_spec = "{spec}"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{registries}"
"#,
        root = layout.pods_disk().join("containerd").display(),
        spec = runtime_spec::path(context).display(),
        opt = home.join("opt").display(),
        cni = layout.config("cni").display(),
        plugins = layout.cni_plugins().display(),
        registries = layout.config("registries").display(),
    )
}

fn cni_config(context: &Context) -> String {
    let options = &context.options;
    format!(
        r#"{{
  "cniVersion": "0.4.0",
  "name": "{CNI_NETWORK}",
  "plugins": [
    {{
      "type": "bridge",
      "bridge": "{bridge}",
      "isGateway": true,
      "hairpinMode": true,
      "ipam": {{
        "type": "host-local",
        "ranges": [[{{ "subnet": "{pods}", "gateway": "{gateway}" }}]],
        "routes": [{{ "dst": "0.0.0.0/0" }}],
        "dataDir": "/run/containerd/cni-leases"
      }}
    }},
    {{ "type": "portmap", "capabilities": {{ "portMappings": true }} }},
    {{ "type": "{NETWORK_POLICY_PLUGIN}", "socket": "{gate}" }}
  ]
}}
"#,
        bridge = options.bridge,
        pods = options.pods,
        gateway = options.bridge_address(),
        gate = context.layout.network_policy_gate().display(),
    )
}

/// kube-proxy with nftables; it leaves connection tracking's settings alone.
pub(super) fn kube_proxy(context: &Context) -> Result<PartSpec, Error> {
    let health = context.ports.of("kube-proxy-health");
    let config = context.layout.config("kube-proxy.yaml");
    files::settle(
        &config,
        &format!(
            "apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: {NODE_NAME}
clusterCIDR: {pods}
healthzBindAddress: 127.0.0.1:{health}
metricsBindAddress: 127.0.0.1:{metrics}
clientConnection:
  kubeconfig: {kubeconfig}
conntrack:
  maxPerCore: 0
  min: 0
  tcpEstablishedTimeout: 0s
  tcpCloseWaitTimeout: 0s
nftables:
  syncPeriod: 30s
  minSyncPeriod: 100ms
",
            pods = context.options.pods,
            metrics = context.ports.of("kube-proxy-metrics"),
            kubeconfig = context.layout.kubeconfig("kube-proxy").display(),
        ),
    )?;
    Ok(context
        .part("kube-proxy", Probe::http(health, "/livez"))
        .arg(format!("--config={}", config.display())))
}
