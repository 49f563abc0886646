//! A lab's own objects, of any kind that the cluster knows, in the session's namespaces and nowhere else.
//!
//! They are created with the learner's rights: what a learner may not create, a lab may not create either, whatever its
//! objects contain. Only kinds that the operator allowed by name are created with the server's rights.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{GroupVersionKind, Request};
use kube::discovery::{self, ApiResource, Scope};
use kube::{Api, ResourceExt};
use tokio::time::Instant;

use super::refusal::Refusal;
use super::schedule::Schedule;
use super::{Cluster, ClusterError, SessionSpec, manifests};

mod read;

use read::{bind_learners_roles, failed, listed, named, place, read, types};

/// The field manager of labs' objects. It differs from the server's own, so that a lab cannot change the server's
/// objects.
const FIELD_MANAGER: &str = "lectern-lab";
/// Timeout for a new namespace to accept pods.
const NAMESPACE_TIMEOUT: Duration = Duration::from_secs(15);
/// Timeout for the API server to learn of the learner's rights.
const RIGHTS_TIMEOUT: Duration = Duration::from_secs(5);
/// The pauses between two attempts in the meantime.
const ATTEMPTS: Schedule = Schedule::every(Duration::from_millis(100));

const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");
const IMPERSONATE_GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// A lab's object that was not created because a learner could not have created it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The object's kind and name.
    pub object: String,
    /// The API server's message.
    pub reason: String,
}

/// The API server's kinds, each requested once.
#[derive(Default)]
pub(super) struct Kinds {
    known: Mutex<HashMap<GroupVersionKind, (ApiResource, Scope)>>,
}

/// A lab's object, with its namespace and whose rights it is created with.
struct Placed {
    object: DynamicObject,
    namespace: String,
    resource: ApiResource,
    /// The learner's user name; `None` to use the server's own rights.
    learner: Option<HeaderValue>,
}

/// Why an attempt to create an object failed.
enum Failure {
    /// Another attempt may succeed.
    Transient(kube::Error),
    Final(kube::Error),
}

impl Cluster {
    /// Creates the lab's objects in their order, after checking that all of them belong to the session's namespaces.
    /// Returns those that were left out because a learner could not have created them.
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
        let mut rights_deadline = Some(Instant::now() + RIGHTS_TIMEOUT);
        for one in &placed {
            match self.apply_lab_object(one, rights_deadline).await? {
                // the API server knows the learner's rights, so from now on a refusal is final
                None if one.learner.is_some() => rights_deadline = None,
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
                    "this cluster has no kind {kind} in {version}; check the object's apiVersion and kind"
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

    /// Creates one object. Returns the API server's message if a learner could not have created it.
    async fn apply_lab_object(
        &self,
        one: &Placed,
        rights_deadline: Option<Instant>,
    ) -> Result<Option<String>, ClusterError> {
        let namespace_deadline = Instant::now() + NAMESPACE_TIMEOUT;
        let attempt = async || {
            let begun = Instant::now();
            self.send_lab_object(one).await.map_err(|error| match refusal_of(&error) {
                Refusal::NamespaceNotReady if begun < namespace_deadline => Failure::Transient(error),
                refusal if refusal.is_about_rights() && rights_deadline.is_some_and(|by| begun < by) => {
                    Failure::Transient(error)
                }
                _ => Failure::Final(error),
            })
        };
        let sent = ATTEMPTS.retry(attempt, |failure| matches!(failure, Failure::Transient(_))).await;
        let Err(Failure::Transient(error) | Failure::Final(error)) = sent else { return Ok(None) };
        match (refusal_of(&error), error) {
            (
                Refusal::MissingRight | Refusal::Escalation | Refusal::OutOfBounds,
                kube::Error::Api(status),
            ) => Ok(Some(status.message)),
            (Refusal::Impersonation, error) => {
                let action = "create a lab's objects with its learner's rights; the server needs the right to \
                              impersonate service accounts and the group lectern:lab-objects";
                Err(ClusterError::of(error, action))
            }
            (_, kube::Error::Api(status)) if status.code < 500 && status.code != 429 => {
                Err(failed(&one.object, status.message))
            }
            (_, error) => Err(ClusterError::of(error, &format!("create the lab's {}", named(&one.object)))),
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

fn refusal_of(error: &kube::Error) -> Refusal {
    match error {
        kube::Error::Api(status) => Refusal::of(status),
        _ => Refusal::Other,
    }
}
