//! The pods' bridge: made before the API server binds to it, removed with everything that hangs on it.

use std::fs;

use crate::command::Helper;
use crate::error::Error;
use crate::machine;
use crate::options::ClusterOptions;
use crate::sysctl;

/// Makes the bridge with its address and sets what forwarding and policies need.
pub(crate) async fn create_bridge(options: &ClusterOptions) -> Result<(), Error> {
    let bridge = &options.bridge;
    let commands = format!(
        "link add {bridge} type bridge\naddr add {}/{} dev {bridge}\nlink set {bridge} up\n",
        options.bridge_address(),
        options.pods.prefix(),
    );
    Helper::new("ip").args(["-batch", "-"]).input(commands).run().await?;
    // replies from the world come in on the other interfaces, so forwarding is needed on all of them
    sysctl::set("net/ipv4/ip_forward", "1")?;
    // pods of one node talk through the bridge; policies and services see that traffic only so
    sysctl::set("net/bridge/bridge-nf-call-iptables", "1")?;
    sysctl::set("net/bridge/bridge-nf-call-ip6tables", "1")
}

/// Removes the bridge and the pods' ends of it; none is fine.
pub(crate) async fn remove_bridge(bridge: &str) -> Result<(), Error> {
    let ports: Vec<_> = fs::read_dir(format!("/sys/class/net/{bridge}/brif")).into_iter().flatten().flatten().collect();
    for port in ports {
        let name = port.file_name().to_string_lossy().into_owned();
        if let Err(error) = Helper::new("ip").args(["link", "del", &name]).run().await {
            // the kernel removes them on its own, too, when a pod's namespace goes
            tracing::debug!(error = %error, "a pod's interface went by itself");
        }
    }
    if machine::interface_exists(bridge) {
        Helper::new("ip").args(["link", "del", bridge]).run().await?;
    }
    Ok(())
}
