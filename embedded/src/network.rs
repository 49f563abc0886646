//! The pods' bridge: made before the API server binds to it, removed with everything that hangs on it.

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
    if !machine::interface_exists(bridge) {
        return Ok(());
    }
    let listing = Helper::new("ip").args(["-o", "link", "show", "master", bridge]).run().await?;
    for name in listing.lines().filter_map(interface_name) {
        if let Err(error) = Helper::new("ip").args(["link", "del", name]).run().await {
            // the kernel removes them on its own, too, when a pod's namespace goes
            tracing::debug!(error = %error, "a pod's interface went by itself");
        }
    }
    Helper::new("ip").args(["link", "del", bridge]).run().await.map(drop)
}

/// The name in a line such as `6: veth46@if2: <BROADCAST,…`.
fn interface_name(line: &str) -> Option<&str> {
    line.split(": ").nth(1)?.split('@').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_interface_stands_before_its_peer() {
        assert_eq!(interface_name("6: veth4632bae3@if2: <BROADCAST> mtu 1500"), Some("veth4632bae3"));
        assert_eq!(interface_name("5: tap0: <BROADCAST> mtu 1500"), Some("tap0"));
    }
}
