//! Firewall tables: our own, and those that kube-proxy and the CNI plugins leave behind.
//!
//! Ours lets pods reach nothing on the node but the API server and the name server, keeps other machines away from the
//! bridge's address and from pods, and masquerades the pods' traffic to the outside.

use crate::error::Error;
use crate::options::ClusterOptions;
use crate::process::command::Helper;

/// Our own table.
const TABLE: &str = "inet lectern";

/// The tables of the policy enforcer, in the families `inet` and `bridge`.
pub(crate) const NETWORK_POLICY_TABLE: &str = "lectern_netpol";

/// Tables that kube-proxy leaves behind.
const TABLES_OF_KUBE_PROXY: [&str; 2] = ["ip kube-proxy", "ip6 kube-proxy"];

/// The name with which the CNI plugins label the rules of our pods.
pub(crate) const CNI_NETWORK: &str = "lectern";

/// Loads our own table, replacing an older one in the same transaction.
pub(crate) async fn load(options: &ClusterOptions, api_port: u16) -> Result<(), Error> {
    Helper::new("nft").args(["-f", "-"]).input(rules(options, api_port)).run().await.map(drop)
}

/// Lets pods' traffic pass chains of others that drop by default: Docker drops what is forwarded, ufw what comes in. Our
/// own table has by then dropped what pods may not reach.
pub(crate) async fn pass_other_firewalls(bridge: &str) -> Result<(), Error> {
    for chain in ["FORWARD", "INPUT"] {
        let listing =
            Helper::new("nft").args(["list", "chain", "ip", "filter", chain]).run().await.unwrap_or_default();
        if listing.contains("policy drop") {
            for rule in pass_rules(bridge, chain) {
                Helper::new("iptables").args(["-w", "-I", chain]).args(rule).run().await?;
            }
        }
    }
    Ok(())
}

fn pass_rules(bridge: &str, chain: &str) -> Vec<[String; 4]> {
    let rule = |flag: &str| [flag.to_owned(), bridge.to_owned(), "-j".to_owned(), "ACCEPT".to_owned()];
    if chain == "FORWARD" { vec![rule("-i"), rule("-o")] } else { vec![rule("-i")] }
}

async fn remove_pass_rules(bridge: &str) -> Result<(), Error> {
    let saved = Helper::new("iptables-save").args(["-t", "filter"]).run().await.unwrap_or_default();
    for chain in ["FORWARD", "INPUT"] {
        for rule in pass_rules(bridge, chain) {
            let line = format!("-A {chain} {}", rule.join(" "));
            for _ in saved.lines().filter(|present| present.trim() == line) {
                Helper::new("iptables").args(["-w", "-D", chain]).args(&rule).run().await?;
            }
        }
    }
    Ok(())
}

fn rules(options: &ClusterOptions, api_port: u16) -> String {
    let (bridge, address, pods) = (&options.bridge, options.bridge_address(), options.pods);
    format!(
        r#"table {TABLE}
delete table {TABLE}
table {TABLE} {{
	chain input {{
		type filter hook input priority -10; policy accept;
		iifname "{bridge}" ct state established,related accept
		iifname "{bridge}" ip daddr {address} tcp dport {{ 53, {api_port} }} accept
		iifname "{bridge}" ip daddr {address} udp dport 53 accept
		iifname "{bridge}" meta l4proto {{ icmp, ipv6-icmp }} accept
		iifname "{bridge}" counter drop
		iifname != {{ "lo", "{bridge}" }} ip daddr {address} counter drop
	}}
	chain forward {{
		type filter hook forward priority -10; policy accept;
		oifname "{bridge}" iifname != "{bridge}" ct state new ct status != dnat counter drop
	}}
	chain postrouting {{
		type nat hook postrouting priority 100; policy accept;
		ip saddr {pods} ip daddr != {pods} oifname != {{ "lo", "{bridge}" }} masquerade
	}}
}}
"#
    )
}

/// Returns the existing tables, so that those that iptables creates later can be distinguished from them.
pub(crate) async fn present_tables() -> Result<Vec<String>, Error> {
    let listing = Helper::new("nft").args(["list", "tables"]).run().await?;
    Ok(listing.lines().filter_map(|line| line.strip_prefix("table ")).map(str::to_owned).collect())
}

/// Removes all rules of ours and of our parts. `before` are the tables that existed before the start.
pub(crate) async fn clear(bridge: &str, before: &[String]) -> Result<(), Error> {
    remove_port_maps().await?;
    remove_pass_rules(bridge).await?;
    let present = present_tables().await?;
    let ours = |table: &&String| {
        *table == TABLE
            || TABLES_OF_KUBE_PROXY.contains(&table.as_str())
            || ["inet ", "bridge "].iter().any(|of| table.strip_prefix(of) == Some(NETWORK_POLICY_TABLE))
    };
    let mut script: String =
        present.iter().filter(ours).map(|table| format!("delete table {table}\n")).collect();
    // iptables creates its tables when they are first used, and never removes them
    for table in present.iter().filter(|table| is_of_iptables(table) && !before.contains(table)) {
        if Helper::new("nft")
            .args(["list", "table"])
            .args(table.split(' '))
            .run()
            .await
            .is_ok_and(|text| is_empty(&text))
        {
            script.push_str(&format!("delete table {table}\n"));
        }
    }
    if script.is_empty() {
        return Ok(());
    }
    Helper::new("nft").args(["-f", "-"]).input(script).run().await.map(drop)
}

