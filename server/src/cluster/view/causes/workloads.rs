//! What makes pods: deployments, replica sets, stateful sets, daemon sets, jobs.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use lectern_api::cluster_view::{ClusterEvent, Condition, Severity};

use super::{condition, good, newest, quoted, refusals, working};

/// The pods of a workload, as its own status counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    pub wanted: i32,
    /// Those that exist.
    pub current: i32,
    pub ready: i32,
    /// Those of the newest version.
    pub updated: i32,
}

/// Returns a workload's state and its cause. `refused` is what its status says of pods that could not be created,
/// `events` are those about it, newest first, and `pods` the states of its pods, each with its name.
#[must_use]
pub fn of_workload(
    counts: PodCounts,
    refused: Option<&str>,
    events: &[&ClusterEvent],
    pods: &[(&str, &Condition)],
) -> Condition {
    let PodCounts { wanted, current, ready, updated } = counts;
    if wanted == 0 {
        return if current == 0 { good("Scaled to 0") } else { working("Scaling down") };
    }
    // a refusal counts as long as pods are missing
    if current < wanted {
        let event = newest(events, &["FailedCreate"]).map(|event| event.message.as_str());
        if let Some(message) = refused.or(event) {
            return condition(Severity::Bad, "Pods refused", refusals::cause(message));
        }
    }
    if let Some((name, worst)) = worst(pods) {
        let cause = worst.cause.as_ref().map(|cause| format!("Pod {name}: {cause}"));
        // some pods do their work
        let severity = if ready > 0 { Severity::Warning } else { worst.severity };
        return Condition { severity, word: worst.word.clone(), cause };
    }
    if ready >= wanted && updated >= wanted {
        return if current > wanted { working("Replacing pods") } else { good("Running") };
    }
    working(if ready == 0 { "Starting" } else { "Progressing" })
}

/// Returns the pod that is worst, if one is in trouble.
fn worst<'a>(pods: &[(&'a str, &'a Condition)]) -> Option<(&'a str, &'a Condition)> {
    let troubled = pods.iter().copied().filter(|(_, state)| state.severity >= Severity::Warning);
    troubled.max_by_key(|(_, state)| (state.severity, state.cause.is_some()))
}

/// Returns a job's state and its cause.
#[must_use]
pub fn of_job(job: &Job, events: &[&ClusterEvent], pods: &[(&str, &Condition)]) -> Condition {
    let status = job.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let met = |kind: &str| conditions.iter().find(|one| one.type_ == kind && one.status == "True");
    if met("Complete").is_some() {
        return condition(Severity::Over, "Completed", None);
    }
    if let Some(failed) = met("Failed") {
        let failures = status.failed.unwrap_or_default();
        let why = match failed.reason.as_deref() {
            Some("BackoffLimitExceeded") => format!("Its pods failed {failures} times, so it gave up."),
            Some("DeadlineExceeded") => "It took longer than it may (activeDeadlineSeconds).".to_owned(),
            _ => quoted(failed.message.as_deref().unwrap_or_default()),
        };
        let of_pod = worst(pods).and_then(|(_, pod)| pod.cause.as_deref());
        let cause = of_pod.map_or_else(|| why.clone(), |of_pod| format!("{why} {of_pod}"));
        return condition(Severity::Bad, "Failed", cause);
    }
    if met("Suspended").is_some() {
        return good("Suspended");
    }
    let active = status.active.unwrap_or_default();
    if active == 0
        && let Some(event) = newest(events, &["FailedCreate"])
    {
        return condition(Severity::Bad, "Pods refused", refusals::cause(&event.message));
    }
    match worst(pods) {
        Some((name, pod)) => {
            let cause = pod.cause.as_ref().map(|cause| format!("Pod {name}: {cause}"));
            Condition { severity: pod.severity, word: pod.word.clone(), cause }
        }
        None => working(if active > 0 { "Running" } else { "Starting" }),
    }
}

/// Returns a cron job's state and its cause.
#[must_use]
pub fn of_cron_job(job: &CronJob, events: &[&ClusterEvent]) -> Condition {
    let spec = job.spec.as_ref();
    if spec.and_then(|spec| spec.suspend) == Some(true) {
        return good("Suspended");
    }
    if let Some(event) =
        newest(events, &["FailedCreate", "UnparseableSchedule", "InvalidSchedule", "UnknownTimeZone"])
    {
        return condition(
            Severity::Warning,
            "Not started",
            format!("Its last job was not created: {}", quoted(&event.message)),
        );
    }
    let active = job.status.as_ref().and_then(|status| status.active.as_ref()).map_or(0, Vec::len);
    good(if active > 0 { "Running" } else { "Waiting" })
}
