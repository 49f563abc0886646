//! Pods and their containers.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus, Pod};
use lectern_api::cluster_view::{ClusterEvent, Condition, Severity};

use super::{between, condition, good, images, newest, quoted, scheduling, working};

/// The exit codes that say more than a number.
const SIGNALS: [(i32, &str); 4] = [
    (126, "its command may not be executed (exit code 126)"),
    (127, "its command was not found (exit code 127)"),
    (137, "it was killed from outside (exit code 137)"),
    (139, "its program crashed with a memory fault (exit code 139)"),
];

/// Returns a pod's state and its cause. `events` are those about it, newest first.
#[must_use]
pub fn of_pod(pod: &Pod, events: &[&ClusterEvent]) -> Condition {
    let status = pod.status.clone().unwrap_or_default();
    let phase = status.phase.as_deref().unwrap_or("Pending");
    if pod.metadata.deletion_timestamp.is_some() && phase != "Succeeded" && phase != "Failed" {
        return working("Terminating");
    }
    match phase {
        "Succeeded" => return condition(Severity::Over, "Completed", None),
        "Failed" => return failed(pod),
        _ => {}
    }
    let conditions = status.conditions.unwrap_or_default();
    let unmet = |kind: &str| conditions.iter().find(|one| one.type_ == kind && one.status == "False");
    if let Some(unmet) = unmet("PodScheduled") {
        let reason = unmet.reason.as_deref().unwrap_or("Pending");
        let message = unmet.message.as_deref().unwrap_or_default();
        return condition(
            Severity::Bad,
            "Pending",
            match reason {
                "SchedulingGated" => "Something holds it back on purpose (a scheduling gate).".to_owned(),
                _ => scheduling::cause(message),
            },
        );
    }
    let first = status.init_container_statuses.unwrap_or_default();
    let main = status.container_statuses.unwrap_or_default();
    let worst = first.iter().chain(&main).filter_map(|one| of_container(pod, one, events));
    if let Some(found) =
        worst.max_by_key(|found| found.severity).filter(|found| found.severity > Severity::Working)
    {
        return found;
    }
    if let Some(mount) = newest(events, &["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"])
        .filter(|_| main.iter().all(is_waiting))
    {
        return condition(Severity::Warning, "ContainerCreating", unmounted(&mount.message));
    }
    if let Some(preparing) = first.iter().find(|one| is_running(one) && one.started != Some(true)) {
        let cause = format!("Its init container {} runs first.", preparing.name);
        return condition(Severity::Working, "Init", cause);
    }
    if main.is_empty() || main.iter().any(is_waiting) {
        return working(waiting_reason(main.first()).unwrap_or("Pending"));
    }
    if main.iter().all(|one| one.ready) {
        return good("Running");
    }
    unready(&main, events)
}

/// Returns what is wrong with a pod that has ended without success.
fn failed(pod: &Pod) -> Condition {
    let status = pod.status.clone().unwrap_or_default();
    let message = status.message.unwrap_or_default();
    match status.reason.as_deref() {
        Some("Evicted") => {
            let cause = format!("The node needed its room and ended it: {}", quoted(&message));
            return condition(Severity::Bad, "Evicted", cause);
        }
        Some("DeadlineExceeded") => {
            let cause = "It ran longer than it may (activeDeadlineSeconds).".to_owned();
            return condition(Severity::Bad, "DeadlineExceeded", cause);
        }
        _ => {}
    }
    let containers = status.init_container_statuses.into_iter().chain(status.container_statuses).flatten();
    let ended = containers
        .filter_map(|one| Some((one.name, one.state?.terminated?)))
        .find(|(_, ended)| ended.exit_code != 0);
    match ended {
        Some((name, ended)) => {
            let (word, cause) = exit(pod, &name, &ended, "It ended");
            condition(Severity::Bad, &word, cause)
        }
        None => condition(Severity::Bad, "Failed", (!message.is_empty()).then(|| quoted(&message))),
    }
}

