//! The server of the last release works beside this schema: while an installation is updated, the first new server
//! migrates the database, and old ones still use it.
//!
//! What that server relies on is kept as data, because its program is not at hand: the columns of its schema, and its
//! own statements. A migration that fails here must be split: this release expands, the next one contracts
//! (`migrations/README.md`). After a release, replace the data by what the released server relies on.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use lectern_server::store;
use sqlx::PgPool;

use crate::support::environment::{Database, block_on};

/// `table.column`, a space, and its definition as [`columns`] reads it.
const OLD_COLUMNS: &str = include_str!("schema/0.1.0-columns.txt");

const OLD_STATEMENTS: &str = include_str!("schema/0.1.0-statements.sql");

/// Columns that a trigger fills, so that they need no default.
const FILLED_BY_TRIGGER: [&str; 2] = ["audit_log.id", "audit_log.hash"];

/// Runs a test with a migrated database of its own, and removes the database however the test ended.
fn run(test: impl AsyncFnOnce(&PgPool)) {
    block_on(async {
        let database = Database::create().await;
        let pool =
            PgPool::connect_with(database.options(None)).await.expect("the test's own database answers");
        store::migrate(&pool).await.expect("an empty database can be migrated");
        let ended = AssertUnwindSafe(test(&pool)).catch_unwind().await;
        pool.close().await;
        database.remove().await;
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Returns the definition of each column: type, `not null`, and `identity` or `default` with its expression.
async fn columns(pool: &PgPool) -> BTreeMap<String, String> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
             || case when a.attnotnull then ' not null' else '' end
             || case when a.attidentity <> '' then ' identity'
                     else coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') end
         from pg_class c join pg_attribute a on a.attrelid = c.oid
         left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
         where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace
             and a.attnum > 0 and not a.attisdropped",
    )
    .fetch_all(pool)
    .await
    .expect("anybody may read the catalogue");
    rows.into_iter().collect()
}

fn old_columns() -> BTreeMap<&'static str, &'static str> {
    OLD_COLUMNS.lines().map(|line| line.split_once(' ').expect("a column and its definition")).collect()
}

/// Returns a definition without what gives the column a value that a statement leaves out.
fn without_default(definition: &str) -> &str {
    let end = [" identity", " default "].iter().filter_map(|word| definition.find(word)).min();
    &definition[..end.unwrap_or(definition.len())]
}

#[test]
fn every_column_that_the_last_release_uses_is_there_as_it_was() {
    run(async |pool| {
        let now = columns(pool).await;
        for (name, old) in old_columns() {
            let Some(new) = now.get(name) else { panic!("{name} is gone") };
            let new = new.as_str();
            if FILLED_BY_TRIGGER.contains(&name) {
                assert_eq!(without_default(new), without_default(old), "{name}");
            } else {
                assert_eq!(new, old, "{name}");
            }
        }
    });
}

#[test]
fn the_last_release_can_insert_rows_without_knowing_new_columns() {
    run(async |pool| {
        let old = old_columns();
        let is_old_table = |table: &str| old.keys().any(|name| name.split('.').next() == Some(table));
        for (name, definition) in columns(pool).await {
            let (table, _) = name.split_once('.').expect("a table and a column");
            if old.contains_key(name.as_str()) || !is_old_table(table) {
                continue;
            }
            let needs_a_value =
                definition.contains(" not null") && without_default(&definition) == definition;
            assert!(
                !needs_a_value || FILLED_BY_TRIGGER.contains(&name.as_str()),
                "{name} must be nullable or have a default: {definition}"
            );
        }
    });
}

#[test]
fn the_statements_of_the_last_release_still_work() {
    run(async |pool| {
        let mut tx = pool.begin().await.unwrap();
        let mut executed = 0;
        for statement in OLD_STATEMENTS.split_inclusive(";\n") {
            let done = sqlx::raw_sql(statement).execute(&mut *tx).await;
            let done = done.unwrap_or_else(|error| panic!("{error} in:\n{statement}"));
            if statement.trim_start().starts_with("execute") {
                assert!(done.rows_affected() > 0, "finds and changes nothing:\n{statement}");
                executed += 1;
            }
        }
        tx.rollback().await.unwrap();
        assert!(executed > 60, "only {executed} statements were found");
    });
}
