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

/// The workbench of a session; `home_claim` names the claim on the volume of its home, where homes are kept.
#[must_use]
pub fn pod(spec: &SessionSpec, instance: &str, default_image: &str, home_claim: Option<&str>) -> Pod {
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
            containers: vec![container(spec, own_image.unwrap_or(default_image), mounts)],
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
            limits: Some(quantities([("memory", "64Mi")])),
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

fn container(spec: &SessionSpec, image: &str, mounts: Vec<VolumeMount>) -> Container {
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
            requests: Some(quantities([("cpu", "50m"), ("memory", "128Mi")])),
            limits: Some(quantities([("memory", spec.workbench.memory.as_str())])),
            ..ResourceRequirements::default()
        }),
        security_context: Some(least_rights()),
        volume_mounts: Some(mounts),
        ..Container::default()
    }
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
