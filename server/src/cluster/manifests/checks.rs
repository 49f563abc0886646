//! The container of checks: it runs beside the workbench's own from the first check on. It shares the home, `/tmp`
//! and the network with it, which checks read, but no processes; its own files are out of the learner's reach.

use k8s_openapi::api::core::v1::{EphemeralContainer, Pod, VolumeMount};
use lectern_api::agent::CHECKS_DIR;

use super::workbench::{AGENT, CHECKS, CONTAINER, HOME, SHARED_WITH_CHECKS, least_rights};

/// The prefix of the names of containers of checks. A number follows, because a terminated container stays in the pod's
/// list.
const PREFIX: &str = "checks-";

/// Returns the name of the container of checks in a pod; `None` if there is none or the last one has terminated.
#[must_use]
pub fn usable(pod: &Pod) -> Option<String> {
    let last = containers(pod).last()?;
    let statuses = pod.status.iter().flat_map(|status| status.ephemeral_container_statuses.iter().flatten());
    let has_ended = statuses
        .filter(|status| status.name == last.name)
        .any(|status| status.state.as_ref().is_some_and(|state| state.terminated.is_some()));
    (!has_ended).then(|| last.name.clone())
}

/// Builds the next container of checks for a pod, with the image of its workbench. Returns `None` if the pod has no
/// workbench container.
#[must_use]
pub fn next(pod: &Pod) -> Option<EphemeralContainer> {
    let workbench = pod.spec.as_ref()?.containers.iter().find(|container| container.name == CONTAINER)?;
    let shared =
        workbench.volume_mounts.iter().flatten().filter(|mount| SHARED_WITH_CHECKS.contains(&&*mount.name));
    let own =
        VolumeMount { name: CHECKS.to_owned(), mount_path: CHECKS_DIR.to_owned(), ..VolumeMount::default() };
    Some(EphemeralContainer {
        name: format!("{PREFIX}{}", containers(pod).count() + 1),
        image: workbench.image.clone(),
        image_pull_policy: workbench.image_pull_policy.clone(),
        command: Some([AGENT, "hold"].map(str::to_owned).to_vec()),
        env: workbench.env.clone(),
        working_dir: Some(HOME.to_owned()),
        security_context: Some(least_rights()),
        volume_mounts: Some(shared.cloned().chain([own]).collect()),
        ..EphemeralContainer::default()
    })
}

fn containers(pod: &Pod) -> impl Iterator<Item = &EphemeralContainer> {
    let all = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    all.filter(|container| container.name.starts_with(PREFIX))
}
