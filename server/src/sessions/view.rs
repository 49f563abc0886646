//! What runs in a session's namespaces, shown to its learner and changed by them.

use lectern_api::cluster_view::{LogQuery, ObjectKind, ObjectText};
use lectern_api::ids::{SessionId, UserId};

use super::spec::names;
use super::{SessionError, Workbenches};
use crate::cluster::SessionNames;
use crate::cluster::view::{LogStream, ObjectRef, View};

/// An object as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectAddress {
    pub kind: ObjectKind,
    pub namespace: String,
    pub name: String,
}

impl Workbenches {
    /// Opens the view of a session's namespaces.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::NotRunning`], [`SessionError::NoCluster`],
    /// [`SessionError::TooManyViews`], …
    pub async fn open_view(&self, user: UserId, id: SessionId) -> Result<View, SessionError> {
        let names = self.viewed(user, id).await?;
        Ok(self.cluster.view_session(&names)??)
    }

    /// Checks that the person may still look at this session's namespaces.
    ///
    /// # Errors
    /// Those of [`Workbenches::open_view`].
    pub async fn check_view_access(&self, user: UserId, id: SessionId) -> Result<(), SessionError> {
        self.viewed(user, id).await.map(drop)
    }

    /// Returns an object's text, with a secret's values only if they are wanted.
    ///
    /// # Errors
    /// [`SessionError::UnknownObject`], [`SessionError::Object`], …
    pub async fn read_object(
        &self,
        user: UserId,
        id: SessionId,
        address: &ObjectAddress,
        with_values: bool,
    ) -> Result<ObjectText, SessionError> {
        let names = self.viewed(user, id).await?;
        Ok(self.cluster.read_object(&names, &find(&names, address)?, with_values).await?)
    }

    /// Replaces an object by an edited text of it.
    ///
    /// # Errors
    /// [`SessionError::UnknownObject`], [`SessionError::Object`], …
    pub async fn replace_object(
        &self,
        user: UserId,
        id: SessionId,
        address: &ObjectAddress,
        yaml: &str,
    ) -> Result<ObjectText, SessionError> {
        let names = self.viewed(user, id).await?;
        Ok(self.cluster.replace_object(&names, &find(&names, address)?, yaml).await?)
    }

    /// Deletes an object, if it still is the one with this `uid`.
    ///
    /// # Errors
    /// [`SessionError::UnknownObject`], [`SessionError::Object`], …
    pub async fn delete_object(
        &self,
        user: UserId,
        id: SessionId,
        address: &ObjectAddress,
        uid: Option<String>,
    ) -> Result<(), SessionError> {
        let names = self.viewed(user, id).await?;
        Ok(self.cluster.delete_object(&names, &find(&names, address)?, uid).await?)
    }

    /// Opens the log of a pod's container.
    ///
    /// # Errors
    /// [`SessionError::UnknownObject`], [`SessionError::Object`], …
    pub async fn follow_log(
        &self,
        user: UserId,
        id: SessionId,
        address: &ObjectAddress,
        query: &LogQuery,
    ) -> Result<LogStream, SessionError> {
        let names = self.viewed(user, id).await?;
        Ok(self.cluster.follow_log(&names, &find(&names, address)?, query).await?)
    }

    /// Returns the names of a running session whose lab shows the cluster.
    async fn viewed(&self, user: UserId, id: SessionId) -> Result<SessionNames, SessionError> {
        let row = self.find_running(user, id).await?;
        let is_shown = self.labs.find(&row.lab)?.spec.session.shows_cluster();
        is_shown.then(|| names(&row)).ok_or(SessionError::NoCluster)
    }
}

fn find(names: &SessionNames, address: &ObjectAddress) -> Result<ObjectRef, SessionError> {
    let ObjectAddress { kind, namespace, name } = address;
    ObjectRef::new(names, *kind, namespace, name).ok_or(SessionError::UnknownObject)
}
