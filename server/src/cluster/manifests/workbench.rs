//! The workbench pod: the learner's terminals, under the strictest pod security standard, with no access to the cluster
//! except what the server puts into its home.
//!
//! A lab may use an image of its own, which needs no more than a shell: an init container of our image then adds the
//! agent.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvVar, PersistentVolumeClaimVolumeSource, Pod,
    PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use lectern_api::agent::PACKAGES_DIR;

use super::super::SessionSpec;
use super::{labels, quantities, rbac};

/// The name of the workbench's own container.
pub const CONTAINER: &str = "workbench";
/// The agent's path in the container.
pub const AGENT: &str = "/opt/lectern/bin/lectern-agent";
/// The name of the init container that adds the agent to another image.
pub const INSTALLER: &str = "agent";
/// The agent's folder, and where the init container mounts it.
const AGENT_FOLDER: &str = "/opt/lectern/bin";
const INSTALL_FOLDER: &str = "/install";
/// The learner's home directory.
pub const HOME: &str = "/home/learner";
/// The learner's user and group id in the workbench, also of the volumes.
const LEARNER_ID: i64 = 1001;

/// Where labs that were written for Educates look for the home: the same volume again.
const EDUCATES_HOME: &str = "/home/eduk8s";

/// Writable folders besides home, with their size limits. The image itself is read-only.
const SCRATCH: [(&str, &str, &str); 4] = [
    ("workshop", "/opt/workshop", "256Mi"),
    ("packages", PACKAGES_DIR, "1Gi"),
    // labs look for it, and put little into it
    ("educates", "/opt/eduk8s", "16Mi"),
    ("tmp", "/tmp", "512Mi"),
];

/// The volume of the container of checks, which no other container mounts, and its size limit.
pub const CHECKS: &str = "checks";
const CHECKS_SIZE: &str = "256Mi";
/// The volumes that the container of checks shares with the workbench.
pub const SHARED_WITH_CHECKS: [&str; 3] = ["home", "tmp", "agent-program"];

/// The CPU limit of a workbench. Its share of a busy node comes from its request; the limit only bounds what one
/// learner takes of a large node. It is higher than a terminal, an editor or a compiler needs, because the kernel
/// throttles the whole container: a process that exceeds the limit also delays the agent, and with it every echo.
const MAX_CPU: &str = "2";
/// What the workbench may write to its node's disk besides the home: the folders above and its log, in bytes.
const MAX_SCRATCH: u64 = 2 << 30;

/// The settings of a workbench that depend on the installation and the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Placement<'a> {
    /// The namespace of all workbenches.
    pub instance: &'a str,
    /// The image if the lab names none, and the image with the agent in any case.
    pub default_image: &'a str,
    /// The claim on the volume of the home; `None` if homes are not kept.
    pub home_claim: Option<&'a str>,
    /// The priority class of workbenches; `None` if the cluster has none.
    pub priority_class: Option<&'a str>,
}

