//! The database itself: what is said when it cannot be used.

use std::error::Error as _;

use lectern_server::store::{self, StoreError};

use crate::support::environment::{block_on, server_url};
use crate::support::run;

#[test]
fn a_database_that_is_down_is_named_without_its_password() {
    block_on(async {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let error =
            store::connect(&format!("postgres://ada:hunter2@127.0.0.1:{port}/lectern")).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert!(error.is_unavailable() && error.source().is_some());
        let text = error.to_string();
        assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("check that"), "{text}");
        assert!(!format!("{text} {:?}", error.source()).contains("hunter2"));
    });
}

#[test]
fn a_url_that_is_none_is_said_to_be_none() {
    block_on(async {
        for url in ["", "not a url", "postgres://host:port/x"] {
            let error = store::connect(url).await.unwrap_err();
            assert!(matches!(error, StoreError::BadUrl(_)), "{url}: {error:?}");
            assert!(error.to_string().contains("postgres://user:password@host/database"), "{error}");
        }
    });
}

#[test]
fn a_database_that_does_not_exist_is_an_error_of_its_server() {
    block_on(async {
        let mut url = server_url();
        url.set_path("lectern_test_never_made");
        let error = store::connect(url.as_str()).await.unwrap_err();
        let StoreError::Unreachable { source, .. } = &error else { panic!("{error:?}") };
        assert!(source.to_string().contains("lectern_test_never_made"), "{source}");
    });
}

#[test]
fn a_schema_of_a_newer_lectern_is_left_alone() {
    run(async |app| {
        store::migrate(&app.pool).await.expect("a second time changes nothing");
        let added = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                     values (9999, 'from the future', true, '', 0)";
        app.execute(added).await;
        let tables = "select count(*) from information_schema.tables where table_schema = 'public'";
        let before = app.count(tables).await;
        let error = store::migrate(&app.pool).await.unwrap_err();
        assert!(matches!(error, StoreError::NewerSchema { version: 9999 }), "{error:?}");
        assert!(error.to_string().contains("9999") && error.to_string().contains("newer Lectern"), "{error}");
        assert_eq!(app.count(tables).await, before);
    });
}

#[test]
fn a_migration_that_fails_leaves_nothing_half_done() {
    run(async |app| {
        // as if the second migration had never run, and something stood in its way
        app.execute("drop table preview_grants, check_results, page_progress, progress_events, sessions")
            .await;
        app.execute("delete from _sqlx_migrations where version = 2").await;
        app.execute("create table page_progress (in_the_way int)").await;
        let error = store::migrate(&app.pool).await.unwrap_err();
        assert!(matches!(error, StoreError::Migrate(_)), "{error:?}");
        let sessions = "select count(*) from information_schema.tables where table_name = 'sessions'";
        assert_eq!(app.count(sessions).await, 0);
        app.execute("drop table page_progress").await;
        store::migrate(&app.pool).await.expect("with the way free it goes on");
        assert_eq!(app.count(sessions).await, 1);
    });
}
