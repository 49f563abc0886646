//! What the reconciler does with sessions whose time is over, or whose server went away.

use chrono::{Duration, Utc};
use lectern_api::sessions::{EndReason, Session, SessionState};

use crate::support::client::Client;
use crate::support::stream::EventStream;
use crate::support::{Setting, TestApp, run_with};

/// The reconciler removes what belongs to no session of its database, so it must not see what other tests made.
fn alone() -> Setting {
    Setting { own_cluster: true, ..Setting::default() }
}

#[test]
fn a_session_ends_when_its_time_is_over_and_not_before() {
    run_with(alone(), async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let mut live = EventStream::open(&ada, &format!("/api/v1/sessions/{session}/events")).await;
        let _reconciling = app.reconcile();
        let first: Session = live.next("session").await;
        let SessionState::Running { expires_at, .. } = first.state else { panic!("{first:?}") };

        // another session that is ending shows that passes are made
        let grace = app.learner("grace").await;
        let other = app.running_session(grace.id()).await;
        let mut others = EventStream::open(&grace, &format!("/api/v1/sessions/{other}/events")).await;
        grace.delete(&format!("/api/v1/sessions/{other}")).await.expect(204);
        let over = |session: &Session| matches!(session.state, SessionState::Ended { .. });
        let ended: Session = others.wait_for("session", over).await;
        assert_eq!(ended.state, SessionState::Ended { reason: EndReason::Learner });
        let shown: Session = ada.get(&format!("/api/v1/sessions/{session}")).await.json();
        assert_eq!(shown.state, first.state);

        app.clock.advance(expires_at - Utc::now() + Duration::seconds(1));
        let expired: Session = live.wait_for("session", over).await;
        assert_eq!(expired.state, SessionState::Ended { reason: EndReason::Expired });
    });
}

#[test]
fn a_server_that_comes_back_takes_up_what_another_was_starting() {
    run_with(alone(), async |app| {
        let ada = app.learner("ada").await;
        let session = app.abandoned_session(ada.id()).await;
        let restarted = app.another_server();
        let mut live = EventStream::open(&ada, &format!("/api/v1/sessions/{session}/events")).await;
        let waiting = SessionState::Starting { step: "Waiting".to_owned() };
        assert_eq!(live.next::<Session>("session").await.state, waiting);

        let _reconciling = restarted.reconcile();
        // the first server's streams hear how the second one goes on
        let taken: Session = live.wait_for("session", |session: &Session| session.state != waiting).await;
        assert!(matches!(taken.state, SessionState::Starting { .. }), "{taken:?}");
        let claimed = "select count(*) from sessions where claimed_until > now() + interval '20 seconds'";
        assert_eq!(app.count(claimed).await, 1);
        ada.delete(&format!("/api/v1/sessions/{session}")).await.expect(204);
        let over = |session: &Session| matches!(session.state, SessionState::Ended { .. });
        live.wait_for("session", over).await;
    });
}

/// Ends a new session and waits until nothing is left of it.
async fn end_a_session(app: &TestApp, learner: &Client) {
    let session = app.running_session(learner.id()).await;
    let mut live = EventStream::open(learner, &format!("/api/v1/sessions/{session}/events")).await;
    learner.delete(&format!("/api/v1/sessions/{session}")).await.expect(204);
    live.wait_for("session", |session: &Session| matches!(session.state, SessionState::Ended { .. })).await;
}

#[test]
fn one_server_reconciles_and_when_it_goes_another_takes_over() {
    run_with(alone(), async |app| {
        let ada = app.learner("ada").await;
        let other = app.another_server();
        let first = app.reconcile();
        end_a_session(app, &ada).await;
        let _second = other.reconcile();
        end_a_session(app, &ada).await;
        let elected = "select count(*) from pg_locks join pg_database on pg_database.oid = database
                       where locktype = 'advisory' and granted and datname = current_database()";
        assert_eq!(app.count(elected).await, 1);
        drop(first);
        end_a_session(app, &ada).await;
    });
}
