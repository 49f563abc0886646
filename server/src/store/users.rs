//! Accounts.

use chrono::{DateTime, Utc};
use lectern_api::identity::{Role, User};
use lectern_api::ids::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Inconsistent, StoreError};

/// A row of `users`.
#[derive(Clone)]
pub struct UserRow {
    pub id: Uuid,
    /// Lower case.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    role: Role,
    /// Argon2 in PHC form; `None` until the person sets a password.
    pub password_hash: Option<String>,
    created_at: DateTime<Utc>,
    /// Since when nobody can sign in to it; `None` if it is enabled.
    pub disabled_at: Option<DateTime<Utc>>,
    last_seen_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // without the hash, which must not end up in a log
        f.debug_struct("UserRow").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A row of `users` as Postgres returns it, before its role is read.
pub(super) struct UserColumns {
    pub id: Uuid,
    pub username: String,
    pub display_name: String,
    pub role: String,
    pub password_hash: Option<String>,
    pub created_at: DateTime<Utc>,
    pub disabled_at: Option<DateTime<Utc>>,
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// A query for [`UserColumns`]: the SQL before and after the list of columns, then the arguments.
macro_rules! query_users {
    ($before:tt, $after:tt $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            $crate::store::users::UserColumns,
            $before
                + " users.id, users.username, users.display_name, users.role, users.password_hash, users.created_at,
                    users.disabled_at, users.last_seen_at "
                + $after
            $(, $argument)*
        )
    };
}
pub(super) use query_users;

impl TryFrom<UserColumns> for UserRow {
    type Error = StoreError;

    fn try_from(row: UserColumns) -> Result<Self, StoreError> {
        let role = row.role.parse().map_err(|_| Inconsistent::new("users", "role", row.id))?;
        Ok(Self {
            id: row.id,
            username: row.username,
            display_name: row.display_name,
            role,
            password_hash: row.password_hash,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            last_seen_at: row.last_seen_at,
        })
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId(row.id),
            role: row.role,
            username: row.username,
            display_name: row.display_name,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            last_seen_at: row.last_seen_at,
        }
    }
}

impl TryFrom<UserColumns> for User {
    type Error = StoreError;

    fn try_from(row: UserColumns) -> Result<Self, StoreError> {
        UserRow::try_from(row).map(Self::from)
    }
}

/// Adds an account. `username` is lower case.
///
/// # Errors
/// [`StoreError::Statement`] with the constraint `users_username_key` if the name is taken.
pub async fn insert_user(
    conn: &mut PgConnection,
    username: &str,
    display_name: &str,
    role: Role,
    password_hash: Option<&str>,
) -> Result<User, StoreError> {
    query_users!(
        "insert into users (id, username, display_name, role, password_hash) values ($1, $2, $3, $4, $5) returning",
        "",
        UserId::new().0,
        username,
        display_name,
        role.as_str(),
        password_hash,
    )
    .fetch_one(conn)
    .await?
    .try_into()
}

/// Returns the account with this name, which is lower case.
pub async fn find_by_username(
    conn: &mut PgConnection,
    username: &str,
) -> Result<Option<UserRow>, StoreError> {
    let row = query_users!("select", "from users where username = $1", username).fetch_optional(conn).await?;
    row.map(UserRow::try_from).transpose()
}

pub async fn find_user(conn: &mut PgConnection, id: UserId) -> Result<Option<UserRow>, StoreError> {
    let row = query_users!("select", "from users where id = $1", id.0).fetch_optional(conn).await?;
    row.map(UserRow::try_from).transpose()
}

/// Returns the account with this id. Until the caller's transaction ends, nobody else can change it or start a
/// session for it.
pub async fn lock_user(conn: &mut PgConnection, id: UserId) -> Result<Option<UserRow>, StoreError> {
    let row =
        query_users!("select", "from users where id = $1 for update", id.0).fetch_optional(conn).await?;
    row.map(UserRow::try_from).transpose()
}

