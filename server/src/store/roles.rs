//! The two roles of the database: one owns the tables and migrates them; the other, under which the server runs, cannot
//! change what the audit log holds.

use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{MIGRATIONS, StoreError};

/// What the role of a connection may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The role's name.
    pub role: String,
    /// Whether it may create tables, and therefore migrate.
    pub may_migrate: bool,
}

/// Returns what the role of this connection may do.
pub async fn find_rights(conn: &mut PgConnection) -> Result<Rights, StoreError> {
    Ok(sqlx::query_as!(
        Rights,
        r#"select current_user::text as "role!", has_schema_privilege(current_schema(), 'create') as "may_migrate!""#
    )
    .fetch_one(conn)
    .await?)
}

/// Returns whether the role of this connection could change or remove rows of the audit log.
pub async fn may_change_audit(conn: &mut PgConnection) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"select has_table_privilege('audit_log', 'update, delete, truncate') as "may_change!""#
    )
    .fetch_one(conn)
    .await?)
}

/// Grants the role under which the server runs the rights that it needs, and no others: of the audit log, it may only
/// read and add rows. The connection's role owns the tables.
pub async fn grant_app(conn: &mut PgConnection, role: &str) -> Result<(), StoreError> {
    let mut tx = conn.begin().await?;
    // grants by two servers that start at the same time would fail
    const GRANT_LOCK: i64 = 0x1ec7_0002;
    sqlx::query!("select pg_advisory_xact_lock($1)", GRANT_LOCK).execute(&mut *tx).await?;
    let names = sqlx::query!(
        r#"select quote_ident($1) as "role!", quote_ident(current_schema()) as "schema!""#,
        role
    )
    .fetch_one(&mut *tx)
    .await?;
    let (role, schema) = (names.role, names.schema);
    for statement in [
        format!("grant usage on schema {schema} to {role}"),
        format!("grant select, insert, update, delete on all tables in schema {schema} to {role}"),
        format!("grant usage, select on all sequences in schema {schema} to {role}"),
        // also on tables that later migrations add
        format!(
            "alter default privileges in schema {schema} grant select, insert, update, delete on tables to {role}"
        ),
        format!("revoke all on audit_log, audit_chain, _sqlx_migrations from {role}"),
        format!("grant select, insert on audit_log to {role}"),
        format!("grant select on audit_chain, _sqlx_migrations to {role}"),
        format!("grant execute on function prune_audit_log(interval) to {role}"),
    ] {
        // a grant takes no parameters; the two names are quoted
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *tx).await?;
    }
    Ok(tx.commit().await?)
}

/// Checks that the schema is the one that this program needs, without changing it.
///
/// # Errors
/// [`StoreError::OlderSchema`] if a migration is missing, [`StoreError::NewerSchema`] if there is an unknown one.
pub async fn check_schema(pool: &PgPool) -> Result<(), StoreError> {
    // not checked by the compiler: the migrator makes this table, not a migration
    let applied: Vec<i64> = sqlx::query_scalar("select version from _sqlx_migrations where success")
        .fetch_all(pool)
        .await
        .or_else(|error| match &error {
            // no such table: nothing has been migrated yet
            sqlx::Error::Database(db) if db.code().as_deref() == Some("42P01") => Ok(vec![]),
            _ => Err(error),
        })?;
    if let Some(missing) = MIGRATIONS.iter().find(|known| !applied.contains(&known.version)) {
        return Err(StoreError::OlderSchema { version: missing.version });
    }
    match applied.into_iter().find(|version| !MIGRATIONS.version_exists(*version)) {
        Some(version) => Err(StoreError::NewerSchema { version }),
        None => Ok(()),
    }
}
