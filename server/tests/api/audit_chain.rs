//! That nobody changes the audit log, or not unseen.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;

use lectern_api::audit::AuditPage;
use lectern_api::identity::Role;
use lectern_api::ids::UserId;
use lectern_server::audit::{Audit, AuditFile, Fault, Record, verify};
use lectern_server::store;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};

use crate::support::environment::server_url;
use crate::support::lab_folder::LAB;
use crate::support::people::{add_class, join_class};
use crate::support::{TestApp, run};

async fn note(app: &TestApp, count: usize) {
    for _ in 0..count {
        app.services.audit.write(Record::by_cli("test", String::new())).await;
    }
}

/// A connection to the test's database under a role that owns nothing, as `lectern up` uses it.
async fn as_server_role(app: &TestApp) -> PgPool {
    const ROLE: &str = "lectern_test_app";
    let statement = "do $$ begin
            perform pg_advisory_xact_lock(7);
            if not exists (select from pg_roles where rolname = 'lectern_test_app') then
                create role lectern_test_app login password 'lectern_test_app';
            end if;
        end $$";
    let server: PgConnectOptions = server_url().as_str().parse().unwrap();
    let mut made = Err(sqlx::Error::PoolClosed);
    // on the socket of `lectern parts` anybody is whoever they say, but the tables' owner may not make roles
    for options in [server.clone(), server.username("postgres")] {
        made = match PgConnection::connect_with(&options).await {
            Ok(mut conn) => sqlx::query(statement).execute(&mut conn).await,
            Err(error) => Err(error),
        };
        if made.is_ok() {
            break;
        }
    }
    made.expect("a user of the server may make roles");
    let mut owner = app.pool.acquire().await.unwrap();
    store::roles::grant_app(&mut owner, ROLE).await.expect("the owner may grant");
    let options = app.database.options(None).username(ROLE).password(ROLE);
    PgPoolOptions::new().max_connections(4).connect_with(options).await.expect("the role may connect")
}

#[test]
fn the_servers_role_can_add_records_and_cannot_change_or_remove_any() {
    run(async |app| {
        note(app, 3).await;
        let pool = as_server_role(app).await;
        for statement in [
            "update audit_log set action = 'nothing'",
            "update audit_log set hash = '' where id = 2",
            "delete from audit_log",
            "truncate audit_log",
            "alter table audit_log disable trigger all",
            "alter table audit_log drop column hash",
            "drop trigger append_audit on audit_log",
            "drop table audit_log",
            "update audit_chain set last_id = 0",
            "insert into audit_chain values (false, 0, '', 0, '')",
            "create or replace function append_audit() returns trigger language plpgsql as 'begin return null; end'",
            "drop function prune_audit_log(interval)",
            "set role lectern",
            "set session_replication_role = replica",
            "create table audit_log2 (id int)",
            "delete from _sqlx_migrations",
        ] {
            let refused = sqlx::query(statement).execute(&pool).await.expect_err(statement);
            let code =
                refused.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
            assert!(
                ["42501", "22023", "42704"].contains(&code.as_deref().unwrap_or("")),
                "{statement}: {refused}"
            );
        }
        // what it may add gets its number, time and hash from the database, also if there is a table where the functions
        // could look for theirs
        let mut conn = pool.acquire().await.unwrap();
        let decoy = "create temp table audit_chain as select true as singleton, 99::bigint as last_id,
                     ''::bytea as last_hash, 99::bigint as pruned_id, ''::bytea as pruned_hash";
        sqlx::query(decoy).execute(&mut *conn).await.expect("anybody may make temporary tables");
        let added = "insert into audit_log (id, at, action, object, hash)
                     values (1, '2001-01-01', 'forged', '', 'x')";
        sqlx::query(added).execute(&mut *conn).await.expect("it may add records");
        assert!(sqlx::query("delete from audit_log where id = 1").execute(&mut *conn).await.is_err());
        conn.close().await.unwrap();
        let times = "select count(*) from audit_log where id = 4 and at > now() - interval '1 minute'";
        assert_eq!(app.count(times).await, 1);
        // nor does it remove what is young by asking for a short time
        let pruned: i64 =
            sqlx::query_scalar("select prune_audit_log('0 seconds')").fetch_one(&pool).await.unwrap();
        assert_eq!(pruned, 0);
        let found = verify(&pool, None).await.unwrap();
        assert_eq!((found.records, found.fault), (4, None));
    });
}

#[test]
fn a_server_runs_under_a_role_that_owns_nothing() {
    run(async |app| {
        let pool = as_server_role(app).await;
        store::prepare(&pool).await.expect("the schema is as it should be, and is not touched");
        let mut conn = pool.acquire().await.unwrap();
        assert!(!store::roles::may_change_audit(&mut conn).await.unwrap());
        assert!(!store::roles::find_rights(&mut conn).await.unwrap().may_migrate);
        drop(conn);
        let served = app.another_server_on(pool.clone());
        let admin = served.person("root", Role::Admin).await;
        let omar = served.instructor("omar").await;
        let ada = served.learner("ada").await;
        let class = add_class(&omar, "Mondays").await;
        join_class(&ada, &class).await;
        let started = ada.post("/api/v1/sessions", &serde_json::json!({"lab": LAB})).await;
        started.expect(201);
        ada.get("/api/v1/me/export").await.expect(200);
        admin.delete(&format!("/api/v1/users/{}", ada.id())).await.expect(204);
        let page: AuditPage = admin.get("/api/v1/audit").await.json();
        assert_eq!(page.records[0].action, "delete_user");
        assert_eq!(verify(&pool, None).await.unwrap().fault, None);
        served.stop().await;

        app.execute("delete from _sqlx_migrations where version = 7").await;
        let error = store::prepare(&pool).await.unwrap_err();
        assert!(matches!(error, store::StoreError::OlderSchema { version: 7 }), "{error:?}");
        assert!(error.to_string().contains("lectern migrate"), "{error}");
    });
}

