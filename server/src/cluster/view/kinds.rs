//! Where the API server keeps the kinds of the view.

use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use lectern_api::cluster_view::ObjectKind;

/// Returns a kind's group and version.
fn group_version(kind: ObjectKind) -> (&'static str, &'static str) {
    match kind {
        ObjectKind::Deployment | ObjectKind::StatefulSet | ObjectKind::DaemonSet | ObjectKind::ReplicaSet => {
            ("apps", "v1")
        }
        ObjectKind::Job | ObjectKind::CronJob => ("batch", "v1"),
        ObjectKind::Ingress => ("networking.k8s.io", "v1"),
        ObjectKind::Pod
        | ObjectKind::Service
        | ObjectKind::ConfigMap
        | ObjectKind::Secret
        | ObjectKind::PersistentVolumeClaim => ("", "v1"),
    }
}

/// Returns how a kind is asked for.
pub(super) fn resource(kind: ObjectKind) -> ApiResource {
    let (group, version) = group_version(kind);
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind.as_str()), kind.plural())
}

/// Returns how events are asked for.
pub(super) fn events() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk("", "v1", "Event"), "events")
}
