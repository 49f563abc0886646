//! Limits: what one pod or account cannot take from the node, from other pods or from the databases.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{Kubectl, in_the_node, wait_for};

/// The pod runs as root with the default capabilities of containers.
pub fn a_pod_has_no_raw_sockets_and_learns_no_names_of_others(kubectl: &Kubectl) {
    kubectl.create_namespace("bare");
    kubectl.run(&["label", "namespace", "bare", "pod-security.kubernetes.io/enforce=baseline"]);
    let pointer = "ptr:10.83.0.1:1.0.84.10.in-addr.arpa";
    let of_a_pod = "dns:10.83.0.1:10-83-0-1.bare.pod.cluster.local";
    let log = kubectl.findings_of_a_pod("bare", &["sockets", "ping:10.83.0.1", pointer, of_a_pod], "[]");
    for kind in ["raw", "raw-ipv6", "packet"] {
        assert!(log.contains(&format!("{kind} socket refused")), "{log}");
    }
    assert!(log.contains("echo socket made") && log.contains("10.83.0.1 answers"), "ping: {log}");
    assert!(log.contains("Seccomp: 2"), "system calls are not filtered: {log}");
    assert!(log.contains("in-addr.arpa is unknown"), "a service is told by its address: {log}");
    assert!(log.contains("pod.cluster.local is unknown"), "a pod is told by its address: {log}");

    let asked = kubectl.try_apply(
        "apiVersion: v1
kind: Pod
metadata: { name: asking, namespace: bare }
spec:
  containers:
  - { name: probe, image: \"probe:1\", securityContext: { capabilities: { add: [NET_RAW] } } }
",
    );
    assert!(asked.contains("violates PodSecurity"), "a pod may ask for raw sockets: {asked}");
}

/// Limits of processes and memory, for all pods together and for each of them.
pub fn pods_leave_room_for_the_machine(kubectl: &Kubectl) {
    let settings: Value = serde_json::from_str(&kubectl.run(&["get", "--raw", CONFIGZ])).expect("settings");
    let settings = &settings["kubeletconfig"];
    assert_eq!(settings["podPidsLimit"], 2048);
    assert_eq!(settings["imagePullCredentialsVerificationPolicy"], "AlwaysVerify");

    let number = |path: &str| -> u64 {
        fs::read_to_string(path)
            .expect(path)
            .trim()
            .parse()
            .unwrap_or_else(|_| panic!("{path} has no number"))
    };
    let machine = number("/proc/sys/kernel/pid_max").min(number("/proc/sys/kernel/threads-max"));
    let memory = fs::read_to_string("/proc/meminfo").expect("memory");
    let memory = memory.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("MemTotal");
    // kubelet sets the limits a moment after the node is ready
    wait_for("pods to be kept from a fifth of the processes", || {
        limit_of_pods(&["pids.max"]).filter(|limit| *limit <= machine / 5 * 4)
    });
    wait_for("pods to be kept from half a GiB of the memory", || {
        limit_of_pods(&["memory.max", "memory.limit_in_bytes"])
            .filter(|limit| limit + (500 << 20) < memory * 1024)
    });
}

const CONFIGZ: &str = "/api/v1/nodes/lectern/proxy/configz";

/// Returns a limit of the cgroup of all pods, by the name of its file in version 1 or 2.
fn limit_of_pods(names: &[&str]) -> Option<u64> {
    let tops = ["/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory"];
    tops.iter()
        .flat_map(|top| fs::read_dir(top).into_iter().flatten().flatten())
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("lectern-"))
        .flat_map(|entry| names.iter().map(move |name| entry.path().join("kubepods").join(name)))
        .find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
        .filter(|limit| *limit < 1 << 60)
}

/// Pods fill their disk as fast as they can. The databases are not affected, and the next pod starts.
pub fn a_pod_that_fills_the_disk_is_evicted_and_takes_nothing_from_others(
    kubectl: &Kubectl,
    data_dir: &Path,
) {
    let device = |path: &str| in_the_node(data_dir, &format!("stat -c %d {path}"));
    let own = device(&data_dir.join("etcd").display().to_string());
    for place in ["/var/lib/kubelet", &data_dir.join("node/disk/containerd").display().to_string()] {
        assert_ne!(device(place), own, "{place} lies beside the databases");
    }
    kubectl.create_namespace("flood");
    let limits = "{ limits: { ephemeral-storage: 32Mi } }";
    kubectl.apply(&filler("over-limit", "write:/zeros", limits, "{}"));
    kubectl.apply(&filler("over-size", "write:/scratch/zeros", "{}", "{ sizeLimit: 32Mi }"));
    let limit = kubectl.eviction("flood", "over-limit");
    assert!(limit.contains("ephemeral") && limit.contains("limit"), "{limit}");
    let size = kubectl.eviction("flood", "over-size");
    assert!(size.contains("EmptyDir") && size.contains("limit"), "{size}");

    let image = data_dir.join("pods-disk.img");
    let blocks = fs::metadata(&image).expect("image").blocks();
    kubectl.apply(&filler("endless", "fill:/zeros", "{}", "{}"));
    let pressure = kubectl.eviction("flood", "endless");
    assert!(pressure.contains("low on resource"), "{pressure}");
    assert_eq!(fs::metadata(&image).expect("image").blocks(), blocks, "the disk for pods has grown");
    kubectl.create_namespace("after");
    kubectl.findings_of_a_pod("after", &[], "[]");
}

