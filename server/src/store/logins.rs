//! Logins, as the person who has them sees them, and how they end.

use chrono::{DateTime, Utc};
use lectern_api::ids::{LoginId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::StoreError;
use super::users::UserRow;

/// After how many days in which it was not used a login ends.
pub const IDLE_DAYS: i32 = 7;

/// A login and its person.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct LoginRow {
    /// The person.
    #[sqlx(flatten)]
    pub user: UserRow,
    /// The login's id.
    pub login_id: Uuid,
    /// Whether its owner may set a password without naming the old one.
    pub resets: bool,
    /// Whether it was last noted to be used long enough ago to note it again.
    pub is_stale: bool,
}

/// Whose login this is, while it lasts: until its end, while it is used, and while the account is enabled.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_login(conn: &mut PgConnection, token_hash: &[u8]) -> Result<Option<LoginRow>, StoreError> {
    Ok(sqlx::query_as(
        "select users.*, logins.id as login_id, coalesce(resets_until > now(), false) as resets,
             logins.last_seen_at < now() - interval '5 minutes' as is_stale
         from logins join users on users.id = logins.user_id
         where token_hash = $1 and expires_at > now() and disabled_at is null
             and logins.last_seen_at > now() - make_interval(days => $2)",
    )
    .bind(token_hash)
    .bind(IDLE_DAYS)
    .fetch_optional(conn)
    .await?)
}

/// Notes that a login was used now.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn note_use(conn: &mut PgConnection, login: Uuid) -> Result<(), StoreError> {
    sqlx::query(
        "with used as (update logins set last_seen_at = now() where id = $1 returning user_id)
         update users set last_seen_at = now() from used where users.id = used.user_id",
    )
    .bind(login)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes from where and with what a login was made; and, for one made by a link, until when its owner may set a
/// password without naming the old one.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn describe(
    conn: &mut PgConnection,
    token_hash: &[u8],
    device: &str,
    address: &str,
    resets_until: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query(
        "with made as (update logins set device = $2, address = $3, resets_until = $4 where token_hash = $1
                       returning user_id)
         update users set last_seen_at = now() from made where users.id = made.user_id",
    )
    .bind(token_hash)
    .bind(device)
    .bind(address)
    .bind(resets_until)
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses up a login's right to set a password without the old one; returns whether it had it.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn take_reset(conn: &mut PgConnection, token_hash: &[u8]) -> Result<bool, StoreError> {
    let taken =
        sqlx::query("update logins set resets_until = null where token_hash = $1 and resets_until > now()")
            .bind(token_hash)
            .execute(conn)
            .await?;
    Ok(taken.rows_affected() == 1)
}

/// A row of `logins`, without what could be used to sign in.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct OwnLogin {
    /// Its id.
    pub id: Uuid,
    /// When it signed in.
    pub created_at: DateTime<Utc>,
    /// When it was last used.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends at the latest.
    pub expires_at: DateTime<Utc>,
    /// Browser and system.
    pub device: String,
    /// Where it signed in from.
    pub address: String,
}

/// A person's logins that have not ended, the last used first.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_of(conn: &mut PgConnection, user: UserId) -> Result<Vec<OwnLogin>, StoreError> {
    Ok(sqlx::query_as(
        "select id, created_at, last_seen_at, expires_at, device, address from logins
         where user_id = $1 and expires_at > now() and last_seen_at > now() - make_interval(days => $2)
         order by last_seen_at desc, id limit 200",
    )
    .bind(user.0)
    .bind(IDLE_DAYS)
    .fetch_all(conn)
    .await?)
}

/// Ends one of a person's logins; returns whether it was one.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn delete_owned(conn: &mut PgConnection, user: UserId, login: LoginId) -> Result<bool, StoreError> {
    let gone = sqlx::query("delete from logins where id = $2 and user_id = $1")
        .bind(user.0)
        .bind(login.0)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected() == 1)
}

/// Ends all of a person's logins; returns how many there were.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn delete_all_of(conn: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    let gone = sqlx::query("delete from logins where user_id = $1").bind(user.0).execute(conn).await?;
    Ok(gone.rows_affected())
}

/// Withdraws all one-time links of a person.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn delete_links_of(conn: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query("delete from sign_in_links where user_id = $1").bind(user.0).execute(conn).await?;
    Ok(())
}

/// Removes logins that ended because nobody used them.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn delete_idle(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("delete from logins where last_seen_at < now() - make_interval(days => $1)")
        .bind(IDLE_DAYS)
        .execute(conn)
        .await?;
    Ok(())
}
