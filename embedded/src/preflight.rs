//! Checks that the machine has what is needed, before anything is changed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;

use crate::cluster::cni;
use crate::data_dir::layout::Layout;
use crate::data_dir::leftovers;
use crate::data_dir::lock;
use crate::error::Error;
use crate::host::machine;
use crate::host::network;
use crate::options::{ClusterOptions, Network, Options};
use crate::postgres;
use crate::process::command;

const NEEDED_MIB: u64 = 2048;
/// The paths of Unix sockets are limited, and the longest of ours adds 45 bytes to the data folder.
const LONGEST_DATA_DIR: usize = 60;

/// The device that provides loop devices, which volumes are mounted on.
const LOOP_DEVICES: &str = "/dev/loop-control";

/// Checks everything that can be known before the first change. The data folder may not exist yet.
pub(crate) async fn check(options: &Options) -> Result<(), Error> {
    if !geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    check_data_dir(&options.data_dir)?;
    if let Some(cluster) = &options.cluster {
        check_cluster(cluster, &options.data_dir).await?;
    }
    if options.postgres {
        check_postgres(&options.data_dir)?;
    }
    Ok(())
}

/// Checks what [`check`] leaves out while the bridge and the name server of an earlier run may still exist.
pub(crate) fn check_after_recovery(options: &Options) -> Result<(), Error> {
    options.cluster.as_ref().map_or(Ok(()), check_network)
}

