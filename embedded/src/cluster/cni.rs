//! The CNI plugins that make a pod's network, and their configuration.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::context::Context;
use crate::error::Error;
use crate::files;
use crate::host::firewall::CNI_NETWORK;
use crate::options::ClusterOptions;

/// Where Debian installs the CNI plugins.
const FOLDER: &str = "/usr/lib/cni";
/// Debian's plugins that are used.
const PLUGINS: [&str; 4] = ["bridge", "host-local", "portmap", "loopback"];
/// The plugin of the policy enforcer, a small program beside the cluster program: it is started several times for each pod.
const NETWORK_POLICY: &str = "network-policy-cni";

/// Returns the paths of Debian's plugins.
pub(crate) fn plugins() -> impl Iterator<Item = PathBuf> {
    PLUGINS.iter().map(|plugin| Path::new(FOLDER).join(plugin))
}

/// Returns the path of the policy enforcer's plugin.
pub(crate) fn own_plugin(options: &ClusterOptions) -> PathBuf {
    options.program.with_file_name(NETWORK_POLICY)
}

/// Creates the folder in which containerd finds all plugins; it knows only one.
pub(super) fn link_plugins(context: &Context) -> Result<(), Error> {
    let folder = context.layout.cni_plugins();
    files::remove_tree(&folder)?;
    files::create_dir(&folder, 0o755)?;
    let plugin = own_plugin(&context.options);
    let own =
        (folder.join(NETWORK_POLICY), std::path::absolute(&plugin).map_err(Error::file("find", &plugin))?);
    let debians = plugins().filter_map(|path| Some((folder.join(path.file_name()?), path)));
    for (link, target) in debians.chain([own]) {
        symlink(target, &link).map_err(Error::file("create", &link))?;
    }
    Ok(())
}

/// Returns the configuration of the pods' network.
pub(super) fn config(context: &Context) -> Value {
    let options = &context.options;
    json!({
        "cniVersion": "0.4.0",
        "name": CNI_NETWORK,
        "plugins": [
            {
                "type": "bridge",
                "bridge": options.bridge,
                "isGateway": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{ "subnet": options.pods.to_string(), "gateway": options.bridge_address() }]],
                    "routes": [{ "dst": "0.0.0.0/0" }],
                    "dataDir": "/run/containerd/cni-leases",
                },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
            { "type": NETWORK_POLICY, "socket": context.layout.network_policy_gate() },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_get_a_bridge_their_ports_and_the_policy_enforcer() {
        let expected = r#"{
  "cniVersion": "0.4.0",
  "name": "lectern",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "lectern0",
      "isGateway": true,
      "hairpinMode": true,
      "ipam": {
        "type": "host-local",
        "ranges": [[{ "subnet": "10.83.0.0/16", "gateway": "10.83.0.1" }]],
        "routes": [{ "dst": "0.0.0.0/0" }],
        "dataDir": "/run/containerd/cni-leases"
      }
    },
    { "type": "portmap", "capabilities": { "portMappings": true } },
    { "type": "network-policy-cni", "socket": "/srv/lectern/run/network-policy.sock" }
  ]
}"#;
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(config(&Context::for_tests()), expected);
    }
}
