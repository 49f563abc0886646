//! kubelet, and what of the machine it keeps from pods.

use std::fmt;
use std::fs;
use std::time::Duration;

use super::Context;
use crate::NODE_NAME;
use crate::error::Error;
use crate::files;
use crate::mounts::MountNamespace;
use crate::probe::Probe;
use crate::supervise::PartSpec;
use crate::sysctl;

const MIB: u64 = 1024 * 1024;
/// Processes and threads of one pod.
const PIDS_OF_A_POD: u32 = 2048;
/// The kernel's usual 32,768 numbers of processes are less than what two dozen pods may have.
const PIDS_OF_THE_MACHINE: u64 = 262_144;

/// Lets the machine have as many processes as its memory allows.
pub(super) fn make_room_for_processes() -> Result<(), Error> {
    match sysctl::number("kernel/pid_max") {
        Some(present) if present < PIDS_OF_THE_MACHINE => {
            sysctl::set("kernel/pid_max", &PIDS_OF_THE_MACHINE.to_string())
        }
        _ => Ok(()),
    }
}

/// What pods in all do not get: it is left to the machine, the parts, Postgres and the server.
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
}

/// As kubelet's settings have it.
impl fmt::Display for Reserved {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu_milli, memory_mib, pids } = self;
        write!(out, "{{ cpu: {cpu_milli}m, memory: {memory_mib}Mi, pid: \"{pids}\" }}")
    }
}

/// The bytes in the line `MemTotal:` of `/proc/meminfo`.
fn total_memory(meminfo: &str) -> Option<u64> {
    let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(kib.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// kubelet, inside the same mount namespace.
pub(super) fn kubelet(context: &Context, namespace: &MountNamespace) -> Result<PartSpec, Error> {
    let layout = &context.layout;
    files::create_dir(&layout.node("volume-plugins"), 0o755)?;
    let config = layout.config("kubelet.yaml");
    files::settle(&config, &kubelet_config(context))?;
    let mut spec =
        PartSpec::new("kubelet", "nsenter", Probe::http(context.ports.of("kubelet-health"), "/healthz"))
            .args(namespace.enter_args())
            .arg(&context.options.program)
            .arg("kubelet")
            .arg(format!("--config={}", config.display()))
            .arg(format!("--kubeconfig={}", layout.kubeconfig("kubelet").display()))
            .arg(format!("--hostname-override={NODE_NAME}"))
            .arg(format!("--node-ip={}", context.options.bridge_address()));
    spec.stop_limit = Duration::from_secs(2);
    Ok(spec)
}

fn kubelet_config(context: &Context) -> String {
    let layout = &context.layout;
    let pki = layout.kubelet_pki();
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {address}
port: {port}
readOnlyPort: 0
healthzBindAddress: 127.0.0.1
healthzPort: {health}
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: true
  x509:
    clientCAFile: {ca}
authorization:
  mode: Webhook
tlsCertFile: {cert}
tlsPrivateKeyFile: {key}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /{cgroup}
cgroupsPerQOS: true
enforceNodeAllocatable: [pods]
failCgroupV1: false
failSwapOn: false
clusterDomain: cluster.local
clusterDNS: [{dns}]
resolvConf: {resolv}
podLogsDir: {pod_logs}
volumePluginDir: {plugins}
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
podPidsLimit: {PIDS_OF_A_POD}
systemReserved: {reserved}
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
",
        address = context.options.bridge_address(),
        port = context.ports.of("kubelet"),
        health = context.ports.of("kubelet-health"),
        ca = layout.pki().join("ca.crt").display(),
        cert = pki.join("apiserver.crt").display(),
        key = pki.join("apiserver.key").display(),
        cgroup = context.cgroup(),
        dns = context.options.dns_service_address(),
        resolv = super::addons::resolv_conf(context).display(),
        pod_logs = layout.pods_disk().join("pod-logs").display(),
        reserved = Reserved::of_this_machine(),
        plugins = layout.node("volume-plugins").display(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_keeps_a_share_of_everything_on_small_and_large_ones() {
        let small = Reserved::of(1, 2048 * MIB, 32_768);
        assert_eq!(small.to_string(), "{ cpu: 100m, memory: 512Mi, pid: \"8192\" }");
        let large = Reserved::of(64, 256 * 1024 * MIB, 4_194_304);
        assert_eq!(large, Reserved { cpu_milli: 1000, memory_mib: 3072, pids: 1_048_576 });
    }

    #[test]
    fn the_memory_is_read_from_the_kernels_table() {
        assert_eq!(total_memory("MemTotal:       1024 kB\nMemFree: 7 kB\n"), Some(MIB));
        assert_eq!(total_memory(""), None);
    }
}
