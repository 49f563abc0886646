//! More time for a running session: how much, how often, and what a retry does.

use chrono::{Duration, Utc};
use lectern_api::ids::SessionId;
use lectern_api::sessions::{EndReason, ExtendSession, Session, SessionState};

use crate::support::client::{Answer, Client};
use crate::support::stream::EventStream;
use crate::support::{Setting, run, run_with};

type Instant = chrono::DateTime<Utc>;

async fn show(learner: &Client, session: SessionId) -> Session {
    learner.get(&format!("/api/v1/sessions/{session}")).await.json()
}

async fn extend(learner: &Client, session: SessionId, seen: Option<Instant>) -> Answer {
    let wish = ExtendSession { expires_at: seen };
    learner.post(&format!("/api/v1/sessions/{session}/extensions"), &wish).await
}

fn times(session: &Session) -> (Instant, Instant, Option<Instant>) {
    match session.state {
        SessionState::Running { expires_at, warn_at, extends_to } => (expires_at, warn_at, extends_to),
        _ => panic!("{session:?}"),
    }
}

#[test]
fn a_session_is_extended_by_its_overtime_until_its_deadline() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let id = app.running_session(ada.id()).await;
        let (first, warn_at, mut extends_to) = times(&show(&ada, id).await);
        assert_eq!(first - warn_at, Duration::minutes(5));
        for count in 1..=4 {
            assert_eq!(extends_to, Some(first + Duration::minutes(30) * count));
            let extended: Session = extend(&ada, id, None).await.expect(201).json();
            let (expires_at, _, next) = times(&extended);
            assert_eq!(Some(expires_at), extends_to);
            extends_to = next;
        }
        assert_eq!(extends_to, None);
        let problem = extend(&ada, id, None).await.problem(409, "no_more_time");
        assert!(problem.detail.contains("cannot be extended any further"), "{problem:?}");
        assert_eq!(times(&show(&ada, id).await).0, first + Duration::hours(2));
    });
}

#[test]
fn an_extension_that_is_sent_again_counts_once() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let id = app.running_session(ada.id()).await;
        let seen = times(&show(&ada, id).await).0;
        let answers = futures::future::join_all((0..6).map(|_| extend(&ada, id, Some(seen)))).await;
        let new = answers.iter().filter(|answer| answer.status == 201).count();
        for answer in answers {
            assert_eq!(times(&answer.json()).0, seen + Duration::minutes(30));
        }
        assert_eq!(new, 1);
    });
}

#[test]
fn a_session_that_does_not_run_is_not_extended() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let starting = app.abandoned_session(ada.id()).await;
        extend(&ada, starting, None).await.problem(409, "not_running");
        ada.delete(&format!("/api/v1/sessions/{starting}")).await.expect(204);
        extend(&ada, starting, None).await.problem(409, "not_running");
    });
}

#[test]
fn an_extended_session_outlives_its_first_end() {
    let alone = Setting { own_cluster: true, ..Setting::default() };
    run_with(alone, async |app| {
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let (hers, theirs) = (app.running_session(ada.id()).await, app.running_session(eve.id()).await);
        let first_end = times(&show(&eve, theirs).await).0;
        let mut live = EventStream::open(&ada, &format!("/api/v1/sessions/{hers}/events")).await;
        live.next::<Session>("session").await;
        let extended: Session = extend(&ada, hers, None).await.expect(201).json();
        // whoever looks on sees the new end at once
        assert_eq!(live.next::<Session>("session").await, extended);

        let mut other = EventStream::open(&eve, &format!("/api/v1/sessions/{theirs}/events")).await;
        app.clock.advance(first_end - Utc::now() + Duration::seconds(5));
        let _reconciling = app.reconcile();
        other
            .wait_for("session", |session: &Session| matches!(session.state, SessionState::Ended { .. }))
            .await;
        assert_eq!(show(&ada, hers).await.state, extended.state);
        app.clock.advance(Duration::minutes(31));
        let over: Session = live
            .wait_for("session", |session: &Session| matches!(session.state, SessionState::Ended { .. }))
            .await;
        assert_eq!(over.state, SessionState::Ended { reason: EndReason::Expired });
    });
}
