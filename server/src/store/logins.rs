//! Logins as their owner sees them, and how they end.

use chrono::{DateTime, Utc};
use lectern_api::ids::{LoginId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::StoreError;
use super::users::{UserColumns, UserRow};

/// A login ends after this many days without use.
pub const IDLE_DAYS: i32 = 7;

/// A login and its owner.
#[derive(Clone, Debug)]
pub struct LoginRow {
    pub user: UserRow,
    pub login_id: Uuid,
    /// Whether its owner may set a password without giving the old one.
    pub resets: bool,
    /// Whether its last recorded use is long enough ago to record it again.
    pub is_stale: bool,
}

/// Returns the login with this token and its owner, unless it has expired, was idle for too long, or the account is
/// disabled.
pub async fn find_login(conn: &mut PgConnection, token_hash: &[u8]) -> Result<Option<LoginRow>, StoreError> {
    let row = sqlx::query!(
        r#"select users.id, users.username, users.display_name, users.role, users.password_hash, users.created_at,
               users.disabled_at, users.last_seen_at, logins.id as login_id,
               coalesce(resets_until > now(), false) as "resets!",
               logins.last_seen_at < now() - interval '5 minutes' as "is_stale!"
           from logins join users on users.id = logins.user_id
           where token_hash = $1 and expires_at > now() and disabled_at is null
               and logins.last_seen_at > now() - make_interval(days => $2)"#,
        token_hash,
        IDLE_DAYS
    )
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let user = UserColumns {
        id: row.id,
        username: row.username,
        display_name: row.display_name,
        role: row.role,
        password_hash: row.password_hash,
        created_at: row.created_at,
        disabled_at: row.disabled_at,
        last_seen_at: row.last_seen_at,
    };
    Ok(Some(LoginRow {
        user: user.try_into()?,
        login_id: row.login_id,
        resets: row.resets,
        is_stale: row.is_stale,
    }))
}

/// Records that a login is in use now.
pub async fn note_use(conn: &mut PgConnection, login: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "with used as (update logins set last_seen_at = now() where id = $1 returning user_id)
         update users set last_seen_at = now() from used where users.id = used.user_id",
        login
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Records the browser and the address of a new login. If a link made it, `resets_until` is the time until which its
/// owner may set a password without giving the old one.
pub async fn describe(
    conn: &mut PgConnection,
    token_hash: &[u8],
    device: &str,
    address: &str,
    resets_until: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with made as (update logins set device = $2, address = $3, resets_until = $4 where token_hash = $1
                       returning user_id)
         update users set last_seen_at = now() from made where users.id = made.user_id",
        token_hash,
        device,
        address,
        resets_until
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Uses up a login's right to set a password without the old one. Returns whether it had that right.
pub async fn take_reset(conn: &mut PgConnection, token_hash: &[u8]) -> Result<bool, StoreError> {
    let taken = sqlx::query!(
        "update logins set resets_until = null where token_hash = $1 and resets_until > now()",
        token_hash
    )
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() == 1)
}

/// A row of `logins` without the columns that would let somebody sign in.
#[derive(Clone, Debug)]
pub struct OwnLogin {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    /// To within some minutes.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends even if it stays in use.
    pub expires_at: DateTime<Utc>,
    /// Browser and system.
    pub device: String,
    /// Where it signed in from.
    pub address: String,
}

/// Returns a person's logins that have not ended, the most recently used first.
pub async fn list_of(conn: &mut PgConnection, user: UserId) -> Result<Vec<OwnLogin>, StoreError> {
    Ok(sqlx::query_as!(
        OwnLogin,
        "select id, created_at, last_seen_at, expires_at, device, address from logins
         where user_id = $1 and expires_at > now() and last_seen_at > now() - make_interval(days => $2)
         order by last_seen_at desc, id limit 200",
        user.0,
        IDLE_DAYS
    )
    .fetch_all(conn)
    .await?)
}

/// Ends one of a person's logins. Returns whether it was theirs.
pub async fn delete_owned(conn: &mut PgConnection, user: UserId, login: LoginId) -> Result<bool, StoreError> {
    let gone = sqlx::query!("delete from logins where id = $2 and user_id = $1", user.0, login.0)
        .execute(conn)
        .await?;
    Ok(gone.rows_affected() == 1)
}

/// Ends all of a person's logins. Returns how many there were.
pub async fn delete_all_of(conn: &mut PgConnection, user: UserId) -> Result<u64, StoreError> {
    let gone = sqlx::query!("delete from logins where user_id = $1", user.0).execute(conn).await?;
    Ok(gone.rows_affected())
}

/// Withdraws all one-time links of a person.
pub async fn delete_links_of(conn: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    sqlx::query!("delete from sign_in_links where user_id = $1", user.0).execute(conn).await?;
    Ok(())
}

/// Removes logins that nobody has used for [`IDLE_DAYS`].
pub async fn delete_idle(conn: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!("delete from logins where last_seen_at < now() - make_interval(days => $1)", IDLE_DAYS)
        .execute(conn)
        .await?;
    Ok(())
}
