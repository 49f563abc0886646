//! The claim on a volume that keeps a learner's home when their workbench pod goes.

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::{SessionNames, SessionSpec};
use super::{labels, quantities};

/// The claim's name: one for a session, whatever its workbench is called by now.
#[must_use]
pub fn name(names: &SessionNames) -> &str {
    &names.namespace
}

/// The claim of a session. It belongs to the learner's namespace, with whose end the cluster collects it, even where
/// nobody asks for that any more; `namespace_uid` is that namespace's.
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
