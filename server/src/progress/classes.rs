//! Classes: creating them, joining them, and their learners' progress.

use std::collections::HashSet;

use lectern_api::classes::{Class, JoinRules, LearnerRow};
use lectern_api::ids::{ClassId, JoinCode, SessionId, UserId};

use super::{Progress, ProgressError};
use crate::enrolment::{enrol_by_code, random_join_code};
use crate::store;

impl Progress {
    /// Creates a class.
    pub async fn add_class(&self, owner: UserId, name: &str) -> Result<Class, ProgressError> {
        let name = name.trim();
        if !(1..=80).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(ProgressError::BadClassName);
        }
        let mut conn = self.pool.acquire().await?;
        loop {
            match store::classes::insert_class(&mut conn, owner, name, random_join_code().as_str()).await {
                Err(error) if error.violated_constraint() == Some("classes_join_code_key") => {}
                other => return Ok(other?),
            }
        }
    }

    /// Returns the person's classes: their own, and those they are enrolled in.
    pub async fn list_classes(&self, user: UserId) -> Result<Vec<Class>, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::classes::list_classes_of(&mut conn, user).await?)
    }

    /// Returns one class to its owner.
    pub async fn find_class(&self, owner: UserId, class: ClassId) -> Result<Class, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        store::classes::find_owned_class(&mut conn, owner, class).await?.ok_or(ProgressError::UnknownClass)
    }

    /// Enrols the person in the class with this code.
    pub async fn join_class(&self, user: UserId, code: &JoinCode) -> Result<Class, ProgressError> {
        let mut tx = self.pool.begin().await?;
        let class = enrol_by_code(&mut tx, code, user, self.clock.now()).await??;
        tx.commit().await?;
        Ok(class)
    }

    /// Removes a person from a class at their own request.
    pub async fn leave_class(&self, user: UserId, class: ClassId) -> Result<(), ProgressError> {
        let mut conn = self.pool.acquire().await?;
        match store::classes::unenrol(&mut conn, class, user).await? {
            true => Ok(()),
            false => Err(ProgressError::UnknownClass),
        }
    }

    /// Removes a learner from a class at its owner's request.
    pub async fn remove_learner(
        &self,
        owner: UserId,
        class: ClassId,
        learner: UserId,
    ) -> Result<(), ProgressError> {
        self.find_class(owner, class).await?;
        let mut conn = self.pool.acquire().await?;
        match store::classes::unenrol(&mut conn, class, learner).await? {
            true => Ok(()),
            false => Err(ProgressError::UnknownLearner),
        }
    }

    /// Replaces the join code of a class; the old one stops working.
    pub async fn replace_join_code(&self, owner: UserId, class: ClassId) -> Result<Class, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        loop {
            match store::classes::update_join_code(&mut conn, owner, class, random_join_code().as_str()).await
            {
                Ok(true) => break,
                Ok(false) => return Err(ProgressError::UnknownClass),
                Err(error) if error.violated_constraint() == Some("classes_join_code_key") => {}
                Err(error) => return Err(error.into()),
            }
        }
        drop(conn);
        self.find_class(owner, class).await
    }

    /// Sets whom the join code of a class lets in.
    ///
    /// # Errors
    /// Returns [`ProgressError::BadJoinRules`] if the class would take no learner at all.
    pub async fn set_join_rules(
        &self,
        owner: UserId,
        class: ClassId,
        rules: &JoinRules,
    ) -> Result<Class, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        if rules.max_learners == Some(0) {
            self.find_class(owner, class).await?;
            return Err(ProgressError::BadJoinRules);
        }
        if !store::classes::update_join_rules(&mut conn, owner, class, rules).await? {
            return Err(ProgressError::UnknownClass);
        }
        drop(conn);
        self.find_class(owner, class).await
    }

    /// Returns the learners of a class with each one's newest session, for its owner.
    pub async fn list_learners(
        &self,
        owner: UserId,
        class: ClassId,
    ) -> Result<Vec<LearnerRow>, ProgressError> {
        self.find_class(owner, class).await?;
        let mut conn = self.pool.acquire().await?;
        Ok(store::progress::list_learners(&mut conn, class, None).await?)
    }

    /// Returns who is in a class, for its owner.
    pub async fn list_enrolled(
        &self,
        owner: UserId,
        class: ClassId,
    ) -> Result<HashSet<UserId>, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        if store::classes::find_owned_class(&mut conn, owner, class).await?.is_none() {
            return Err(ProgressError::UnknownClass);
        }
        Ok(store::classes::list_enrolled(&mut conn, class).await?.into_iter().collect())
    }

    /// Returns the row that a class's owner sees for the learner of a session; `None` if that learner is not in the
    /// class.
    pub async fn find_learner_of_session(
        &self,
        class: ClassId,
        session: SessionId,
    ) -> Result<Option<LearnerRow>, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::progress::find_learner_of_session(&mut conn, class, session).await?)
    }
}
