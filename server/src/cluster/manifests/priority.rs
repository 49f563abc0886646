//! The priority class of workbenches: higher than that of learners' pods, so that a full node evicts those first.

use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::labels;

/// The class's name, the same for all installations on a cluster.
pub const WORKBENCH: &str = "lectern-workbench";
/// Higher than 0, the priority of pods that name no class. It cannot be changed once the class exists.
const VALUE: i32 = 1000;

/// Builds the class. A workbench waits for room rather than evict a learner's pods, which are somebody's work, too.
#[must_use]
pub fn workbench() -> PriorityClass {
    PriorityClass {
        metadata: ObjectMeta {
            name: Some(WORKBENCH.to_owned()),
            labels: Some([(labels::MANAGED_BY.0.to_owned(), labels::MANAGED_BY.1.to_owned())].into()),
            ..ObjectMeta::default()
        },
        value: VALUE,
        preemption_policy: Some("Never".to_owned()),
        description: Some("Workbenches of Lectern: evicted after learners' own pods.".to_owned()),
        ..PriorityClass::default()
    }
}