/// Returns whether an administrator who can sign in would remain without this account. Until the caller's
/// transaction ends, nobody else can remove one.
pub async fn is_other_admin_left(conn: &mut PgConnection, id: UserId) -> Result<bool, StoreError> {
    let admins = sqlx::query_scalar!(
        "select id from users where role = 'admin' and disabled_at is null order by id for update"
    )
    .fetch_all(conn)
    .await?;
    Ok(admins.iter().any(|admin| *admin != id.0))
}

/// Sets an account's display name and role, and whether it is disabled.
pub async fn update_user(
    conn: &mut PgConnection,
    id: UserId,
    display_name: &str,
    role: Role,
    disabled_at: Option<DateTime<Utc>>,
) -> Result<User, StoreError> {
    query_users!(
        "update users set display_name = $2, role = $3, disabled_at = $4 where id = $1 returning",
        "",
        id.0,
        display_name,
        role.as_str(),
        disabled_at,
    )
    .fetch_one(conn)
    .await?
    .try_into()
}

/// Returns whether a person is a learner in a class of this instructor.
pub async fn is_learner_of(
    conn: &mut PgConnection,
    learner: UserId,
    instructor: UserId,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select exists (
               select from users u join enrolments e on e.user_id = u.id join classes c on c.id = e.class_id
               where u.id = $1 and u.role = 'learner' and c.owner_id = $2) as "is_learner!""#,
        learner.0,
        instructor.0
    )
    .fetch_one(conn)
    .await?)
}

/// Removes an account and everything that belongs to it.
///
/// # Errors
/// [`StoreError::Statement`] with the constraint `somebody_learns` if a session of it still runs.
pub async fn delete_user(conn: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    sqlx::query!("delete from users where id = $1", id.0).execute(conn).await?;
    Ok(())
}

/// Returns learners who have not used Lectern for this many days, the longest absent first.
pub async fn list_inactive(
    conn: &mut PgConnection,
    days: i32,
    limit: i64,
) -> Result<Vec<UserId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select id from users
         where role = 'learner' and coalesce(last_seen_at, created_at) < now() - make_interval(days => $1)
         order by coalesce(last_seen_at, created_at) limit $2",
        days,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// Returns the oldest enabled account with the role admin.
pub async fn find_first_admin(conn: &mut PgConnection) -> Result<Option<UserRow>, StoreError> {
    let row = query_users!(
        "select",
        "from users where role = 'admin' and disabled_at is null order by created_at, id limit 1"
    )
    .fetch_optional(conn)
    .await?;
    row.map(UserRow::try_from).transpose()
}

/// Returns all accounts by name, 5,000 at most.
pub async fn list_users(conn: &mut PgConnection) -> Result<Vec<User>, StoreError> {
    let rows = query_users!("select", "from users order by username limit 5000").fetch_all(conn).await?;
    rows.into_iter().map(User::try_from).collect()
}

pub async fn update_password(conn: &mut PgConnection, id: UserId, hash: &str) -> Result<(), StoreError> {
    sqlx::query!("update users set password_hash = $2 where id = $1", id.0, hash).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_none_is_an_error_that_names_its_row_and_not_its_value() {
        let row = |role: &str| UserColumns {
            id: Uuid::nil(),
            username: "ada".to_owned(),
            display_name: "Ada".to_owned(),
            role: role.to_owned(),
            password_hash: None,
            created_at: DateTime::UNIX_EPOCH,
            disabled_at: None,
            last_seen_at: None,
        };
        for role in [Role::Learner, Role::Instructor, Role::Author, Role::Admin] {
            assert_eq!(User::try_from(row(role.as_str())).unwrap().role, role);
        }
        let error = UserRow::try_from(row("emperor")).unwrap_err();
        assert_eq!(error.to_string(), Inconsistent::new("users", "role", Uuid::nil()).to_string());
        assert!(!error.to_string().contains("emperor") && !error.is_unavailable());
    }
}
