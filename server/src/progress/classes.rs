//! Classes: making them, joining them, and seeing how far their learners are.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use lectern_api::classes::{Class, JoinRules, LearnerRow};
use lectern_api::ids::{ClassId, SessionId, UserId};
use rand::RngExt;
use sqlx::PgConnection;

use super::{Progress, ProgressError};
use crate::store::{self, StoreError};

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

/// Why a join code does not let somebody in. It says nothing of which class it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRefused {
    /// No class has it.
    #[error("no class has this join code; ask your instructor for it")]
    Unknown,
    /// The class is closed to new learners.
    #[error("this join code is closed at the moment; ask your instructor to open it")]
    Closed,
    /// Its time is over.
    #[error("this join code has expired; ask your instructor for a new one")]
    Ended,
    /// As many learners are in the class as may be.
    #[error("this class is full; ask your instructor for a place")]
    Full,
}

/// Finds the class that a code lets somebody into, or why it does not. Until the caller's transaction ends nobody else
/// joins that class.
///
/// # Errors
/// The database's.
pub async fn find_by_code(
    conn: &mut PgConnection,
    code: &str,
    user: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<Result<store::classes::Found, JoinRefused>, StoreError> {
    let Some(found) = store::classes::lock_by_code(conn, code, user).await? else {
        return Ok(Err(JoinRefused::Unknown));
    };
    let JoinRules { open, expires_at, max_learners } = found.rules;
    Ok(if found.is_member {
        Ok(found)
    } else if !open {
        Err(JoinRefused::Closed)
    } else if expires_at.is_some_and(|end| end <= now) {
        Err(JoinRefused::Ended)
    } else if max_learners.is_some_and(|most| found.class.learners >= most) {
        Err(JoinRefused::Full)
    } else {
        Ok(found)
    })
}

/// Enrols a person in the class with this code, in the caller's transaction; the class as they see it.
///
/// # Errors
/// The database's.
pub async fn enrol_by_code(
    conn: &mut PgConnection,
    code: &str,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Result<Class, JoinRefused>, StoreError> {
    let mut found = match find_by_code(conn, code, Some(user), now).await? {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    if !found.is_member {
        store::classes::enrol(conn, found.class.id, user).await?;
        found.class.learners += 1;
    }
    Ok(Ok(found.class))
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
    /// [`ProgressError::Join`], or the database's.
    pub async fn join_class(&self, user: UserId, join_code: &str) -> Result<Class, ProgressError> {
        let code = normalise_join_code(join_code);
        let mut tx = self.pool.begin().await?;
        let class = enrol_by_code(&mut tx, &code, user, self.clock.now()).await??;
        tx.commit().await?;
        Ok(class)
    }

    /// Takes a person out of a class that they are enrolled in.
    ///
    /// # Errors
    /// [`ProgressError::UnknownClass`], or the database's.
    pub async fn leave_class(&self, user: UserId, class: ClassId) -> Result<(), ProgressError> {
        let mut conn = self.pool.acquire().await?;
        match store::classes::unenrol(&mut conn, class, user).await? {
            true => Ok(()),
            false => Err(ProgressError::UnknownClass),
        }
    }

    /// Takes a learner out of a class, for its owner.
    ///
    /// # Errors
    /// [`ProgressError::UnknownClass`], [`ProgressError::UnknownLearner`], or the database's.
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

    /// Gives a class another join code; the one before is unknown from now on.
    ///
    /// # Errors
    /// [`ProgressError::UnknownClass`], or the database's.
    pub async fn replace_join_code(&self, owner: UserId, class: ClassId) -> Result<Class, ProgressError> {
        let mut conn = self.pool.acquire().await?;
        loop {
            match store::classes::update_join_code(&mut conn, owner, class, &random_join_code()).await {
                Ok(true) => break,
                Ok(false) => return Err(ProgressError::UnknownClass),
                Err(error) if error.violated_constraint() == Some("classes_join_code_key") => {}
                Err(error) => return Err(error.into()),
            }
        }
        drop(conn);
        self.find_class(owner, class).await
    }

    /// Says whom the join code of a class lets in.
    ///
    /// # Errors
    /// [`ProgressError::UnknownClass`], [`ProgressError::BadJoinRules`], or the database's.
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