/// Builds the workbench pod of a session.
#[must_use]
pub fn pod(spec: &SessionSpec, placement: &Placement<'_>) -> Pod {
    let Placement { instance, default_image, home_claim, priority_class } = *placement;
    let home = ("home", HOME, spec.workbench.storage.as_str());
    let own_image = spec.workbench.image.as_deref().filter(|image| *image != default_image);
    let home_volume = home_claim.map_or_else(|| volume(home), claimed);
    let mut volumes: Vec<_> = std::iter::once(home_volume).chain(SCRATCH.map(volume)).collect();
    volumes.push(volume((CHECKS, "", CHECKS_SIZE)));
    let homes = [home, (home.0, EDUCATES_HOME, home.2)];
    let mut mounts: Vec<_> = homes.into_iter().chain(SCRATCH).map(mount).collect();
    if own_image.is_some() {
        let (name, size) = ("agent-program", "16Mi");
        volumes.push(volume((name, AGENT_FOLDER, size)));
        mounts.push(VolumeMount { read_only: Some(true), ..mount((name, AGENT_FOLDER, size)) });
    }
    Pod {
        metadata: ObjectMeta {
            name: Some(spec.names.workbench.clone()),
            namespace: Some(instance.to_owned()),
            labels: Some(labels::with_egress(spec, instance)),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            init_containers: own_image.map(|_| vec![installer(default_image)]),
            containers: vec![container(
                spec,
                own_image.unwrap_or(default_image),
                mounts,
                disk_limit(spec, home_claim.is_some()).as_deref(),
            )],
            priority_class_name: priority_class.map(str::to_owned),
            volumes: Some(volumes),
            service_account_name: Some(rbac::WORKBENCH.to_owned()),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            security_context: Some(PodSecurityContext {
                run_as_non_root: Some(true),
                run_as_user: Some(LEARNER_ID),
                run_as_group: Some(LEARNER_ID),
                fs_group: Some(LEARNER_ID),
                // the files of a home that already has this owner are not changed one by one
                fs_group_change_policy: Some("OnRootMismatch".to_owned()),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            restart_policy: Some("Always".to_owned()),
            // the shells have nothing to save that would need a longer grace period
            termination_grace_period_seconds: Some(1),
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

/// Builds the init container that copies the agent from our image into a folder that both containers share.
fn installer(image: &str) -> Container {
    Container {
        name: INSTALLER.to_owned(),
        image: Some(image.to_owned()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some([AGENT, "install", INSTALL_FOLDER].map(str::to_owned).to_vec()),
        resources: Some(ResourceRequirements {
            requests: Some(quantities([("cpu", "10m"), ("memory", "16Mi")])),
            limits: Some(quantities([("memory", "64Mi"), ("cpu", "1"), ("ephemeral-storage", "64Mi")])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(least_rights()),
        volume_mounts: Some(vec![mount(("agent-program", INSTALL_FOLDER, ""))]),
        ..Container::default()
    }
}

pub(super) fn least_rights() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

fn container(spec: &SessionSpec, image: &str, mounts: Vec<VolumeMount>, disk: Option<&str>) -> Container {
    let env = |name: &str, value: &str| EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    };
    Container {
        name: CONTAINER.to_owned(),
        image: Some(image.to_owned()),
        // the default for the tag `latest` would query a registry at each start
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(vec![AGENT.to_owned(), "serve".to_owned()]),
        env: Some(vec![
            env("HOME", HOME),
            env("USER", "learner"),
            env("SESSION_NAMESPACE", &spec.names.namespace),
        ]),
        working_dir: Some(HOME.to_owned()),
        resources: Some(ResourceRequirements {
            requests: Some(quantities([("cpu", "50m"), ("memory", "128Mi"), ("ephemeral-storage", "64Mi")])),
            limits: Some(quantities(
                [("cpu", MAX_CPU), ("memory", spec.workbench.memory.as_str())]
                    .into_iter()
                    .chain(disk.map(|disk| ("ephemeral-storage", disk))),
            )),
            ..ResourceRequirements::default()
        }),
        security_context: Some(least_rights()),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
}

/// Returns the limit on everything that a workbench writes to its node's disk. Returns `None` if the lab's size of
/// the home is not a whole number of a unit; then only the limits of the single folders apply.
fn disk_limit(spec: &SessionSpec, has_volume: bool) -> Option<String> {
    let home = if has_volume { 0 } else { bytes(&spec.workbench.storage)? };
    Some(format!("{}Mi", home.checked_add(MAX_SCRATCH)?.div_ceil(1 << 20)))
}

/// Parses a whole Kubernetes quantity. Returns it in bytes.
fn bytes(quantity: &str) -> Option<u64> {
    let digits = quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at(digits);
    let factor = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn mount((name, path, _): (&str, &str, &str)) -> VolumeMount {
    VolumeMount { name: name.to_owned(), mount_path: path.to_owned(), ..VolumeMount::default() }
}

/// Builds an `emptyDir` volume, which outlives the container, so that learners keep their files when the agent
/// restarts.
fn volume((name, _, size): (&str, &str, &str)) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(size.to_owned())),
            ..EmptyDirVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn claimed(name: &str) -> Volume {
    Volume {
        name: "home".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: name.to_owned(),
            ..PersistentVolumeClaimVolumeSource::default()
        }),
        ..Volume::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_added_up_where_they_are_whole() {
        assert_eq!(bytes("1Gi"), Some(1 << 30));
        assert_eq!(bytes("500M"), Some(500_000_000));
        assert_eq!(bytes("7"), Some(7));
        for unread in ["1.5Gi", "", "Gi", "1Xi", "99999999999Ti"] {
            assert_eq!(bytes(unread), None, "{unread}");
        }
    }
}
