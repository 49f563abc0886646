//! Facts about the running machine: its boot, network namespace, users, routes and listeners.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt as _;

use nix::net::if_::if_nametoindex;
use nix::unistd::User;

use crate::error::Error;
use crate::options::Network;

/// Returns an id that changes with every boot.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Returns a number that differs between network namespaces.
pub(crate) fn network_namespace() -> u64 {
    fs::metadata("/proc/self/ns/net").map_or(0, |found| found.ino())
}

/// Returns the user id and the group id of a user, or `None` if there is no such user.
pub(crate) fn user(name: &str) -> Result<Option<(u32, u32)>, Error> {
    let user = User::from_name(name).map_err(Error::system(format!("look up the user {name}")))?;
    Ok(user.map(|user| (user.uid.as_raw(), user.gid.as_raw())))
}

/// Returns whether an interface exists. This asks the kernel, because `/sys/class/net` may show another network namespace.
pub(crate) fn interface_exists(name: &str) -> bool {
    if_nametoindex(name).is_ok()
}

/// Returns the IPv4 ranges that have a route, with their interfaces. Default routes are left out.
pub(crate) fn routes() -> Vec<(Network, String)> {
    parse_routes(&fs::read_to_string("/proc/net/route").unwrap_or_default())
}

fn parse_routes(table: &str) -> Vec<(Network, String)> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok().map(u32::swap_bytes);
            let (address, mask) = (number(1)?, number(7)?);
            (mask != 0).then(|| (Network::from_parts(Ipv4Addr::from(address), mask), fields[0].to_owned()))
        })
        .collect()
}

/// Returns whether something listens on this port at this address or at all addresses.
pub(crate) fn is_listening(protocol: &str, address: Ipv4Addr, port: u16) -> bool {
    [protocol.to_owned(), format!("{protocol}6")].iter().any(|table| {
        let text = fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        text.lines().skip(1).any(|line| is_listener(line, protocol, address, port))
    })
}

fn is_listener(line: &str, protocol: &str, address: Ipv4Addr, port: u16) -> bool {
    let fields: Vec<_> = line.split_whitespace().collect();
    let Some((local, local_port)) = fields.get(1).and_then(|local| local.split_once(':')) else {
        return false;
    };
    // 0A is TCP's LISTEN, 07 a UDP socket that is not connected
    let listens = fields.get(3) == Some(if protocol == "tcp" { &"0A" } else { &"07" });
    let same_port = u16::from_str_radix(local_port, 16) == Ok(port);
    let everywhere = local.bytes().all(|digit| digit == b'0');
    let here =
        u32::from_str_radix(local, 16).is_ok_and(|number| Ipv4Addr::from(number.swap_bytes()) == address);
    listens && same_port && (everywhere || here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_of_the_kernel_is_read_as_its_range() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let routes = parse_routes(table);
        assert_eq!(routes.len(), 1);
        assert_eq!(routes[0].0.to_string(), "192.0.2.0/24");
    }

    #[test]
    fn a_listener_on_all_addresses_or_on_ours_counts_and_others_do_not() {
        let ours = Ipv4Addr::new(10, 83, 0, 1);
        let line = |local: &str, state: &str| format!("0: {local} 00000000:0000 {state} 0 0");
        assert!(is_listener(&line("00000000:0035", "0A"), "tcp", ours, 53));
        assert!(is_listener(&line("0100530A:0035", "07"), "udp", ours, 53));
        assert!(!is_listener(&line("3500007F:0035", "0A"), "tcp", ours, 53));
        assert!(!is_listener(&line("00000000:0035", "01"), "tcp", ours, 53));
        assert!(!is_listener(&line("00000000:0036", "0A"), "tcp", ours, 53));
    }
}
