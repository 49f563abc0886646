//! Classes: making them, joining them, and seeing how far their learners are.

use std::collections::HashSet;

use lectern_api::classes::{Class, LearnerRow};
use lectern_api::ids::{ClassId, SessionId, UserId};
use rand::RngExt;

use super::{Progress, ProgressError};
use crate::store;

/// Letters that are not taken for one another when read aloud or from a board.
const CODE_LETTERS: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// The code as it is kept: upper case, `XXXX-XXXX`.
#[must_use]
pub fn normalise_join_code(text: &str) -> String {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
    match letters.split_at_checked(4) {
        Some((first, second)) => format!("{first}-{second}"),
        None => letters,
    }
}

fn random_join_code() -> String {
    let mut rng = rand::rng();
    let letters: String =
        (0..8).map(|_| char::from(CODE_LETTERS[rng.random_range(0..CODE_LETTERS.len())])).collect();
    normalise_join_code(&letters)
}

impl Progress {
    /// Makes a class.
    ///
    /// # Errors
    /// [`ProgressError::BadClassName`], or the database's.
    pub async fn add_class(&self, owner: UserId, name: &str) -> Result<Class, ProgressError> {
        let name = name.trim();
        if !(1..=80).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return Err(ProgressError::BadClassName);
        }
        let mut conn = self.pool.acquire().await?;
        loop {
            match store::classes::insert_class(&mut conn, owner, name, &random_join_code()).await {
                Err(error) if error.violated_constraint() == Some("classes_join_code_key") => {}
                other => return Ok(other?),
            }
        }
    }

    /// The person's classes: their own, and those they are enrolled in.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_classes(&self, user: UserId) -> Result<Vec<Class>, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::classes::list_classes_of(&mut conn, user).await?)
    }

    /// One class, for its owner.
    ///
    /// # Errors
    /// [`ProgressError::UnknownClass`], or the database's.
    pub async fn find_class(&self, owner: UserId, class: ClassId) -> Result<Class, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        store::classes::find_owned_class(&mut conn, owner, class).await?.ok_or(ProgressError::UnknownClass)
    }

    /// Enrols the person in the class with this code.
    ///
    /// # Errors
    /// [`ProgressError::UnknownJoinCode`], or the database's.
    pub async fn join_class(&self, user: UserId, join_code: &str) -> Result<Class, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        store::classes::enrol_by_code(&mut conn, user, &normalise_join_code(join_code))
            .await?
            .ok_or(ProgressError::UnknownJoinCode)
    }

    /// The learners of a class and where each one is, for its owner.
    ///
    /// # Errors
    /// [`ProgressError::UnknownClass`], or the database's.
    pub async fn list_learners(
        &self,
        owner: UserId,
        class: ClassId,
    ) -> Result<Vec<LearnerRow>, ProgressError> {
        self.find_class(owner, class).await?;
        let mut conn = self.pool.acquire().await?;
        Ok(store::progress::list_learners(&mut conn, class, None).await?)
    }

    /// Who is in a class, for its owner.
    ///
    /// # Errors
    /// [`ProgressError::UnknownClass`], or the database's.
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

    /// What the owner of a class is told when a session changes; none where its learner is not in the class.
    ///
    /// # Errors
    /// The database's.
    pub async fn find_learner_of_session(
        &self,
        class: ClassId,
        session: SessionId,
    ) -> Result<Option<LearnerRow>, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::progress::find_learner_of_session(&mut conn, class, session).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_code_is_found_however_it_is_typed() {
        let code = random_join_code();
        assert_eq!(code.len(), 9);
        let typed = code.to_lowercase().replace('-', " ");
        assert_eq!(normalise_join_code(&typed), code);
        assert_eq!(normalise_join_code("ab"), "AB");
    }
}
