//! A lab's own objects, of whatever kind the cluster knows, in the session's namespaces and nowhere else.
//!
//! They are made in the learner's name: what a learner may not make, a lab may not make either, whatever its objects
//! hold and whatever they are called. Only kinds that the operator allowed by name are made with the server's rights.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{GroupVersionKind, Request};
use kube::discovery::{self, ApiResource, Scope};
use kube::{Api, ResourceExt};
use tokio::time::Instant;

use super::{Cluster, ClusterError, SessionSpec, manifests};

mod read;

use read::{bind_learners_roles, failed, listed, named, place, read, types};

/// Who holds the fields of a lab's objects: not the server itself, whose own objects a lab must not touch.
const FIELD_MANAGER: &str = "lectern-lab";
/// How long a new namespace may take until it accepts pods.
const NAMESPACE_SETTLES_WITHIN: Duration = Duration::from_secs(15);
/// How long the learner's rights may take until the API server knows of them.
const RIGHTS_SETTLE_WITHIN: Duration = Duration::from_secs(5);
/// The pause between two tries meanwhile.
const PAUSE: Duration = Duration::from_millis(100);

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
const IMPERSONATE_GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// An object of a lab's that was not made, because a learner could not have made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Kind and name.
    pub object: String,
    /// The API server's words.
    pub reason: String,
}

/// What the API server says of kinds, asked once for each.
#[derive(Default)]
pub(super) struct Kinds {
    known: Mutex<HashMap<GroupVersionKind, (ApiResource, Scope)>>,
}

/// An object of a lab's, where it goes and in whose name.
struct Placed {
    object: DynamicObject,
    namespace: String,
    resource: ApiResource,
    /// The learner's name; absent: the server's own rights are used.
    learner: Option<HeaderValue>,
}

impl Cluster {
    /// Makes the lab's objects in their order, once all of them are known to be within bounds. Returns those that a
    /// learner could not have made, which are left out.
    pub(super) async fn apply_lab_objects(&self, spec: &SessionSpec) -> Result<Vec<LeftOut>, ClusterError> {
        let instance = self.workbench_namespace();
        let learner = HeaderValue::from_str(&manifests::rbac::learner_user(&spec.names, instance))
            .map_err(|error| ClusterError::of(kube::Error::HttpError(error.into()), "name the learner"))?;
        let mut placed = Vec::new();
        for manifest in spec.objects.iter().flat_map(listed) {
            let mut object = read(manifest)?;
            let (resource, scope) = self.find_kind(&object).await?;
            let namespace = place(spec, &object, &scope)?;
            object.metadata.namespace = Some(namespace.clone());
            bind_learners_roles(&mut object, instance);
            let (version, kind) = types(&object);
            let is_trusted = spec.trusted_types.contains(&(version.to_owned(), kind.to_owned()));
            let learner = (!is_trusted).then(|| learner.clone());
            placed.push(Placed { object, namespace, resource, learner });
        }
        let mut left_out = Vec::new();
        let mut rights_settle_by = Some(Instant::now() + RIGHTS_SETTLE_WITHIN);
        for one in &placed {
            match self.apply_lab_object(one, rights_settle_by).await? {
                // from now on a refusal means what it says
                None if one.learner.is_some() => rights_settle_by = None,
                None => {}
                Some(reason) => left_out.push(LeftOut { object: named(&one.object), reason }),
            }
        }
        Ok(left_out)
    }

    async fn find_kind(&self, object: &DynamicObject) -> Result<(ApiResource, Scope), ClusterError> {
        let (version, kind) = types(object);
        let unknown = || {
            failed(
                object,
                format!(
                    "this cluster knows no {kind} of {version}; look at the object's apiVersion and kind"
                ),
            )
        };
        let (group, short_version) = version.rsplit_once('/').unwrap_or(("", version));
        let gvk = GroupVersionKind::gvk(group, short_version, kind);
        let known = || self.shared.kinds.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known().get(&gvk).cloned() {
            return Ok(found);
        }
        let (resource, abilities) = match discovery::pinned_kind(&self.client, &gvk).await {
            Ok(found) => found,
            Err(kube::Error::Discovery(_)) => return Err(unknown()),
            Err(kube::Error::Api(status)) if status.code == 404 => return Err(unknown()),
            Err(error) => {
                return Err(ClusterError::of(error, &format!("look up the kind {kind} of {version}")));
            }
        };
        let found = (resource, abilities.scope);
        known().insert(gvk, found.clone());
        Ok(found)
    }

    /// Makes one object; the reason where a learner could not make it.
    async fn apply_lab_object(
        &self,
        one: &Placed,
        rights_settle_by: Option<Instant>,
    ) -> Result<Option<String>, ClusterError> {
        let deadline = Instant::now() + NAMESPACE_SETTLES_WITHIN;
        loop {
            let now = Instant::now();
            match self.send_lab_object(one).await {
                Ok(()) => return Ok(None),
                Err(kube::Error::Api(status)) if is_settling(&status.message) && now < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(kube::Error::Api(status)) if status.code == 403 && is_out_of_bounds(&status.message) => {
                    if !is_about_rights(&status.message) || rights_settle_by.is_none_or(|by| now >= by) {
                        return Ok(Some(status.message.clone()));
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error @ kube::Error::Api(_)) if may_not_impersonate(&error) => {
                    let action = "make a lab's objects in its learner's name; the server needs the right to \
                                  impersonate service accounts and the group lectern:lab-objects";
                    return Err(ClusterError::of(error, action));
                }
                Err(kube::Error::Api(status)) if status.code < 500 && status.code != 429 => {
                    return Err(failed(&one.object, status.message.clone()));
                }
                Err(error) => {
                    return Err(ClusterError::of(error, &format!("make the lab's {}", named(&one.object))));
                }
            }
        }
    }

    async fn send_lab_object(&self, one: &Placed) -> Result<(), kube::Error> {
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &one.namespace, &one.resource);
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let mut request = Request::new(api.resource_url())
            .patch(&one.object.name_any(), &params, &Patch::Apply(&one.object))
            .map_err(kube::Error::BuildRequest)?;
        if let Some(learner) = &one.learner {
            let headers = request.headers_mut();
            headers.insert(IMPERSONATE_USER, learner.clone());
            headers.insert(IMPERSONATE_GROUP, HeaderValue::from_static(manifests::rbac::LAB_GROUP));
        }
        self.client.request::<DynamicObject>(request).await.map(drop)
    }
}

/// Whether a refusal only means that the controllers have not looked at the namespace yet: no pod is accepted before
/// its service account is there and its quota was counted once.
fn is_settling(message: &str) -> bool {
    message.contains("serviceaccount \"default\" not found") || message.contains("status unknown for quota")
}

/// Whether a refusal is about the rights of whoever asks, which the API server may not know of yet.
fn is_about_rights(message: &str) -> bool {
    ["cannot patch resource", "cannot create resource", "attempting to grant RBAC permissions"]
        .iter()
        .any(|words| message.contains(words))
}

/// Whether an object is refused because of what bounds every learner, and not because of a mistake in it.
fn is_out_of_bounds(message: &str) -> bool {
    is_about_rights(message)
        || message.contains("ValidatingAdmissionPolicy")
        || message.contains("violates PodSecurity")
}

fn may_not_impersonate(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403 && status.message.contains("cannot impersonate"))
}
