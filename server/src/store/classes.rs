//! Classes and enrolments.

use chrono::{DateTime, Utc};
use lectern_api::classes::Class;
use lectern_api::ids::{ClassId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ENROLMENT_CHANGES, StoreError};

#[derive(sqlx::FromRow)]
struct ClassRow {
    id: Uuid,
    name: String,
    join_code: Option<String>,
    learners: i64,
    /// Whether the statement enrolled somebody.
    #[sqlx(default)]
    has_newcomer: bool,
    created_at: DateTime<Utc>,
}

impl From<ClassRow> for Class {
    fn from(row: ClassRow) -> Self {
        Self {
            id: ClassId(row.id),
            name: row.name,
            join_code: row.join_code,
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
         returning id, name, join_code, 0::bigint as learners, created_at",
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
        "select id, name, case when owner_id = $1 then join_code end as join_code, created_at,
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
        "select id, name, join_code, created_at,
                (select count(*) from enrolments e where e.class_id = c.id) as learners
         from classes c where id = $1 and owner_id = $2",
    )
    .bind(class.0)
    .bind(owner.0)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Class::from))
}

/// Enrols a person in the class with this code; again changes nothing. The class, without its code, or none
/// where no class has the code.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn enrol_by_code(
    conn: &mut PgConnection,
    user: UserId,
    join_code: &str,
) -> Result<Option<Class>, StoreError> {
    let row: Option<ClassRow> = sqlx::query_as(
        "with found as (select * from classes where join_code = $1),
              added as (insert into enrolments (class_id, user_id) select id, $2 from found on conflict do nothing
                        returning class_id)
         select id, name, null as join_code, created_at,
                (select count(*) from enrolments e where e.class_id = found.id)
                    + (select count(*) from added) as learners,
                exists (select from added) as has_newcomer
         from found",
    )
    .bind(join_code)
    .bind(user.0)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(row) = row.as_ref().filter(|row| row.has_newcomer) {
        announce_enrolment(conn, ClassId(row.id)).await?;
    }
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

/// Whether a class has this code.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn code_exists(conn: &mut PgConnection, join_code: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select from classes where join_code = $1)")
        .bind(join_code)
        .fetch_one(conn)
        .await?)
}
