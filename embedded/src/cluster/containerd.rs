//! containerd, its configuration, and the registries that it pulls from.

use serde_json::{Value, json};

use super::context::Context;
use super::{cni, runtime_spec};
use crate::error::Error;
use crate::files;
use crate::host::mounts::MountNamespace;
use crate::host::probe::Probe;
use crate::process::supervise::PartSpec;

/// The image of the process that holds a pod's namespaces.
const PAUSE_IMAGE: &str = "registry.k8s.io/pause:3.10";
/// Registries whose images are first looked up on loopback, with their real addresses.
const MIRRORED: [(&str, &str); 2] =
    [("docker.io", "https://registry-1.docker.io"), ("registry.k8s.io", "https://registry.k8s.io")];

/// Returns containerd as a part, inside the mount namespace of the node.
pub(super) fn containerd(context: &Context, namespace: &MountNamespace) -> Result<PartSpec, Error> {
    let layout = &context.layout;
    files::create_private_dir(&layout.containerd_plugins())?;
    for (name, server) in MIRRORED {
        let path = layout.config(&format!("registries/{name}/hosts.toml"));
        files::settle_toml(&path, &mirror_config(context, server))?;
    }
    cni::link_plugins(context)?;
    files::settle_json(&layout.config("cni/10-lectern.conflist"), &cni::config(context))?;
    let path = layout.config("containerd.toml");
    files::settle_toml(&path, &config(context))?;
    let socket = layout.node("run-containerd").join("containerd.sock");
    let mut spec = PartSpec::new("containerd", "nsenter", Probe::Unix(socket))
        .args(namespace.enter_args())
        .args(["containerd", "--config"])
        .arg(path);
    spec.env.push(("NO_PROXY".to_owned(), "127.0.0.1,localhost".into()));
    Ok(spec)
}

fn mirror_config(context: &Context, server: &str) -> Value {
    let mirror = format!("http://127.0.0.1:{}", context.ports.of("registry"));
    json!({ "server": server, "host": { mirror: { "capabilities": ["pull", "resolve"] } } })
}

fn config(context: &Context) -> Value {
    let layout = &context.layout;
    json!({
        "version": 2,
        "root": layout.pods_disk().join("containerd"),
        "state": "/run/containerd",
        "oom_score": 0,
        "disabled_plugins": [
            "io.containerd.snapshotter.v1.aufs",
            "io.containerd.snapshotter.v1.btrfs",
            "io.containerd.snapshotter.v1.devmapper",
            "io.containerd.snapshotter.v1.zfs",
        ],
        "grpc": { "address": "/run/containerd/containerd.sock" },
        "plugins": {
            "io.containerd.internal.v1.opt": { "path": layout.containerd_plugins() },
            "io.containerd.grpc.v1.cri": {
                "sandbox_image": PAUSE_IMAGE,
                "restrict_oom_score_adj": true,
                "disable_apparmor": true,
                "disable_tcp_service": true,
                "enable_unprivileged_icmp": true,
                "stream_server_address": "127.0.0.1",
                "stream_server_port": "0",
                "max_concurrent_downloads": 4,
                "stats_collect_period": 5,
                "netns_mounts_under_state_dir": true,
                "cni": { "bin_dir": layout.cni_plugins(), "conf_dir": layout.config("cni") },
                "containerd": {
                    "snapshotter": "overlayfs",
                    "default_runtime_name": "runc",
                    "runtimes": {
                        "runc": {
                            "runtime_type": "io.containerd.runc.v2",
                            "base_runtime_spec": runtime_spec::path(context),
                            "options": { "SystemdCgroup": false },
                        },
                    },
                },
                "registry": { "config_path": layout.config("registries") },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(settings: &Value) -> toml::Table {
        toml::from_str(&toml::to_string(settings).expect("TOML")).expect("TOML that reads back")
    }

    #[test]
    fn images_of_mirrored_registries_are_first_looked_up_on_loopback() {
        let expected = "server = \"https://registry.k8s.io\"\n\n\
            [host.\"http://127.0.0.1:20014\"]\n  capabilities = [\"pull\", \"resolve\"]\n";
        let expected: toml::Table = toml::from_str(expected).expect("TOML");
        assert_eq!(written(&mirror_config(&Context::for_tests(), MIRRORED[1].1)), expected);
    }

    #[test]
    fn containerd_keeps_to_the_data_folder_and_to_runc() {
        let expected = r#"version = 2
root = "/srv/lectern/node/disk/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "/srv/lectern/containerd/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.10"
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
    bin_dir = "/srv/lectern/node/cni-plugins"
    conf_dir = "/srv/lectern/config/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      base_runtime_spec = "/srv/lectern/config/runtime-spec.json"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/srv/lectern/config/registries"
"#;
        let expected: toml::Table = toml::from_str(expected).expect("TOML");
        assert_eq!(written(&config(&Context::for_tests())), expected);
    }
}