/// Returns what is wrong with a container, or `None` if nothing is.
fn of_container(pod: &Pod, one: &ContainerStatus, events: &[&ClusterEvent]) -> Option<Condition> {
    let state = one.state.as_ref()?;
    let last = one.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    if let Some(ended) = &state.terminated {
        let is_failure = ended.exit_code != 0;
        return is_failure.then(|| {
            let (word, cause) = exit(pod, &one.name, ended, "It ended");
            condition(Severity::Bad, &word, cause)
        });
    }
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("Waiting");
        let message = waiting.message.as_deref().unwrap_or_default();
        return match reason {
            "ContainerCreating" | "PodInitializing" => None,
            "CrashLoopBackOff" => Some(condition(Severity::Bad, reason, crash_loop(pod, one, last))),
            _ if images::is_about_image(reason) => {
                let cause = images::cause(&one.image, reason, &pull_message(message, events));
                Some(condition(Severity::Bad, reason, cause))
            }
            _ => Some(condition(Severity::Bad, reason, not_started(one, reason, message))),
        };
    }
    let memory = last.filter(|ended| is_out_of_memory(ended) && one.restart_count > 0)?;
    let (_, cause) = exit(pod, &one.name, memory, "It runs again, but it ended");
    Some(condition(Severity::Warning, "Running", cause))
}

/// The kubelet's words for an image; while it waits for the next try only an event may have them.
fn pull_message(message: &str, events: &[&ClusterEvent]) -> String {
    let is_brief =
        message.is_empty() || (message.starts_with("Back-off pulling image") && !message.contains("Err"));
    let failed = events.iter().find(|event| event.reason == "Failed" && event.message.contains("pull image"));
    failed.filter(|_| is_brief).map_or(message, |event| event.message.as_str()).to_owned()
}

fn crash_loop(pod: &Pod, one: &ContainerStatus, last: Option<&ContainerStateTerminated>) -> String {
    // every run but the present wait has been one
    let runs = one.restart_count + 1;
    let times = if runs == 1 { "once".to_owned() } else { format!("{runs} times") };
    match last {
        Some(last) if is_out_of_memory(last) => {
            exit(pod, &one.name, last, &format!("It started and ended {times}")).1
        }
        Some(last) if last.exit_code == 0 => format!(
            "It started and ended {times}, each time without an error: its program finishes instead of going on running."
        ),
        Some(last) => format!(
            "It started and ended {times}; the last time {}: look at its log.",
            exit_words(last.exit_code)
        ),
        None => format!("It started and ended {times}: look at its log."),
    }
}

fn exit_words(code: i32) -> String {
    let known = SIGNALS.iter().find(|(signal, _)| *signal == code);
    known.map_or_else(|| format!("with exit code {code}"), |(_, words)| (*words).to_owned())
}

fn is_out_of_memory(ended: &ContainerStateTerminated) -> bool {
    ended.reason.as_deref() == Some("OOMKilled")
}

/// Returns the state in a word and the sentence for a container that ended; `begun` is how the sentence begins.
fn exit(pod: &Pod, name: &str, ended: &ContainerStateTerminated, begun: &str) -> (String, String) {
    if is_out_of_memory(ended) {
        let limit = memory_limit(pod, name).map_or_else(String::new, |limit| format!(" of {limit}"));
        let cause = format!(
            "{begun} because it used more memory than its limit{limit}. Raise the limit, or use less."
        );
        return ("OOMKilled".to_owned(), cause);
    }
    let message = ended.message.as_deref().unwrap_or_default();
    if let Some(cause) = bad_command(message) {
        return ("StartError".to_owned(), cause);
    }
    let word = ended.reason.clone().unwrap_or_else(|| "Error".to_owned());
    (word, format!("{begun} {}: look at the log of {name}.", exit_words(ended.exit_code)))
}

fn memory_limit(pod: &Pod, container: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let found = spec.containers.iter().find(|one| one.name == container)?;
    Some(found.resources.as_ref()?.limits.as_ref()?.get("memory")?.0.clone())
}

