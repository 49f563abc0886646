//! The class of Ingress objects that this server follows.

use k8s_openapi::api::networking::v1::{IngressClass, IngressClassSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::super::ingress::INGRESS_CLASS;
use super::labels;

/// The name of what follows the class.
const CONTROLLER: &str = "lectern.dev/previews";
/// The annotation of the class that Ingress objects get that name none.
const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// Returns whether a class is the cluster's default.
#[must_use]
pub fn is_default(class: &IngressClass) -> bool {
    let annotations = class.metadata.annotations.iter().flatten();
    annotations.into_iter().any(|(key, value)| key == DEFAULT && value == "true")
}

/// Builds the class. Installations that share a cluster share it, so it outlives each of them but the last one that wrote
/// it.
#[must_use]
pub fn class(owner: &OwnerReference, is_default: bool) -> IngressClass {
    let (key, value) = labels::MANAGED_BY;
    IngressClass {
        metadata: ObjectMeta {
            name: Some(INGRESS_CLASS.to_owned()),
            labels: Some([(key.to_owned(), value.to_owned())].into()),
            annotations: Some([(DEFAULT.to_owned(), is_default.to_string())].into()),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        spec: Some(IngressClassSpec { controller: Some(CONTROLLER.to_owned()), parameters: None }),
    }
}
