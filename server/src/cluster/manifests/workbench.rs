//! The workbench pod: the learner's terminals, under the strictest policy, knowing nothing of the cluster but
//! what the server puts into its home.
//!
//! A lab may bring an image of its own, which needs no more than a shell: the agent is then put beside it by a
//! container of our image that runs first.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvVar, PersistentVolumeClaimVolumeSource, Pod,
    PodSecurityContext, PodSpec, ResourceRequirements, SeccompProfile, SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::SessionSpec;
use super::{labels, quantities, rbac};

/// The container's name.
pub const CONTAINER: &str = "workbench";
/// The agent inside the image.
pub const AGENT: &str = "/opt/lectern/bin/lectern-agent";
/// The container that brings the agent into another image.
pub const INSTALLER: &str = "agent";
/// The folder of the agent, and where the installer sees what will be it.
const AGENT_FOLDER: &str = "/opt/lectern/bin";
const INSTALL_FOLDER: &str = "/install";
/// The learner's home.
pub const HOME: &str = "/home/learner";
/// Who the learner is inside the workbench: user, group and owner of the volumes.
const LEARNER_ID: i64 = 1001;

/// Folders that can be written to besides home, with their greatest size. The image itself is read-only.
const SCRATCH: [(&str, &str, &str); 2] = [("workshop", "/opt/workshop", "256Mi"), ("tmp", "/tmp", "512Mi")];

/// The volume of the container of checks, which no other mounts, and its greatest size.
pub const CHECKS: &str = "checks";
const CHECKS_SIZE: &str = "256Mi";
/// The volumes that the container of checks shares with the workbench.
pub const SHARED_WITH_CHECKS: [&str; 3] = ["home", "tmp", "agent-program"];

/// The most CPU of a workbench. A share of its node it has by its request alone; this bounds what one learner takes
/// of a large node. It lies above what a terminal, an editor or a compiler takes, because the kernel holds back the
/// agent, and with it every echo, together with whatever else uses up the container's time.
const MOST_CPU: &str = "2";
/// What the workbench may write on its node's disk besides the home: the folders above and its log, in bytes.
const MOST_SCRATCH: u64 = 1 << 30;

/// Where a workbench runs and what the cluster has for it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The namespace of all workbenches.
    pub instance: &'a str,
    /// The image where the lab names none, and of the agent in any case.
    pub default_image: &'a str,
    /// The claim on the volume of the home, where homes are kept.
    pub home_claim: Option<&'a str>,
    /// The priority class of workbenches, where the cluster has it.
    pub priority_class: Option<&'a str>,
}

/// The workbench of a session.
#[must_use]
pub fn pod(spec: &SessionSpec, place: &Place<'_>) -> Pod {
    let Place { instance, default_image, home_claim, priority_class } = *place;
    let home = ("home", HOME, spec.workbench.storage.as_str());
    let own_image = spec.workbench.image.as_deref().filter(|image| *image != default_image);
    let home_volume = home_claim.map_or_else(|| volume(home), claimed);
    let mut volumes: Vec<_> = std::iter::once(home_volume).chain(SCRATCH.map(volume)).collect();
    volumes.push(volume((CHECKS, "", CHECKS_SIZE)));
    let mut mounts: Vec<_> = std::iter::once(home).chain(SCRATCH).map(mount).collect();
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
                most_disk(spec, home_claim.is_some()).as_deref(),
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
                // a home that was theirs before is not gone through, file by file
                fs_group_change_policy: Some("OnRootMismatch".to_owned()),
                seccomp_profile: Some(SeccompProfile {
                    type_: "RuntimeDefault".to_owned(),
                    ..SeccompProfile::default()
                }),
                ..PodSecurityContext::default()
            }),
            restart_policy: Some("Always".to_owned()),
            // the agent's shells hold nothing that a longer farewell would save
            termination_grace_period_seconds: Some(1),
            ..PodSpec::default()
        }),
        ..Pod::default()
    }
}

/// Copies the agent from our image into the folder that both containers share.
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
        // `latest` would ask a registry at each start
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
                [("cpu", MOST_CPU), ("memory", spec.workbench.memory.as_str())]
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

/// What all that a workbench writes on its node's disk may take together; `None` where the lab's size of the home is
/// written in a way that cannot be added up: then each folder has its own bound only.
fn most_disk(spec: &SessionSpec, has_volume: bool) -> Option<String> {
    let home = if has_volume { 0 } else { bytes(&spec.workbench.storage)? };
    Some(format!("{}Mi", home.checked_add(MOST_SCRATCH)?.div_ceil(1 << 20)))
}

/// A whole quantity of Kubernetes in bytes.
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

/// Empty folders outlive the container, so a restart of the agent keeps the learner's files.
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
