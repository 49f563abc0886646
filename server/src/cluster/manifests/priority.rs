//! The priority class of workbenches: above learners' pods, so that a full node gives up those first.

use k8s_openapi::api::scheduling::v1::PriorityClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::labels;

/// The class's name, the same for all installations on a cluster.
pub const WORKBENCH: &str = "lectern-workbench";
/// Above 0, which pods have that name no class. The cluster never lets it be changed.
const VALUE: i32 = 1000;

/// The class. A workbench waits for room rather than evict a learner's pods: those hold somebody's work, too.
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
