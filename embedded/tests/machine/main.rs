//! The embedded parts on the machine that runs the tests: started, killed, recovered and stopped, with nothing left.
//!
//! Needs root, Debian's containerd, runc, CNI plugins, docker-registry and Postgres, and the cluster program in
//! `LECTERN_CLUSTER_PROGRAM`. It runs in new network and mount namespaces, so that it does not interfere with another
//! cluster.

#![expect(clippy::disallowed_methods, reason = "the environment names the programs under test")]

mod images;
mod limits;
mod snapshot;
mod supervisor;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use lectern_embedded::{Health, PartStatus, Status, read_status};
use nix::sys::signal::Signal;

use crate::snapshot::Snapshot;
use crate::supervisor::Supervisor;

#[test]
fn parts_come_up_survive_deaths_recover_from_a_kill_and_leave_nothing_behind() {
    let program = supervisor::cluster_program();
    supervisor::enter_own_namespaces();
    let folder = tempfile::Builder::new().prefix("lectern-").tempdir_in("/tmp").expect("folder");
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .expect("mode");
    let (data_dir, images) = (folder.path().join("data"), folder.path().join("images"));
    images::build(&images, folder.path());
    let before = Snapshot::take(&data_dir);

    let mut first = Supervisor::start(&program, &data_dir, &images);
    let kubectl = Kubectl { program: program.clone(), kubeconfig: data_dir.join("kubeconfigs/admin.conf") };
    a_node_is_ready_and_a_pod_runs_and_reaches_only_what_it_may(&kubectl, &data_dir);
    a_pod_is_subject_to_policies_from_its_first_moment(&kubectl);
    let volume = a_claim_gets_a_volume_of_its_size(&kubectl, &data_dir);
    in_the_node(&data_dir, &format!("echo kept > {volume}/note"));
    limits::a_pod_has_no_raw_sockets_and_learns_no_names_of_others(&kubectl);
    limits::pods_leave_room_for_the_machine(&kubectl);
    limits::secrets_are_encrypted_and_changes_recorded(&kubectl, &data_dir);
    limits::accounts_of_pods_cannot_fill_etcd_or_keep_the_api_server(&kubectl, &data_dir);
    limits::a_pod_that_fills_the_disk_is_evicted_and_takes_nothing_from_others(&kubectl, &data_dir);
    a_database_answers(&data_dir, "CREATE TABLE kept (number int); INSERT INTO kept VALUES (42)");
    a_second_supervisor_is_refused(&first, &program, folder.path());
    for part in ["kube-scheduler", "containerd"] {
        a_killed_part_is_started_again(part, &data_dir);
    }

    first.kill();
    assert!(
        !Snapshot::take(&data_dir).differences(&before).is_empty(),
        "a kill should leave something to clear"
    );
    let mut second = Supervisor::start(&program, &data_dir, &images);
    wait_for("the pod runs again in a new container", || {
        kubectl.try_run(&["-n", "probe", "get", "pod", "probe", "-o", "jsonpath={.status.phase} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}"])
            .filter(|answer| answer.starts_with("Running ") && answer.ends_with(" true") && !answer.contains(" 0 "))
    });
    assert_eq!(a_database_answers(&data_dir, "SELECT number FROM kept"), "42");
    assert_eq!(in_the_node(&data_dir, &format!("cat {volume}/note")), "kept");

    second.kill();
    let elsewhere = folder.path().join("elsewhere");
    let mut third = Supervisor::start(&program, &elsewhere, &images);
    assert_eq!(
        snapshot::processes_of(&data_dir),
        Vec::<String>::new(),
        "a start with another data folder should clear what the killed one left"
    );
    let began = Instant::now();
    third.stop();
    assert!(began.elapsed() < Duration::from_secs(15), "the stop took {:?}", began.elapsed());
    assert_eq!(Snapshot::take(&data_dir).differences(&before), Vec::<String>::new());
    assert!(!read_status(&data_dir).expect("status").running);
}

/// Not a test: the process that the test above starts, kills and stops.
#[test]
#[ignore = "run by the other test as a process of its own"]
fn supervise() {
    supervisor::run();
}

