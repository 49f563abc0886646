//! kubelet, and the share of the machine that it keeps from pods.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use super::context::Context;
use crate::error::Error;
use crate::files;
use crate::host::mounts::MountNamespace;
use crate::host::probe::Probe;
use crate::host::sysctl;
use crate::options::NODE_NAME;
use crate::process::supervise::PartSpec;

const MIB: u64 = 1024 * 1024;
/// The maximum number of processes and threads in one pod.
const PIDS_PER_POD: u32 = 2048;
/// The kernel's default of 32,768 process ids is less than what two dozen pods may use.
const PIDS_OF_THE_MACHINE: u64 = 262_144;

/// Raises the machine's limit of process ids.
pub(super) fn make_room_for_processes() -> Result<(), Error> {
    match sysctl::number("kernel/pid_max") {
        Some(present) if present < PIDS_OF_THE_MACHINE => {
            sysctl::set("kernel/pid_max", &PIDS_OF_THE_MACHINE.to_string())
        }
        _ => Ok(()),
    }
}

/// What all pods together do not get: it is left to the machine, the parts, Postgres and the server.
#[derive(Debug, PartialEq, Eq)]
struct Reserved {
    cpu_milli: u64,
    memory_mib: u64,
    pids: u64,
}

impl Reserved {
    fn of_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let limits = [sysctl::number("kernel/pid_max"), sysctl::number("kernel/threads-max")];
        let pids = limits.into_iter().flatten().min().unwrap_or(32_768);
        Self::of(cores, total_memory(&memory).unwrap_or(0), pids)
    }

    fn of(cores: u64, memory: u64, pids: u64) -> Self {
        Self {
            cpu_milli: (100 * cores).min(1000),
            memory_mib: (memory / MIB / 8).clamp(512, 3072),
            pids: pids / 4,
        }
    }

    /// Returns the reservation as kubelet's settings have it.
    fn settings(&self) -> Value {
        let Self { cpu_milli, memory_mib, pids } = self;
        json!({
            "cpu": format!("{cpu_milli}m"),
            "memory": format!("{memory_mib}Mi"),
            "pid": pids.to_string(),
        })
    }
}

