//! Joining a class by its code: who may, and why not. Used by registration and by people who already have an account.

use chrono::{DateTime, Utc};
use lectern_api::classes::{Class, JoinRules};
use lectern_api::ids::{JoinCode, UserId};
use rand::RngExt;
use sqlx::PgConnection;

use crate::store::{self, StoreError};

/// Letters and digits that are not mistaken for one another when read aloud or from a board.
const CODE_LETTERS: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// Returns a new code of eight random letters and digits.
pub fn random_join_code() -> JoinCode {
    let mut rng = rand::rng();
    let letters: String =
        (0..8).map(|_| char::from(CODE_LETTERS[rng.random_range(0..CODE_LETTERS.len())])).collect();
    letters.into()
}

/// Why a join code does not let somebody in. The messages do not say which class the code belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinRefused {
    #[error("no class has this join code; ask your instructor for it")]
    Unknown,
    /// The instructor has closed the class to new learners.
    #[error("this join code is closed at the moment; ask your instructor to open it")]
    Closed,
    #[error("this join code has expired; ask your instructor for a new one")]
    Ended,
    #[error("this class is full; ask your instructor for a place")]
    Full,
}

/// Finds the class that a code lets somebody into, or why it does not. Until the caller's transaction ends, nobody else
/// can join that class.
pub async fn find_by_code(
    conn: &mut PgConnection,
    code: &JoinCode,
    user: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<Result<store::classes::Found, JoinRefused>, StoreError> {
    let Some(found) = store::classes::lock_by_code(conn, code.as_str(), user).await? else {
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

/// Enrols a person in the class with this code, in the caller's transaction. Returns the class as its learners see it.
pub async fn enrol_by_code(
    conn: &mut PgConnection,
    code: &JoinCode,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_join_code_is_stored_as_it_is_shown() {
        let code = random_join_code();
        assert_eq!(code.as_str().len(), 9);
        assert_eq!(JoinCode::from(code.as_str().to_lowercase()), code);
    }
}
