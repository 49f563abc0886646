//! Classes and enrolments.

use chrono::{DateTime, Utc};
use lectern_api::classes::{Class, JoinRules};
use lectern_api::ids::{ClassId, UserId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::announcements::ENROLMENT_CHANGES;
use super::{Inconsistent, StoreError};

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

impl ClassRow {
    fn join_rules(&self) -> Result<JoinRules, Inconsistent> {
        let max_learners = self.max_learners.map(u32::try_from).transpose();
        let max_learners = max_learners.map_err(|_| Inconsistent::new("classes", "max_learners", self.id))?;
        Ok(JoinRules { open: self.open, expires_at: self.join_ends_at, max_learners })
    }
}

impl TryFrom<ClassRow> for Class {
    type Error = StoreError;

    fn try_from(row: ClassRow) -> Result<Self, StoreError> {
        // only those who see the code see whom it admits
        let join_rules = row.join_code.is_some().then(|| row.join_rules()).transpose()?;
        Ok(Self {
            id: ClassId(row.id),
            name: row.name,
            join_code: row.join_code,
            join_rules,
            learners: u32::try_from(row.learners).unwrap_or(u32::MAX),
            created_at: row.created_at,
        })
    }
}

/// Adds a class.
///
/// # Errors
/// [`StoreError::Statement`] with the constraint `classes_join_code_key` if the code is taken.
pub async fn insert_class(
    conn: &mut PgConnection,
    owner: UserId,
    name: &str,
    join_code: &str,
) -> Result<Class, StoreError> {
    sqlx::query_as!(
        ClassRow,
        r#"insert into classes (id, name, owner_id, join_code) values ($1, $2, $3, $4)
           returning id, name, join_code, open, join_ends_at, max_learners, 0::bigint as "learners!", created_at"#,
        ClassId::new().0,
        name,
        owner.0,
        join_code
    )
    .fetch_one(conn)
    .await?
    .try_into()
}

/// Returns the classes that the person owns, with their codes, then those they are enrolled in, without codes.
pub async fn list_classes_of(conn: &mut PgConnection, user: UserId) -> Result<Vec<Class>, StoreError> {
    let rows = sqlx::query_as!(
        ClassRow,
        r#"select id, name, case when owner_id = $1 then join_code end as join_code, open, join_ends_at, max_learners,
                  created_at, (select count(*) from enrolments e where e.class_id = c.id) as "learners!"
           from classes c
           where owner_id = $1 or exists (select from enrolments e where e.class_id = c.id and e.user_id = $1)
           order by owner_id = $1 desc, created_at"#,
        user.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Class::try_from).collect()
}

/// Returns the class if this person owns it.
pub async fn find_owned_class(
    conn: &mut PgConnection,
    owner: UserId,
    class: ClassId,
) -> Result<Option<Class>, StoreError> {
    let row = sqlx::query_as!(
        ClassRow,
        r#"select id, name, join_code, open, join_ends_at, max_learners, created_at,
                  (select count(*) from enrolments e where e.class_id = c.id) as "learners!"
           from classes c where id = $1 and owner_id = $2"#,
        class.0,
        owner.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(Class::try_from).transpose()
}

/// Announces to all servers that somebody joined or left a class, once the transaction commits.
pub async fn announce_enrolment(conn: &mut PgConnection, class: ClassId) -> Result<(), StoreError> {
    sqlx::query!("select pg_notify($1, $2)", ENROLMENT_CHANGES, class.to_string()).execute(conn).await?;
    Ok(())
}

/// Returns everybody in a class.
pub async fn list_enrolled(conn: &mut PgConnection, class: ClassId) -> Result<Vec<UserId>, StoreError> {
    let ids = sqlx::query_scalar!("select user_id from enrolments where class_id = $1", class.0)
        .fetch_all(conn)
        .await?;
    Ok(ids.into_iter().map(UserId).collect())
}

/// A class as somebody with its code sees it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The class, without its code.
    pub class: Class,
    /// Whom its code admits.
    pub rules: JoinRules,
    /// Whether the person is in it already.
    pub is_member: bool,
}

/// Returns the class with this code. Until the caller's transaction ends, nobody else can join it.
pub async fn lock_by_code(
    conn: &mut PgConnection,
    join_code: &str,
    user: Option<UserId>,
) -> Result<Option<Found>, StoreError> {
    let row = sqlx::query_as!(
        ClassRow,
        r#"select id, name, null as join_code, open, join_ends_at, max_learners, created_at, 0::bigint as "learners!"
           from classes where join_code = $1 for update"#,
        join_code
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // counted by a second statement, which sees who joined while the first one waited
    let enrolled = sqlx::query!(
        r#"select count(*) as "learners!", coalesce(bool_or(user_id = $2), false) as "is_member!"
           from enrolments where class_id = $1"#,
        row.id,
        user.map(|user| user.0)
    )
    .fetch_one(conn)
    .await?;
    let rules = row.join_rules()?;
    let class = Class::try_from(ClassRow { learners: enrolled.learners, ..row })?;
    Ok(Some(Found { class, rules, is_member: enrolled.is_member }))
}

/// Enrols a person. Does nothing if they are enrolled already.
pub async fn enrol(conn: &mut PgConnection, class: ClassId, user: UserId) -> Result<(), StoreError> {
    let added = sqlx::query!(
        "insert into enrolments (class_id, user_id) values ($1, $2) on conflict do nothing",
        class.0,
        user.0
    )
    .execute(&mut *conn)
    .await?;
    if added.rows_affected() > 0 {
        announce_enrolment(conn, class).await?;
    }
    Ok(())
}

/// Removes a person from a class. Returns whether they were in it.
pub async fn unenrol(conn: &mut PgConnection, class: ClassId, user: UserId) -> Result<bool, StoreError> {
    let gone = sqlx::query!("delete from enrolments where class_id = $1 and user_id = $2", class.0, user.0)
        .execute(&mut *conn)
        .await?;
    if gone.rows_affected() > 0 {
        announce_enrolment(conn, class).await?;
    }
    Ok(gone.rows_affected() == 1)
}

/// Removes a person from all classes.
pub async fn unenrol_everywhere(conn: &mut PgConnection, user: UserId) -> Result<(), StoreError> {
    let left = sqlx::query_scalar!("delete from enrolments where user_id = $1 returning class_id", user.0)
        .fetch_all(&mut *conn)
        .await?;
    for class in left {
        announce_enrolment(conn, ClassId(class)).await?;
    }
    Ok(())
}

/// Replaces a class's code if this person owns it. Returns whether they do.
///
/// # Errors
/// [`StoreError::Statement`] with the constraint `classes_join_code_key` if the code is taken.
pub async fn update_join_code(
    conn: &mut PgConnection,
    owner: UserId,
    class: ClassId,
    join_code: &str,
) -> Result<bool, StoreError> {
    let changed = sqlx::query!(
        "update classes set join_code = $3 where id = $1 and owner_id = $2",
        class.0,
        owner.0,
        join_code
    )
    .execute(conn)
    .await?;
    Ok(changed.rows_affected() == 1)
}

/// Sets whom a class's code admits if this person owns the class. Returns whether they do.
pub async fn update_join_rules(
    conn: &mut PgConnection,
    owner: UserId,
    class: ClassId,
    rules: &JoinRules,
) -> Result<bool, StoreError> {
    let changed = sqlx::query!(
        "update classes set open = $3, join_ends_at = $4, max_learners = $5 where id = $1 and owner_id = $2",
        class.0,
        owner.0,
        rules.open,
        rules.expires_at,
        rules.max_learners.map(|most| i32::try_from(most).unwrap_or(i32::MAX))
    )
    .execute(conn)
    .await?;
    Ok(changed.rows_affected() == 1)
}
