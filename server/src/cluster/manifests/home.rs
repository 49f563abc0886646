//! The claim on a volume for a learner's home, which outlives their workbench pod.

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::{SessionNames, SessionSpec};
use super::{labels, quantities};

/// Returns the claim's name. It belongs to the session and stays when the workbench is replaced.
#[must_use]
pub fn name(names: &SessionNames) -> &str {
    &names.namespace
}

/// Builds the claim of a session. It is owned by the learner's namespace, with which the cluster deletes it even if the
/// server does not; `namespace_uid` is that namespace's.
#[must_use]
pub fn claim(spec: &SessionSpec, instance: &str, class: &str, namespace_uid: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: ObjectMeta {
            name: Some(name(&spec.names).to_owned()),
            namespace: Some(instance.to_owned()),
            labels: Some(labels::of_session(spec, instance)),
            owner_references: Some(vec![labels::owner_namespace(&spec.names.namespace, namespace_uid)]),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: Some(class.to_owned()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(quantities([("storage", spec.workbench.storage.as_str())])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