/// Returns what the container runtime says of a command that it cannot run.
fn bad_command(message: &str) -> Option<String> {
    let command = between(message, "exec: \"", "\"")?;
    Some(if message.contains("permission denied") {
        format!("The file {command} in its image may not be executed.")
    } else {
        format!("Its image contains no program named {command}. Check the command.")
    })
}

/// Returns why a container could not be created or started.
fn not_started(one: &ContainerStatus, reason: &str, message: &str) -> String {
    for (kind, before) in [("ConfigMap", "configmap \""), ("Secret", "secret \"")] {
        if let Some(name) = between(message, before, "\" not found") {
            return format!(
                "It needs the {kind} {name}, which does not exist. Create it, or correct the name."
            );
        }
    }
    if let Some((key, rest)) =
        message.split_once("couldn't find key ").and_then(|(_, rest)| rest.split_once(" in "))
    {
        let source = rest.rsplit(['/', ' ']).next().unwrap_or(rest);
        let kind = if rest.starts_with("Secret") { "Secret" } else { "ConfigMap" };
        return format!("It needs the key {key} of the {kind} {source}, which has no such key.");
    }
    if message.contains("runAsNonRoot and image will run as root") {
        return format!(
            "Its image {} runs as root, which this pod forbids (runAsNonRoot). Set runAsUser to another number than 0.",
            one.image
        );
    }
    if message.contains("non-numeric user") {
        return format!(
            "Its image {} names its user by a word, so nobody can tell whether that is root. Set runAsUser to a number.",
            one.image
        );
    }
    bad_command(message).unwrap_or_else(|| format!("It cannot be started ({reason}): {}", quoted(message)))
}

/// Returns why a volume is not there, or the network.
fn unmounted(message: &str) -> String {
    for (kind, before) in
        [("ConfigMap", "configmap \""), ("Secret", "secret \""), ("volume claim", "persistentvolumeclaim \"")]
    {
        if let Some(name) = between(message, before, "\" not found") {
            return format!(
                "It waits for the {kind} {name}, which does not exist. Create it, or correct the name."
            );
        }
    }
    if let Some(key) = between(message, "references non-existent config key: ", "\"")
        .or_else(|| message.split_once("references non-existent config key: ").map(|(_, key)| key))
    {
        return format!("It mounts the key {}, which its ConfigMap does not have.", key.trim());
    }
    format!("It cannot start yet: {}", quoted(message))
}

/// Returns what is known of containers that run but are not ready.
fn unready(containers: &[ContainerStatus], events: &[&ClusterEvent]) -> Condition {
    let probe = newest(events, &["Unhealthy", "ProbeWarning"]);
    let restarts = containers.iter().any(|one| one.restart_count > 0);
    match probe {
        Some(event) => {
            let (kind, said) = event.message.split_once(" probe failed:").unwrap_or(("", &event.message));
            let kind = kind.rsplit(' ').next().unwrap_or_default().to_lowercase();
            let (severity, effect) = match kind.as_str() {
                "liveness" if restarts => (Severity::Bad, "so it is started again and again"),
                "liveness" => (Severity::Warning, "so it will be started again"),
                "startup" => (Severity::Warning, "so it does not count as started yet"),
                _ => (Severity::Warning, "so it gets no traffic"),
            };
            let kind = if kind.is_empty() { "health" } else { &kind };
            condition(severity, "Not ready", format!("Its {kind} probe fails, {effect}: {}", quoted(said)))
        }
        None => working("Not ready"),
    }
}

fn is_waiting(one: &ContainerStatus) -> bool {
    one.state.as_ref().is_none_or(|state| state.waiting.is_some())
}

fn is_running(one: &ContainerStatus) -> bool {
    matches!(&one.state, Some(ContainerState { running: Some(_), .. }))
}

fn waiting_reason(one: Option<&ContainerStatus>) -> Option<&str> {
    one?.state.as_ref()?.waiting.as_ref()?.reason.as_deref()
}