fn is_of_iptables(table: &str) -> bool {
    let (family, name) = table.split_once(' ').unwrap_or_default();
    matches!(family, "ip" | "ip6") && matches!(name, "nat" | "filter" | "mangle" | "raw" | "security")
}

/// Returns whether the listing of a table contains nothing but built-in chains without rules.
fn is_empty(listing: &str) -> bool {
    listing.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).all(|line| {
        line == "}"
            || line.starts_with("table ")
            || line.starts_with("type ")
            || (line.starts_with("chain ")
                && line
                    .split(' ')
                    .nth(1)
                    .is_some_and(|name| name == name.to_uppercase() && !name.contains('-')))
    })
}

/// Removes the rules that the CNI portmap plugin made for our pods, unless it has removed them itself.
async fn remove_port_maps() -> Result<(), Error> {
    for family in ["iptables", "ip6tables"] {
        let Ok(saved) = Helper::new(format!("{family}-save")).args(["-t", "nat"]).run().await else {
            continue;
        };
        let script = port_map_removal(&saved);
        if !script.is_empty() {
            Helper::new(format!("{family}-restore")).arg("--noflush").input(script).run().await?;
        }
    }
    Ok(())
}

/// Returns the input of `iptables-restore` that removes our port maps from a saved `nat` table, and the plugin's own
/// chains if no map of others remains.
fn port_map_removal(saved: &str) -> String {
    let rules = || saved.lines().filter(|line| line.starts_with("-A "));
    let label = format!("\\\"{CNI_NETWORK}\\\"");
    let map_rules: Vec<_> = rules().filter(|rule| rule.starts_with("-A CNI-HOSTPORT-DNAT ")).collect();
    let (ours, others): (Vec<_>, Vec<_>) = map_rules.into_iter().partition(|rule| rule.contains(&label));
    let mut chains: Vec<&str> =
        ours.iter().filter_map(|rule| rule.rsplit_once("-j ")).map(|(_, chain)| chain.trim()).collect();
    let mut deleted = ours;
    if others.is_empty() && saved.contains(":CNI-HOSTPORT-DNAT ") {
        chains.extend(["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"]);
        chains.retain(|chain| saved.contains(&format!(":{chain} ")));
        deleted.extend(rules().filter(|rule| {
            let from_built_in = ["-A PREROUTING ", "-A OUTPUT ", "-A POSTROUTING "]
                .iter()
                .any(|start| rule.starts_with(start));
            from_built_in && rule.contains("-j CNI-HOSTPORT-")
        }));
    }
    if chains.is_empty() && deleted.is_empty() {
        return String::new();
    }
    let mut script = "*nat\n".to_owned();
    for rule in deleted {
        script.push_str(&format!("-D {}\n", &rule[3..]));
    }
    for action in ["-F", "-X"] {
        for chain in &chains {
            script.push_str(&format!("{action} {chain}\n"));
        }
    }
    script + "COMMIT\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: &str = r#"*nat
:PREROUTING ACCEPT [0:0]
:CNI-DN-aa - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:CNI-HOSTPORT-MASQ - [0:0]
:CNI-HOSTPORT-SETMARK - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
-A CNI-DN-aa -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.83.0.5:80
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"lectern\" id: \"1\"" -m multiport --dports 80 -j CNI-DN-aa
COMMIT
"#;

    #[test]
    fn the_last_port_map_takes_the_chains_of_the_plugin_along() {
        let script = port_map_removal(SAVED);
        for line in [
            "-D PREROUTING -m addrtype",
            "-D POSTROUTING",
            "-D CNI-HOSTPORT-DNAT -p tcp",
            "-X CNI-DN-aa",
            "-X CNI-HOSTPORT-MASQ",
        ] {
            assert!(script.contains(line), "{line} is missing in {script}");
        }
    }

    #[test]
    fn port_maps_of_others_stay_with_the_chains_they_need() {
        let other = "-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment \"dnat name: \\\"podman\\\" id: \\\"2\\\"\" -j CNI-DN-bb\n";
        let script = port_map_removal(&format!("{SAVED}{other}"));
        assert!(script.contains("-X CNI-DN-aa"));
        assert!(
            !script.contains("CNI-DN-bb")
                && !script.contains("-X CNI-HOSTPORT-DNAT")
                && !script.contains("-D PREROUTING"),
            "{script}"
        );
    }

    #[test]
    fn a_table_without_port_maps_is_left_alone() {
        assert_eq!(port_map_removal("*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"), "");
    }

    #[test]
    fn only_a_table_of_bare_built_in_chains_is_empty() {
        let bare = "table ip nat {\n\tchain PREROUTING {\n\t\ttype nat hook prerouting priority dstnat; policy accept;\n\t}\n}\n";
        assert!(is_empty(bare));
        assert!(!is_empty(&bare.replace("policy accept;\n", "policy accept;\n\t\tcounter drop\n")));
        assert!(!is_empty(&bare.replace("PREROUTING", "KUBE-MARK")));
    }
}
