//! Accounts.

use chrono::{DateTime, Utc};
use lectern_api::identity::{Role, User};
use lectern_api::ids::UserId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::StoreError;

/// A row of `users`.
#[derive(Clone, sqlx::FromRow)]
pub struct UserRow {
    /// Its id.
    pub id: Uuid,
    /// Lower case.
    pub username: String,
    /// The name that others see.
    pub display_name: String,
    role: String,
    /// Argon2 in PHC form.
    pub password_hash: Option<String>,
    created_at: DateTime<Utc>,
    /// Since when nobody can sign in to it.
    pub disabled_at: Option<DateTime<Utc>>,
    last_seen_at: Option<DateTime<Utc>>,
}

impl std::fmt::Debug for UserRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // without the hash, which nobody may read in a log
        f.debug_struct("UserRow").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId(row.id),
            // the column's constraint leaves no other words; the least role is the safe reading
            role: row.role.parse().unwrap_or(Role::Learner),
            username: row.username,
            display_name: row.display_name,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            last_seen_at: row.last_seen_at,
        }
    }
}

/// Adds an account. `username` is lower case.
///
/// # Errors
/// [`StoreError::Statement`]; with the constraint `users_username_key` where the name is taken.
pub async fn insert_user(
    conn: &mut PgConnection,
    username: &str,
    display_name: &str,
    role: Role,
    password_hash: Option<&str>,
) -> Result<User, StoreError> {
    let row: UserRow = sqlx::query_as(
        "insert into users (id, username, display_name, role, password_hash) values ($1, $2, $3, $4, $5) returning *",
    )
    .bind(UserId::new().0)
    .bind(username)
    .bind(display_name)
    .bind(role.as_str())
    .bind(password_hash)
    .fetch_one(conn)
    .await?;
    Ok(row.into())
}

/// The account with this name; lower case.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_by_username(
    conn: &mut PgConnection,
    username: &str,
) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as("select * from users where username = $1").bind(username).fetch_optional(conn).await?)
}

/// The account with this id.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_user(conn: &mut PgConnection, id: UserId) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as("select * from users where id = $1").bind(id.0).fetch_optional(conn).await?)
}

/// The account with this id, which nobody else changes before the caller's transaction ends, nor starts a session for.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn lock_user(conn: &mut PgConnection, id: UserId) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as("select * from users where id = $1 for update").bind(id.0).fetch_optional(conn).await?)
}

/// Returns whether an administrator who can sign in would be left without this account. Until the caller's transaction
/// ends nobody else takes one away.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn is_other_admin_left(conn: &mut PgConnection, id: UserId) -> Result<bool, StoreError> {
    let admins: Vec<Uuid> = sqlx::query_scalar(
        "select id from users where role = 'admin' and disabled_at is null order by id for update",
    )
    .fetch_all(conn)
    .await?;
    Ok(admins.iter().any(|admin| *admin != id.0))
}

/// Sets an account's name to show, what it may do, and whether it is disabled.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn update_user(
    conn: &mut PgConnection,
    id: UserId,
    display_name: &str,
    role: Role,
    disabled_at: Option<DateTime<Utc>>,
) -> Result<User, StoreError> {
    let row: UserRow = sqlx::query_as(
        "update users set display_name = $2, role = $3, disabled_at = $4 where id = $1 returning *",
    )
    .bind(id.0)
    .bind(display_name)
    .bind(role.as_str())
    .bind(disabled_at)
    .fetch_one(conn)
    .await?;
    Ok(row.into())
}

/// Returns whether a person is a learner in a class of this instructor.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn is_learner_of(
    conn: &mut PgConnection,
    learner: UserId,
    instructor: UserId,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (select from users u join enrolments e on e.user_id = u.id join classes c on c.id = e.class_id
                        where u.id = $1 and u.role = 'learner' and c.owner_id = $2)",
    )
    .bind(learner.0)
    .bind(instructor.0)
    .fetch_one(conn)
    .await?)
}

/// Removes an account and all that goes with it.
///
/// # Errors
/// [`StoreError::Statement`]; with the constraint `somebody_learns` if a session of it still runs.
pub async fn delete_user(conn: &mut PgConnection, id: UserId) -> Result<(), StoreError> {
    sqlx::query("delete from users where id = $1").bind(id.0).execute(conn).await?;
    Ok(())
}

/// Learners who did not use Lectern for so many days, the longest away first.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_inactive(
    conn: &mut PgConnection,
    days: i32,
    limit: i64,
) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select id from users
         where role = 'learner' and coalesce(last_seen_at, created_at) < now() - make_interval(days => $1)
         order by coalesce(last_seen_at, created_at) limit $2",
    )
    .bind(days)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// The account that was made first, with the role admin, and can be signed in to.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_first_admin(conn: &mut PgConnection) -> Result<Option<UserRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from users where role = 'admin' and disabled_at is null order by created_at, id limit 1",
    )
    .fetch_optional(conn)
    .await?)
}

/// All accounts by name.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_users(conn: &mut PgConnection) -> Result<Vec<User>, StoreError> {
    let rows: Vec<UserRow> =
        sqlx::query_as("select * from users order by username limit 5000").fetch_all(conn).await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Sets a password.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn update_password(conn: &mut PgConnection, id: UserId, hash: &str) -> Result<(), StoreError> {
    sqlx::query("update users set password_hash = $2 where id = $1")
        .bind(id.0)
        .bind(hash)
        .execute(conn)
        .await?;
    Ok(())
}