fn a_node_is_ready_and_a_pod_runs_and_reaches_only_what_it_may(kubectl: &Kubectl, data_dir: &Path) {
    assert!(kubectl.run(&["get", "node", "lectern"]).contains(" Ready "));
    kubectl.create_namespace("probe");
    let api = format!("10.83.0.1:{}", port(data_dir, "kube-apiserver"));
    let kubelet = format!("10.83.0.1:{}", port(data_dir, "kubelet"));
    let targets = ["10.84.0.1:443", &api, &kubelet, "dns:10.84.0.10:kubernetes.default.svc.cluster.local"];
    let log = kubectl.findings_of_a_pod("probe", &targets, "[{ containerPort: 80, hostPort: 18080 }]");
    assert!(log.contains("10.84.0.1:443 open"), "the service kubernetes: {log}");
    assert!(log.contains(&format!("{api} open")), "the API server: {log}");
    assert!(log.contains(&format!("{kubelet} closed")), "kubelet is not for pods: {log}");
    assert!(log.contains("svc.cluster.local is 10.84.0.1"), "the name server: {log}");
    let who = |owner: &str, question: &[&str]| {
        let kubeconfig = data_dir.join(format!("kubeconfigs/{owner}.conf"));
        Kubectl { program: kubectl.program.clone(), kubeconfig }
            .answer(&[&["auth", "can-i"], question].concat())
    };
    assert_eq!(who("server", &["create", "namespaces"]), "yes");
    assert_eq!(who("coredns", &["get", "secrets", "-A"]), "no");
    assert_eq!(who("kubelet", &["delete", "namespaces"]), "no");
}

/// The pod tries to connect with its first instructions, long before the API server knows its address.
fn a_pod_is_subject_to_policies_from_its_first_moment(kubectl: &Kubectl) {
    kubectl.create_namespace("sealed");
    kubectl.apply(
        "apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: sealed, namespace: sealed }
spec: { podSelector: {}, policyTypes: [Egress] }
",
    );
    let log = kubectl.findings_of_a_pod("sealed", &["10.84.0.1:443"], "[]");
    assert!(log.contains("10.84.0.1:443 closed"), "a policy denies all egress: {log}");
}

/// Returns the path of the volume in the node's mount namespace.
fn a_claim_gets_a_volume_of_its_size(kubectl: &Kubectl, data_dir: &Path) -> String {
    kubectl.create_namespace("storing");
    kubectl.apply(
        "apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: small, namespace: storing }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 32Mi } } }
",
    );
    let claim = ["-n", "storing", "get", "pvc", "small", "-o", "jsonpath={.status.phase} {.spec.volumeName}"];
    let name =
        wait_for("the claim's volume", || kubectl.try_run(&claim)?.strip_prefix("Bound ").map(str::to_owned));
    let volume = format!("/run/lectern-volumes/{name}");
    let filled =
        in_the_node(data_dir, &format!("head -c 64M /dev/zero > {volume}/much 2>/dev/null || echo full"));
    assert_eq!(filled, "full", "a volume of 32 MiB took 64");
    in_the_node(data_dir, &format!("rm {volume}/much"));
    volume
}