fn check_data_dir(data_dir: &Path) -> Result<(), Error> {
    let bad = |reason: String| Error::BadOption { option: "data_dir", reason };
    if !data_dir.is_absolute() {
        return Err(bad(format!("{} is not an absolute path", data_dir.display())));
    }
    if data_dir.as_os_str().len() > LONGEST_DATA_DIR {
        return Err(bad(format!(
            "{} is longer than {LONGEST_DATA_DIR} bytes; sockets below it could not be opened",
            data_dir.display()
        )));
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(byte);
    if !data_dir.as_os_str().as_encoded_bytes().iter().all(allowed) {
        return Err(bad(format!(
            "{} contains characters other than letters, digits and / - _ .",
            data_dir.display()
        )));
    }
    let present = present_ancestor(data_dir);
    let room = statvfs(&present).map_err(Error::system(format!("measure {}", present.display())))?;
    let free_mib = room.blocks_available() * room.fragment_size() / (1024 * 1024);
    if free_mib < NEEDED_MIB {
        return Err(Error::DiskFull { folder: present, free_mib, needed_mib: NEEDED_MIB });
    }
    Ok(())
}

fn present_ancestor(path: &Path) -> PathBuf {
    path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

async fn check_cluster(options: &ClusterOptions, data_dir: &Path) -> Result<(), Error> {
    options.validate()?;
    for (program, package) in [
        ("containerd", "containerd"),
        ("containerd-shim-runc-v2", "containerd"),
        ("ctr", "containerd"),
        ("runc", "runc"),
        ("docker-registry", "docker-registry"),
        ("nft", "nftables"),
        ("iptables-save", "iptables"),
        ("iptables-restore", "iptables"),
        ("ip", "iproute2"),
        ("conntrack", "conntrack"),
        ("mount", "mount"),
        ("losetup", "mount"),
        ("mkfs.ext4", "e2fsprogs"),
        ("dumpe2fs", "e2fsprogs"),
        ("nsenter", "util-linux"),
    ] {
        if command::find_program(program).is_none() {
            return Err(Error::ProgramMissing { program: program.to_owned(), package });
        }
    }
    for path in cni::plugins() {
        if !path.is_file() {
            return Err(Error::ProgramMissing {
                program: path.display().to_string(),
                package: "containernetworking-plugins",
            });
        }
    }
    for path in [options.program.clone(), cni::own_plugin(options)] {
        let is_program =
            fs::metadata(&path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
        if !is_program {
            return Err(Error::ClusterProgramMissing { path });
        }
    }
    check_kernel()?;
    lock::check_namespace()?;
    // what an earlier run left is cleared before it gets in the way
    let recovering = data_dir.canonicalize().is_ok_and(|root| leftovers::exist(&Layout::new(root)))
        || !network::own_bridges().await?.is_empty();
    if recovering { Ok(()) } else { check_network(options) }
}

fn check_kernel() -> Result<(), Error> {
    for (feature, path, module) in [
        ("bridge filtering", "/proc/sys/net/bridge/bridge-nf-call-iptables", "br_netfilter"),
        ("connection tracking", "/proc/sys/net/netfilter/nf_conntrack_max", "nf_conntrack"),
    ] {
        if !Path::new(path).exists() {
            load_module(module);
        }
        if !Path::new(path).exists() {
            return Err(Error::KernelFeatureMissing { feature, path, module });
        }
    }
    if !Path::new(LOOP_DEVICES).exists() {
        load_module("loop");
    }
    if !Path::new(LOOP_DEVICES).exists() {
        let (feature, module) = ("loop devices", "loop");
        return Err(Error::KernelFeatureMissing { feature, path: LOOP_DEVICES, module });
    }
    let has_overlay = || fs::read_to_string("/proc/filesystems").is_ok_and(|text| text.contains("overlay"));
    if !has_overlay() {
        load_module("overlay");
    }
    if !has_overlay() {
        return Err(Error::KernelFeatureMissing {
            feature: "overlay file system",
            path: "overlay in /proc/filesystems",
            module: "overlay",
        });
    }
    Ok(())
}

/// Tries to load a kernel module. The caller checks whether that helped.
fn load_module(module: &str) {
    if let Some(program) = command::find_program("modprobe") {
        let _ = std::process::Command::new(program).args(["-q", module]).status();
    }
}

fn check_network(options: &ClusterOptions) -> Result<(), Error> {
    if machine::interface_exists(&options.bridge) {
        return Err(Error::BridgeTaken { name: options.bridge.clone() });
    }
    for (range, interface) in machine::routes() {
        let taken = |cidr: &Network, purpose| Error::RangeTaken {
            cidr: cidr.to_string(),
            purpose,
            interface: interface.clone(),
        };
        if range.overlaps(&options.pods) {
            return Err(taken(&options.pods, "pods"));
        }
        if range.overlaps(&options.services) {
            return Err(taken(&options.services, "services"));
        }
    }
    for protocol in ["tcp", "udp"] {
        let address = options.bridge_address();
        if machine::is_listening(protocol, address, 53) {
            return Err(Error::PortInUse {
                address: address.into(),
                port: 53,
                protocol,
                purpose: "the cluster's name server",
            });
        }
    }
    Ok(())
}

fn check_postgres(data_dir: &Path) -> Result<(), Error> {
    postgres::find_programs(&Layout::new(data_dir))?;
    if machine::user(postgres::USER)?.is_none() {
        return Err(Error::ProgramMissing {
            program: format!("the user {}", postgres::USER),
            package: "postgresql",
        });
    }
    // the data folder itself is created so that it can be entered
    for folder in data_dir.ancestors().skip(1).filter(|folder| folder.is_dir()) {
        let mode = fs::metadata(folder).map_err(Error::file("read", folder))?.permissions().mode();
        if mode & 0o001 == 0 {
            return Err(Error::FolderNotReachable { folder: folder.to_owned() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(data_dir: &str) -> Options {
        Options { data_dir: data_dir.into(), cluster: None, postgres: false }
    }

    #[test]
    fn a_data_folder_that_sockets_could_not_live_in_is_refused() {
        for folder in ["relative", "/tmp/with blank", &format!("/{}", "long".repeat(20))] {
            assert!(matches!(check_data_dir(Path::new(folder)), Err(Error::BadOption { .. })), "{folder}");
        }
    }

    #[tokio::test]
    async fn a_missing_cluster_program_is_named_with_its_remedy() {
        if !geteuid().is_root() {
            assert!(matches!(check(&options("/tmp")).await, Err(Error::NotRoot)));
            return;
        }
        let mut options = options("/tmp/lectern-none");
        options.cluster = Some(ClusterOptions::new("/nonexistent/lectern-cluster"));
        let error = check(&options).await.expect_err("there is no such program");
        assert!(error.to_string().contains("/nonexistent/lectern-cluster"), "{error}");
        assert!(!options.data_dir.exists());
    }

    #[test]
    fn a_port_of_the_name_server_that_is_taken_is_named() {
        // port 53 itself may be in use on the machine; the check is the same for any port
        let guest = std::net::TcpListener::bind("127.0.0.1:0").expect("listener");
        let port = guest.local_addr().expect("address").port();
        assert!(machine::is_listening("tcp", std::net::Ipv4Addr::LOCALHOST, port));
    }
}
