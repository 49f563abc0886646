//! The pods' network bridge: created before the API server binds to it, removed with all interfaces attached to it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::Error;
use crate::host::machine;
use crate::host::sysctl;
use crate::options::ClusterOptions;
use crate::process::command::Helper;

/// The prefix of a bridge's alias. The data folder follows, so that a later start can identify the bridge's owner.
const ALIAS: &str = "lectern:";

/// Creates the bridge with its address, and sets the sysctls that forwarding and policies need.
pub(crate) async fn create_bridge(options: &ClusterOptions, data_dir: &Path) -> Result<(), Error> {
    let bridge = &options.bridge;
    let commands = format!(
        "link add {bridge} type bridge\nlink set {bridge} alias {ALIAS}{}\naddr add {}/{} dev {bridge}\n\
         link set {bridge} up\n",
        data_dir.display(),
        options.bridge_address(),
        options.pods.prefix(),
    );
    Helper::new("ip").args(["-batch", "-"]).input(commands).run().await?;
    // replies from outside arrive on the other interfaces, so forwarding is needed on all of them
    sysctl::set("net/ipv4/ip_forward", "1")?;
    // otherwise policies and services do not see the traffic between pods, which stays on the bridge
    sysctl::set("net/bridge/bridge-nf-call-iptables", "1")?;
    sysctl::set("net/bridge/bridge-nf-call-ip6tables", "1")
}

/// A bridge of ours, and the data folder that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnBridge {
    pub(crate) name: String,
    pub(crate) data_dir: PathBuf,
}

/// Returns the bridges in this network namespace that a Lectern created, whatever their names and data folders.
pub(crate) async fn own_bridges() -> Result<Vec<OwnBridge>, Error> {
    parse_bridges(&Helper::new("ip").args(["-json", "link", "show", "type", "bridge"]).run().await?)
}

fn parse_bridges(listing: &str) -> Result<Vec<OwnBridge>, Error> {
    #[derive(Deserialize)]
    struct Link {
        #[serde(rename = "ifname")]
        name: String,
        #[serde(rename = "ifalias", default)]
        alias: String,
    }
    // without any bridge, older versions of `ip` print nothing at all
    let listing = if listing.trim().is_empty() { "[]" } else { listing };
    let links: Vec<Link> = serde_json::from_str(listing).map_err(|error| Error::Command {
        command: "ip -json link show type bridge".to_owned(),
        status: "0".to_owned(),
        message: format!("its answer is not the JSON that was expected: {error}"),
    })?;
    let own =
        |link: Link| Some(OwnBridge { data_dir: link.alias.strip_prefix(ALIAS)?.into(), name: link.name });
    Ok(links.into_iter().filter_map(own).collect())
}

/// Removes the bridge, if it exists, and the pods' interfaces that are attached to it.
pub(crate) async fn remove_bridge(bridge: &str) -> Result<(), Error> {
    if !machine::interface_exists(bridge) {
        return Ok(());
    }
    let listing = Helper::new("ip").args(["-o", "link", "show", "master", bridge]).run().await?;
    for name in listing.lines().filter_map(interface_name) {
        if let Err(error) = Helper::new("ip").args(["link", "del", name]).run().await {
            // the kernel also removes them by itself when a pod's namespace ends
            tracing::debug!(error = %error, "a pod's interface was already gone");
        }
    }
    Helper::new("ip").args(["link", "del", bridge]).run().await.map(drop)
}

/// Returns the name in a line such as `6: veth46@if2: <BROADCAST,…`.
fn interface_name(line: &str) -> Option<&str> {
    line.split(": ").nth(1)?.split('@').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_of_ours_is_known_by_its_alias_and_those_of_others_are_not() {
        let listing = r#"[{"ifindex":3,"ifname":"docker0","mtu":1500},
            {"ifindex":4,"ifname":"br0","ifalias":"the office"},
            {"ifindex":5,"ifname":"lectern-test","ifalias":"lectern:/srv/data"}]"#;
        let own = OwnBridge { name: "lectern-test".to_owned(), data_dir: "/srv/data".into() };
        assert_eq!(parse_bridges(listing).expect("JSON"), [own]);
        assert_eq!(parse_bridges("\n").expect("nothing"), []);
        assert!(parse_bridges("5: docker0:").is_err());
    }

    #[test]
    fn the_name_of_an_interface_stands_before_its_peer() {
        assert_eq!(interface_name("6: veth4632bae3@if2: <BROADCAST> mtu 1500"), Some("veth4632bae3"));
        assert_eq!(interface_name("5: tap0: <BROADCAST> mtu 1500"), Some("tap0"));
    }
}