/// Runs a shell command in the node's mount namespace.
fn in_the_node(data_dir: &Path, line: &str) -> String {
    let pid = read_status(data_dir).expect("status").parts.into_iter().find(|part| part.name == "volumes");
    let pid = pid.and_then(|part| part.pid).expect("the part runs");
    let mounts = format!("--mount=/proc/{pid}/ns/mnt");
    let output = Command::new("nsenter").args([&mounts, "sh", "-c", line]).output().expect("nsenter");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn a_database_answers(data_dir: &Path, statement: &str) -> String {
    let url = read_status(data_dir).expect("status").database_url.expect("a database");
    let output = Command::new("psql")
        .args([&url, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement])
        .output()
        .expect("psql");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn a_second_supervisor_is_refused(first: &Supervisor, program: &Path, folder: &Path) {
    let elsewhere = folder.join("other");
    let refusal = Supervisor::refused(program, &elsewhere);
    assert!(refusal.contains(&first.pid().to_string()), "{refusal}");
    assert!(refusal.contains("already runs here"), "{refusal}");
    assert!(!elsewhere.exists(), "a refused start must not leave a folder");
}

fn a_killed_part_is_started_again(name: &str, data_dir: &Path) {
    let part = || -> PartStatus {
        let status: Status = read_status(data_dir).expect("status");
        status.parts.into_iter().find(|part| part.name == name).expect("the part")
    };
    let before = part();
    assert_eq!(before.health, Health::Healthy);
    supervisor::signal(before.pid.expect("a process"), Signal::SIGKILL);
    let after = wait_for("the part to be started again", || {
        Some(part()).filter(|part| part.restarts == before.restarts + 1 && part.health == Health::Healthy)
    });
    assert_ne!(after.pid, before.pid);
    assert!(after.last_end.as_deref().is_some_and(|end| end.contains("signal: 9")), "{after:?}");
}

/// Returns the port for this purpose.
fn port(data_dir: &Path, name: &str) -> u16 {
    let ports = std::fs::read_to_string(data_dir.join("ports.json")).expect("ports");
    let ports: std::collections::BTreeMap<String, u16> = serde_json::from_str(&ports).expect("ports");
    ports[name]
}

fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

struct Kubectl {
    program: std::path::PathBuf,
    kubeconfig: std::path::PathBuf,
}

impl Kubectl {
    fn output(&self, args: &[&str]) -> std::process::Output {
        let home = self.kubeconfig.parent().expect("folder");
        let mut command = Command::new(&self.program);
        command.arg("kubectl").arg("--kubeconfig").arg(&self.kubeconfig).args(args).env("HOME", home);
        command.output().expect("kubectl")
    }

    fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn try_run(&self, args: &[&str]) -> Option<String> {
        let output = self.output(args);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn apply(&self, manifest: &str) {
        let said = self.try_apply(manifest);
        assert!(said.is_empty(), "could not apply: {said}");
    }

    /// Creates or changes the objects. Returns the errors, which are empty if all went well.
    fn try_apply(&self, manifest: &str) -> String {
        let file = self.kubeconfig.with_extension("yaml");
        std::fs::write(&file, manifest).expect("manifest");
        let output = self.output(&["apply", "-f", file.to_str().expect("path")]);
        if output.status.success() {
            String::new()
        } else {
            String::from_utf8_lossy(&output.stderr).into_owned()
        }
    }

    /// Waits until a pod was evicted. Returns the reason.
    fn eviction(&self, namespace: &str, pod: &str) -> String {
        let status = "jsonpath={.status.reason}: {.status.message}";
        wait_for(&format!("the eviction of {pod}"), || {
            self.try_run(&["-n", namespace, "get", "pod", pod, "-o", status])
                .filter(|answer| answer.starts_with("Evicted"))
        })
    }

    fn create_namespace(&self, name: &str) {
        self.run(&["create", "namespace", name]);
        wait_for("the service account", || self.try_run(&["-n", name, "get", "serviceaccount", "default"]));
    }

    /// Runs the probe in a pod named like its namespace. Returns what it can reach.
    fn findings_of_a_pod(&self, namespace: &str, targets: &[&str], ports: &str) -> String {
        let manifest = format!(
            "apiVersion: v1
kind: Pod
metadata: {{ name: {namespace}, namespace: {namespace} }}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {{ name: probe, image: \"probe:1\", imagePullPolicy: Always, args: {targets:?}, ports: {ports} }}
"
        );
        self.apply(&manifest);
        wait_for("the pod's findings", || {
            // kubelet fails a pod that reaches it under disk pressure; a controller would then create the next one
            if self.phase(namespace, namespace) == "Failed" {
                self.run(&["-n", namespace, "delete", "pod", namespace]);
                self.apply(&manifest);
            }
            self.try_run(&["-n", namespace, "logs", namespace]).filter(|log| log.contains("waiting"))
        })
    }

    fn phase(&self, namespace: &str, pod: &str) -> String {
        self.answer(&["-n", namespace, "get", "pod", pod, "-o", "jsonpath={.status.phase}"])
    }

    /// Returns the output, whatever the exit status.
    fn answer(&self, args: &[&str]) -> String {
        String::from_utf8_lossy(&self.output(args).stdout).trim().to_owned()
    }
}
