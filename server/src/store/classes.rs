//! Classes and enrolments.

use chrono::{DateTime, Utc};
use lectern_api::classes::{Class, JoinRules};
use lectern_api::ids::{ClassId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ENROLMENT_CHANGES, StoreError};

#[derive(sqlx::FromRow)]
struct ClassRow {
    id: Uuid,
    name: String,
    join_code: Option<String>,
    open: bool,
    join_ends_at: Option<DateTime<Utc>>,
    max_learners: Option<i32>,
    learners: i64,
    created_at: DateTime<Utc>,
}

impl From<ClassRow> for Class {
    fn from(row: ClassRow) -> Self {
        // whom the code lets in is the business of whoever sees the code
        let join_rules = row.join_code.is_some().then(|| JoinRules {
            open: row.open,
            expires_at: row.join_ends_at,
            max_learners: row.max_learners.and_then(|most| u32::try_from(most).ok()),
        });
        Self {
            id: ClassId(row.id),
            name: row.name,
            join_code: row.join_code,
            join_rules,
            learners: u32::try_from(row.learners).unwrap_or(u32::MAX),
            created_at: row.created_at,
        }
    }
}

/// Adds a class.
///
/// # Errors
/// [`StoreError::Statement`]; with the constraint `classes_join_code_key` where the code is taken.
pub async fn insert_class(
    conn: &mut PgConnection,
    owner: UserId,
    name: &str,
    join_code: &str,
) -> Result<Class, StoreError> {
    let row: ClassRow = sqlx::query_as(
        "insert into classes (id, name, owner_id, join_code) values ($1, $2, $3, $4)
         returning id, name, join_code, open, join_ends_at, max_learners, 0::bigint as learners, created_at",
    )
    .bind(ClassId::new().0)
    .bind(name)
    .bind(owner.0)
    .bind(join_code)
    .fetch_one(conn)
    .await?;
    Ok(row.into())
}

/// The classes that the person owns, with their codes, then those they are enrolled in, without.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_classes_of(conn: &mut PgConnection, user: UserId) -> Result<Vec<Class>, StoreError> {
    let rows: Vec<ClassRow> = sqlx::query_as(
        "select id, name, case when owner_id = $1 then join_code end as join_code, open, join_ends_at, max_learners, created_at,
                (select count(*) from enrolments e where e.class_id = c.id) as learners
         from classes c
         where owner_id = $1 or exists (select from enrolments e where e.class_id = c.id and e.user_id = $1)
         order by owner_id = $1 desc, created_at",
    )
    .bind(user.0)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Class::from).collect())
}

/// The class, if this person owns it.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_owned_class(
    conn: &mut PgConnection,
    owner: UserId,
    class: ClassId,
) -> Result<Option<Class>, StoreError> {
    let row: Option<ClassRow> = sqlx::query_as(
        "select id, name, join_code, open, join_ends_at, max_learners, created_at,
                (select count(*) from enrolments e where e.class_id = c.id) as learners
         from classes c where id = $1 and owner_id = $2",
    )
    .bind(class.0)
    .bind(owner.0)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Class::from))
}

/// Tells all servers that somebody came into a class or left it, when the transaction commits.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn announce_enrolment(conn: &mut PgConnection, class: ClassId) -> Result<(), StoreError> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(ENROLMENT_CHANGES)
        .bind(class.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Everybody in a class.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_enrolled(conn: &mut PgConnection, class: ClassId) -> Result<Vec<UserId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar("select user_id from enrolments where class_id = $1")
        .bind(class.0)
        .fetch_all(conn)
        .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// A class, as whoever has its code sees it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The class, without its code.
    pub class: Class,
    /// Whom its code lets in.
    pub rules: JoinRules,
    /// Whether the person is in it already.
    pub is_member: bool,
}

/// The class with this code. Nobody else joins it before the caller's transaction ends.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn lock_by_code(
    conn: &mut PgConnection,
    join_code: &str,
    user: Option<UserId>,
) -> Result<Option<Found>, StoreError> {
    let row: Option<ClassRow> = sqlx::query_as(
        "select id, name, join_code, open, join_ends_at, max_learners, created_at, 0::bigint as learners
         from classes where join_code = $1 for update",
    )
    .bind(join_code)
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // counted by a statement of its own, which sees who joined while this one waited
    let (learners, is_member): (i64, bool) = sqlx::query_as(
        "select count(*), coalesce(bool_or(user_id = $2), false) from enrolments where class_id = $1",
    )
    .bind(row.id)
    .bind(user.map(|user| user.0))
    .fetch_one(conn)
    .await?;
    let mut class = Class::from(ClassRow { learners, ..row });
    let rules = class.join_rules.take().unwrap_or_default();
    class.join_code = None;
    Ok(Some(Found { class, rules, is_member }))
}

/// Enrols a person; again changes nothing.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn enrol(conn: &mut PgConnection, class: ClassId, user: UserId) -> Result<(), StoreError> {
    let added =
        sqlx::query("insert into enrolments (class_id, user_id) values ($1, $2) on conflict do nothing")
            .bind(class.0)
            .bind(user.0)
            .execute(&mut *conn)
            .await?;
    if added.rows_affected() > 0 {
        announce_enrolment(conn, class).await?;
    }
    Ok(())
}

/// Takes a person out of a class; returns whether they were in it.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn unenrol(conn: &mut PgConnection, class: ClassId, user: UserId) -> Result<bool, StoreError> {
    let gone = sqlx::query("delete from enrolments where class_id = $1 and user_id = $2")
        .bind(class.0)
        .bind(user.0)
        .execute(&mut *conn)
        .await?;
    if gone.rows_affected() > 0 {
        announce_enrolment(conn, class).await?;
    }
    Ok(gone.rows_affected() == 1)
}

/// Takes a person out of all classes.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn unenrol_everywhere(conn: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    let left: Vec<Uuid> = sqlx::query_scalar("delete from enrolments where user_id = $1 returning class_id")
        .bind(user.0)
        .fetch_all(&mut *conn)
        .await?;
    for class in left {
        announce_enrolment(conn, ClassId(class)).await?;
    }
    Ok(())
}

/// Gives a class another code, if this person owns it; returns whether they do.
///
/// # Errors
/// [`StoreError::Statement`]; with the constraint `classes_join_code_key` if the code is taken.
pub async fn update_join_code(
    conn: &mut PgConnection,
    owner: UserId,
    class: ClassId,
    join_code: &str,
) -> Result<bool, StoreError> {
    let changed = sqlx::query("update classes set join_code = $3 where id = $1 and owner_id = $2")
        .bind(class.0)
        .bind(owner.0)
        .bind(join_code)
        .execute(conn)
        .await?;
    Ok(changed.rows_affected() == 1)
}

/// Sets whom the code of a class lets in, if this person owns it; returns whether they do.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn update_join_rules(
    conn: &mut PgConnection,
    owner: UserId,
    class: ClassId,
    rules: &JoinRules,
) -> Result<bool, StoreError> {
    let changed = sqlx::query(
        "update classes set open = $3, join_ends_at = $4, max_learners = $5 where id = $1 and owner_id = $2",
    )
    .bind(class.0)
    .bind(owner.0)
    .bind(rules.open)
    .bind(rules.expires_at)
    .bind(rules.max_learners.map(|most| i32::try_from(most).unwrap_or(i32::MAX)))
    .execute(conn)
    .await?;
    Ok(changed.rows_affected() == 1)
}
