//! A lab's own objects, of any kind that the cluster knows, in the session's namespaces; of the whole cluster only where
//! the operator allowed the kind by name.
//!
//! They are created with the learner's rights: what a learner may not create, a lab may not create either, whatever its
//! objects contain. Only kinds that the operator allowed by name are created with the server's rights. What cannot be
//! created is left out with a reason: it never keeps a session from starting.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{GroupVersionKind, Request};
use kube::discovery::{self, ApiResource, Scope};
use kube::{Api, ResourceExt};
use lectern_content::allow::listed;
use serde_json::Value;
use tokio::time::Instant;

use super::provision::namespace_uid;
use super::refusal::Refusal;
use super::schedule::Schedule;
use super::{Cluster, ClusterError, SessionSpec, manifests};

mod read;
mod wide;
mod words;

use read::{bind_learners_roles, left_out, named, place, read, types};
use wide::Renames;

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

/// A lab's object that was not created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The object's kind and name.
    pub object: String,
    /// The reason in plain words, as the end of a sentence.
    pub reason: String,
    /// The API server's message, if it refused the object.
    pub detail: Option<String>,
}

/// The API server's kinds, each requested once.
#[derive(Default)]
pub(super) struct Kinds {
    known: Mutex<HashMap<GroupVersionKind, (ApiResource, Scope)>>,
}

/// A lab's object, with its namespace and whose rights it is created with.
struct Placed {
    object: DynamicObject,
    /// `None` if it belongs to the whole cluster.
    namespace: Option<String>,
    resource: ApiResource,
    /// The learner's user name; `None` to use the server's own rights.
    learner: Option<HeaderValue>,
}

/// Why an object is not created.
enum Unmade {
    LeftOut(LeftOut),
    /// The cluster cannot be asked at the moment.
    Failed(ClusterError),
}

impl From<LeftOut> for Unmade {
    fn from(left_out: LeftOut) -> Self {
        Self::LeftOut(left_out)
    }
}

impl From<ClusterError> for Unmade {
    fn from(error: ClusterError) -> Self {
        Self::Failed(error)
    }
}

/// Why an attempt to create an object failed.
enum Failure {
    /// Another attempt may succeed.
    Transient(kube::Error),
    Final(kube::Error),
}

impl Cluster {
    /// Creates the lab's objects in their order. Returns those that were left out.
    ///
    /// # Errors
    /// Returns an error if the cluster does not answer.
    pub(super) async fn apply_lab_objects(&self, spec: &SessionSpec) -> Result<Vec<LeftOut>, ClusterError> {
        let (placed, mut left_out) = self.place_lab_objects(spec).await?;
        let mut rights_deadline = Some(Instant::now() + RIGHTS_TIMEOUT);
        for one in &placed {
            match self.apply_lab_object(one, rights_deadline).await? {
                // the API server knows the learner's rights, so from now on a refusal is final
                None if one.learner.is_some() => rights_deadline = None,
                None => {}
                Some(refused) => left_out.push(refused),
            }
        }
        Ok(left_out)
    }

    /// Reads the lab's objects and finds where each belongs. Those of the whole cluster get names of the session's own.
    async fn place_lab_objects(
        &self,
        spec: &SessionSpec,
    ) -> Result<(Vec<Placed>, Vec<LeftOut>), ClusterError> {
        let instance = self.workbench_namespace();
        let learner = HeaderValue::from_str(&manifests::rbac::learner_user(&spec.names, instance))
            .map_err(|error| ClusterError::of(kube::Error::HttpError(error.into()), "name the learner"))?;
        let (mut placed, mut left_out, mut renames) = (Vec::new(), Vec::new(), Renames::default());
        for manifest in spec.objects.iter().flat_map(listed) {
            match self.place_lab_object(spec, manifest, &learner).await {
                Ok(mut one) => {
                    if one.namespace.is_none() {
                        renames.rename(&mut one.object, &spec.names.namespace);
                    }
                    placed.push(one);
                }
                Err(Unmade::LeftOut(one)) => left_out.push(one),
                Err(Unmade::Failed(error)) => return Err(error),
            }
        }
        let uid = if renames.is_empty() { None } else { Some(self.main_namespace_uid(spec).await?) };
        for Placed { object, namespace, .. } in &mut placed {
            renames.follow(object);
            wide::bind_learner(spec, object, instance);
            if let (None, Some(uid)) = (namespace, &uid) {
                wide::own(spec, object, instance, uid);
            }
        }
        Ok((placed, left_out))
    }

    async fn place_lab_object(
        &self,
        spec: &SessionSpec,
        manifest: &Value,
        learner: &HeaderValue,
    ) -> Result<Placed, Unmade> {
        let mut object = read(manifest)?;
        let (resource, scope) = self.find_kind(&object).await?;
        let namespace = place(spec, &object, &scope)?;
        object.metadata.namespace.clone_from(&namespace);
        bind_learners_roles(&mut object, self.workbench_namespace());
        let (version, kind) = types(&object);
        let learner = (!spec.trusts(version, kind)).then(|| learner.clone());
        Ok(Placed { object, namespace, resource, learner })
    }

    async fn main_namespace_uid(&self, spec: &SessionSpec) -> Result<String, ClusterError> {
        let name = &spec.names.namespace;
        let found = self.cluster_wide::<Namespace>().get(name).await;
        namespace_uid(found.map_err(|error| ClusterError::of(error, &format!("read namespace {name}")))?)
    }

    async fn find_kind(&self, object: &DynamicObject) -> Result<(ApiResource, Scope), Unmade> {
        let (version, kind) = types(object);
        let unknown =
            || Unmade::from(left_out(object, format!("this cluster has no kind {kind} in {version}")));
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
                return Err(ClusterError::of(error, &format!("look up the kind {kind} of {version}")).into());
            }
        };
        let found = (resource, abilities.scope);
        known().insert(gvk, found.clone());
        Ok(found)
    }

    /// Creates one object. Returns why it is left out if the API server refuses it.
    async fn apply_lab_object(
        &self,
        one: &Placed,
        rights_deadline: Option<Instant>,
    ) -> Result<Option<LeftOut>, ClusterError> {
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
        match error {
            kube::Error::Api(status) if words::is_final(&status) => {
                if Refusal::of(&status) == Refusal::Impersonation {
                    tracing::error!(
                        message = status.message,
                        "the server needs the right to impersonate service accounts and the group lectern:lab-objects"
                    );
                }
                let reason = words::reason(&status);
                Ok(Some(LeftOut { object: named(&one.object), reason, detail: Some(status.message) }))
            }
            error => Err(ClusterError::of(error, &format!("create the lab's {}", named(&one.object)))),
        }
    }

    async fn send_lab_object(&self, one: &Placed) -> Result<(), kube::Error> {
        let api: Api<DynamicObject> = match &one.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &one.resource),
            None => Api::all_with(self.client.clone(), &one.resource),
        };
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