/// Returns the bytes in the line `MemTotal:` of `/proc/meminfo`.
fn total_memory(meminfo: &str) -> Option<u64> {
    let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(kib.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Returns kubelet as a part, inside the mount namespace of the node.
pub(super) fn kubelet(context: &Context, namespace: &MountNamespace) -> Result<PartSpec, Error> {
    let layout = &context.layout;
    files::create_dir(&layout.node("volume-plugins"), 0o755)?;
    let path = layout.config("kubelet.yaml");
    files::settle_yaml(&path, &[config(context, &Reserved::of_this_machine())])?;
    let health = context.ports.of("kubelet-health");
    let mut spec = PartSpec::new("kubelet", "nsenter", Probe::http(health, "/healthz"))
        .args(namespace.enter_args())
        .arg(&context.options.program)
        .arg("kubelet")
        .flag("config", path.display())
        .flag("kubeconfig", layout.kubeconfig("kubelet").display())
        .flag("hostname-override", NODE_NAME)
        .flag("node-ip", context.options.bridge_address());
    spec.stop_limit = Duration::from_secs(2);
    Ok(spec)
}

fn config(context: &Context, reserved: &Reserved) -> Value {
    let layout = &context.layout;
    let pki = layout.kubelet_pki();
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": context.options.bridge_address(),
        "port": context.ports.of("kubelet"),
        "readOnlyPort": 0,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": context.ports.of("kubelet-health"),
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": layout.pki().join("ca.crt") },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": pki.join("apiserver.crt"),
        "tlsPrivateKeyFile": pki.join("apiserver.key"),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", layout.cgroup()),
        "cgroupsPerQOS": true,
        "enforceNodeAllocatable": ["pods"],
        "failCgroupV1": false,
        "failSwapOn": false,
        "clusterDomain": "cluster.local",
        "clusterDNS": [context.options.dns_service_address()],
        "resolvConf": super::addons::resolv_conf(context),
        "podLogsDir": layout.pods_disk().join("pod-logs"),
        "volumePluginDir": layout.node("volume-plugins"),
        "makeIPTablesUtilChains": false,
        "maxPods": 250,
        "serializeImagePulls": false,
        "registryPullQPS": 0,
        "imagePullCredentialsVerificationPolicy": "AlwaysVerify",
        "imageGCHighThresholdPercent": 85,
        "imageGCLowThresholdPercent": 80,
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 3,
        "containerLogMonitorInterval": "5s",
        "seccompDefault": true,
        "podPidsLimit": PIDS_PER_POD,
        "systemReserved": reserved.settings(),
        "evictionHard": {
            "memory.available": "200Mi",
            "nodefs.available": "10%",
            "nodefs.inodesFree": "5%",
            "imagefs.available": "10%",
            "imagefs.inodesFree": "5%",
        },
        "evictionMinimumReclaim": { "nodefs.available": "5%", "imagefs.available": "5%" },
        "evictionPressureTransitionPeriod": "20s",
        "shutdownGracePeriod": "0s",
        "rotateCertificates": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_keeps_a_share_of_everything_on_small_and_large_ones() {
        let small = Reserved::of(1, 2048 * MIB, 32_768);
        assert_eq!(small.settings(), json!({ "cpu": "100m", "memory": "512Mi", "pid": "8192" }));
        let large = Reserved::of(64, 256 * 1024 * MIB, 4_194_304);
        assert_eq!(large, Reserved { cpu_milli: 1000, memory_mib: 3072, pids: 1_048_576 });
    }

    #[test]
    fn the_memory_is_read_from_the_kernels_table() {
        assert_eq!(total_memory("MemTotal:       1024 kB\nMemFree: 7 kB\n"), Some(MIB));
        assert_eq!(total_memory(""), None);
    }

    #[test]
    fn kubelet_listens_on_the_bridge_and_keeps_to_the_data_folder() {
        let expected = "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 10.83.0.1
port: 20006
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
healthzPort: 20007
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: true
  x509:
    clientCAFile: /srv/lectern/pki/ca.crt
authorization:
  mode: Webhook
tlsCertFile: /srv/lectern/pki/kubelet/apiserver.crt
tlsPrivateKeyFile: /srv/lectern/pki/kubelet/apiserver.key
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /CGROUP
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
failCgroupV1: false
failSwapOn: false
clusterDomain: cluster.local
clusterDNS: [10.84.0.10]
resolvConf: /srv/lectern/config/resolv.conf
podLogsDir: /srv/lectern/node/disk/pod-logs
volumePluginDir: /srv/lectern/node/volume-plugins
makeIPTablesUtilChains: false
maxPods: 250
serializeImagePulls: false
registryPullQPS: 0
imagePullCredentialsVerificationPolicy: AlwaysVerify
imageGCHighThresholdPercent: 85
imageGCLowThresholdPercent: 80
containerLogMaxSize: 10Mi
containerLogMaxFiles: 3
containerLogMonitorInterval: 5s
seccompDefault: true
podPidsLimit: 2048
systemReserved: { cpu: 200m, memory: 1024Mi, pid: \"8192\" }
evictionHard:
  memory.available: 200Mi
  nodefs.available: 10%
  nodefs.inodesFree: 5%
  imagefs.available: 10%
  imagefs.inodesFree: 5%
evictionMinimumReclaim:
  nodefs.available: 5%
  imagefs.available: 5%
evictionPressureTransitionPeriod: 20s
shutdownGracePeriod: 0s
rotateCertificates: false
";
        let context = Context::for_tests();
        let expected = expected.replace("CGROUP", &context.layout.cgroup());
        let reserved = Reserved::of(2, 8192 * MIB, 32_768);
        files::tests::assert_same_yaml(&[config(&context, &reserved)], &[&expected]);
    }
}