fn filler(name: &str, action: &str, resources: &str, scratch: &str) -> String {
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{ name: {name}, namespace: flood }}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: probe
    image: \"probe:1\"
    args: [\"{action}\"]
    resources: {resources}
    volumeMounts: [{{ name: scratch, mountPath: /scratch }}]
  volumes: [{{ name: scratch, emptyDir: {scratch} }}]
"
    )
}

/// Secrets are not readable in etcd's files, changes are recorded, and other users of the machine can read neither.
pub fn secrets_are_encrypted_and_changes_recorded(kubectl: &Kubectl, data_dir: &Path) {
    let word = "cinnamon-lantern-4711";
    kubectl.run(&[
        "-n",
        "probe",
        "create",
        "secret",
        "generic",
        "kept",
        &format!("--from-literal=word={word}"),
    ]);
    kubectl.run(&["-n", "probe", "create", "configmap", "plain", "--from-literal=word=pepper-lantern-4711"]);
    let etcd = data_dir.join("etcd");
    assert!(holds(&etcd, "pepper-lantern-4711"), "etcd's files are looked through");
    assert!(!holds(&etcd, word), "a secret lies open in etcd's files");
    let read = kubectl.run(&["-n", "probe", "get", "secret", "kept", "-o", "jsonpath={.data.word}"]);
    assert!(!read.is_empty());

    // the image has no such program; the attempt is what matters
    kubectl.try_run(&["-n", "probe", "exec", "probe", "--", "/nothing"]);
    let log = data_dir.join("audit/kube-apiserver.log");
    let entries = wait_for("the record of an exec", || {
        let text = fs::read_to_string(&log).ok()?;
        text.contains("/pods/probe/exec").then(|| {
            let entry = |line: &str| serde_json::from_str::<Value>(line).expect("an entry");
            text.lines().map(entry).collect::<Vec<_>>()
        })
    });
    let of = |verb: &str, resource: &str| {
        entries
            .iter()
            .filter(|entry| entry["verb"] == verb && entry["objectRef"]["resource"] == resource)
            .count()
    };
    assert!(of("create", "secrets") >= 1, "the secret's making is not on record");
    assert_eq!(of("list", "pods") + of("watch", "pods") + of("get", "secrets") + of("create", "events"), 0);
    assert!(!holds(&data_dir.join("audit"), word), "the record tells the secret");
    let mode = |path: PathBuf| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(log), 0o600);
    for folder in ["audit", "node", "pki", "logs"] {
        assert_eq!(mode(data_dir.join(folder)), 0o700, "{folder}");
    }
}

fn holds(folder: &Path, word: &str) -> bool {
    let found = std::process::Command::new("grep").args(["-raq", word]).arg(folder).status().expect("grep");
    found.success()
}

/// etcd has its maximum size, each namespace a limited rate of events, and service accounts a share of the API server.
pub fn accounts_of_pods_cannot_fill_etcd_or_keep_the_api_server(kubectl: &Kubectl, data_dir: &Path) {
    let metrics = get(crate::port(data_dir, "etcd-health"), "/metrics");
    assert!(metrics.contains("etcd_server_quota_backend_bytes 8.589934592e+09"), "etcd has its usual limit");

    kubectl.create_namespace("chatty");
    let event = |number: usize| {
        format!(
            "---
apiVersion: v1
kind: Event
metadata: {{ name: said-{number}, namespace: chatty }}
involvedObject: {{ kind: Namespace, name: chatty, namespace: chatty }}
"
        )
    };
    let refusal = kubectl.try_apply(&(0..700).map(event).collect::<String>());
    assert!(refusal.contains("limit reached on type Namespace"), "700 events at once were taken: {refusal}");

    let learner = ["--as=system:serviceaccount:chatty:learner", "--as-group=system:serviceaccounts"];
    let platform = ["--as=lectern:server"];
    for (who, schema) in [(&learner[..], "lectern-learners"), (&platform[..], "lectern-platform")] {
        let uid = kubectl.run(&["get", "flowschema", schema, "-o", "jsonpath={.metadata.uid}"]);
        let output = kubectl.output(&[who, &["get", "--raw", "/version", "-v=8"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(
            said.contains("flowschema-uid") && said.contains(&uid),
            "{who:?} are not in {schema}: {said}"
        );
    }
}

fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connection");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    answer
}