#[test]
fn the_owner_changes_no_record_either_without_switching_the_guards_off() {
    run(async |app| {
        note(app, 3).await;
        for statement in ["update audit_log set action = ''", "delete from audit_log", "truncate audit_log"] {
            let refused = sqlx::query(statement).execute(&app.pool).await.expect_err(statement);
            assert!(refused.to_string().contains("cannot be changed"), "{statement}: {refused}");
        }
    });
}

#[test]
fn what_the_owner_changes_behind_the_guards_is_found() {
    run(async |app| {
        note(app, 6).await;
        let whole = verify(&app.pool, None).await.unwrap();
        assert_eq!((whole.records, &whole.fault), (6, &None));
        app.execute("alter table audit_log disable trigger all").await;
        for (change, back, fault) in [
            (
                "update audit_log set action = 'harmless' where id = 3",
                "update audit_log set action = 'test' where id = 3",
                Fault::Changed(3),
            ),
            (
                "update audit_log set at = at - interval '1 day' where id = 2",
                "update audit_log set at = at + interval '1 day' where id = 2",
                Fault::Changed(2),
            ),
            (
                "update audit_log set id = 100 where id = 4",
                "update audit_log set id = 4 where id = 100",
                Fault::Missing(4),
            ),
            (
                "update audit_log set id = -6 where id = 6",
                "update audit_log set id = 6 where id = -6",
                Fault::CutOff(5),
            ),
        ] {
            app.execute(change).await;
            assert_eq!(verify(&app.pool, None).await.unwrap().fault, Some(fault), "{change}");
            app.execute(back).await;
            assert_eq!(verify(&app.pool, None).await.unwrap(), whole, "{back}");
        }
    });
}

#[test]
fn a_chain_that_was_forged_whole_differs_from_the_file() {
    run(async |app| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::start(app.pool.clone(), Some(AuditFile::open(&path).unwrap()));
        for _ in 0..3 {
            audit
                .write(Record { actor: Some(UserId::new()), ..Record::by_cli("test", "user:x".to_owned()) })
                .await;
        }
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let lines = || BufReader::new(std::fs::File::open(&path).unwrap());
        let values: Vec<serde_json::Value> =
            lines().lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        assert_eq!(values.len(), 3);
        for field in ["at", "actor", "actor_name", "address", "action", "object", "outcome", "id", "hash"] {
            assert!(values[0].get(field).is_some(), "{field}: {}", values[0]);
        }
        assert_eq!(verify(&app.pool, Some(&mut lines())).await.unwrap().fault, None);

        app.execute("alter table audit_log disable trigger keep_audit").await;
        app.execute("update audit_log set action = 'harmless' where id = 2").await;
        app.execute("update audit_log a set hash = audit_hash((select hash from audit_log where id = 1), a) where id = 2").await;
        app.execute("update audit_log a set hash = audit_hash((select hash from audit_log where id = 2), a) where id = 3").await;
        assert_eq!(verify(&app.pool, None).await.unwrap().fault, None);
        let found = verify(&app.pool, Some(&mut lines())).await.unwrap();
        assert_eq!(found.fault, Some(Fault::DiffersFromFile(2)));
    });
}

#[test]
fn records_that_are_too_old_go_and_the_others_still_fit_together() {
    run(async |app| {
        note(app, 6).await;
        // as if the first four had been written long ago
        app.execute("alter table audit_log disable trigger keep_audit").await;
        app.execute("update audit_log set at = at - interval '500 days' where id <= 4").await;
        for id in 1..=6 {
            let rehash = "update audit_log a set hash =
                audit_hash(coalesce((select hash from audit_log where id = $1 - 1), ''), a) where id = $1";
            sqlx::query(rehash).bind(id).execute(&app.pool).await.unwrap();
        }
        app.execute("update audit_chain set last_hash = (select hash from audit_log where id = 6)").await;
        app.execute("alter table audit_log enable trigger keep_audit").await;

        let mut conn = app.pool.acquire().await.unwrap();
        assert_eq!(store::audit::prune(&mut conn, 600).await.unwrap(), 0);
        assert_eq!(store::audit::prune(&mut conn, 400).await.unwrap(), 4);
        assert_eq!(store::audit::prune(&mut conn, 1).await.unwrap(), 0);
        drop(conn);
        note(app, 1).await;
        let found = verify(&app.pool, None).await.unwrap();
        assert_eq!((found.records, found.pruned_id, found.last.0, found.fault), (3, 4, 7, None));
    });
}

#[test]
fn any_number_of_records_at_once_are_numbered_without_gaps() {
    run(async |app| {
        let other = app.another_server();
        let writes = (0..200).map(|n| {
            let audit = if n % 2 == 0 { &app.services.audit } else { &other.services.audit };
            audit.write(Record::by_cli("test", n.to_string()))
        });
        futures::future::join_all(writes).await;
        let found = verify(&app.pool, None).await.unwrap();
        assert_eq!((found.records, found.last.0, found.fault), (200, 200, None));
    });
}
