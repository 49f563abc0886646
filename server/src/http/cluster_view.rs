//! The cluster view: what runs in a session's namespaces, live; single objects; logs.
//!
//! Its streams end when the login ends or the session does. They are counted with the person's other streams.

use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{Bytes, Data, Json, Query};
use actix_web::{HttpResponse, Responder};
use lectern_api::cluster_view::{DeleteQuery, EditObject, LogLines, LogQuery, ObjectQuery};
use lectern_api::ids::SessionId;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep};

use super::ApiError;
use super::limits::Slot;
use super::paths::{At, ObjectPath, PodPath, SessionPath};
use super::services::Services;
use super::sse::{HEARTBEAT, event, respond};
use crate::cluster::view::{LogStream, Snapshot, View};
use crate::identity::Login;
use crate::report::chain;
use crate::sessions::SessionError;

/// The interval between heartbeats, each with a check that the stream may go on.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);
/// The pause after each piece of a log: one that floods is shown at some hundred kilobytes a second.
const LOG_PAUSE: Duration = Duration::from_millis(60);

/// `GET /api/v1/sessions/{id}/cluster/events`.
pub async fn follow_cluster(services: Data<Services>, path: SessionPath) -> Result<impl Responder, ApiError> {
    let At { caller, target } = path;
    let leave = Leave::open(services.clone(), caller.0, target)?;
    let view = services.workbenches.open_view(leave.login.user.id, target).await?;
    let pictures = view.follow();
    Ok(respond(Viewing { leave, pictures, sent: None, _view: view }, async |mut viewing| {
        let next = viewing.next().await?;
        Some((next, viewing))
    }))
}

/// `GET /api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}`.
pub async fn show_object(
    services: Data<Services>,
    path: ObjectPath,
    query: Query<ObjectQuery>,
) -> Result<impl Responder, ApiError> {
    let At { caller, target } = path;
    let text =
        services.workbenches.read_object(caller.id(), target.session, &target.object, query.values).await?;
    Ok(Json(text))
}

/// `PUT /api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}`.
pub async fn edit_object(
    services: Data<Services>,
    path: ObjectPath,
    body: Json<EditObject>,
) -> Result<impl Responder, ApiError> {
    let At { caller, target } = path;
    let text =
        services.workbenches.replace_object(caller.id(), target.session, &target.object, &body.yaml).await?;
    Ok(Json(text))
}

/// `DELETE /api/v1/sessions/{id}/cluster/objects/{kind}/{namespace}/{name}`.
pub async fn delete_object(
    services: Data<Services>,
    path: ObjectPath,
    query: Query<DeleteQuery>,
) -> Result<impl Responder, ApiError> {
    let At { caller, target } = path;
    let uid = query.into_inner().uid;
    services.workbenches.delete_object(caller.id(), target.session, &target.object, uid).await?;
    Ok(HttpResponse::NoContent())
}

/// `GET /api/v1/sessions/{id}/cluster/pods/{namespace}/{name}/logs`.
pub async fn follow_log(
    services: Data<Services>,
    path: PodPath,
    query: Query<LogQuery>,
) -> Result<impl Responder, ApiError> {
    let At { caller, target } = path;
    let leave = Leave::open(services.clone(), caller.0, target.session)?;
    let log =
        services.workbenches.follow_log(leave.login.user.id, target.session, &target.pod, &query).await?;
    Ok(respond(Some(Reading { leave, log, has_begun: false }), async |reading| {
        let mut reading = reading?;
        let (sent, goes_on) = reading.next().await?;
        Some((sent, goes_on.then_some(reading)))
    }))
}

/// The leave to have a stream, and its place among the person's.
struct Leave {
    services: Data<Services>,
    login: Login,
    session: SessionId,
    checks: Interval,
    _slot: Slot,
}

impl Leave {
    fn open(services: Data<Services>, login: Login, session: SessionId) -> Result<Self, ApiError> {
        let slot = services.edge.limits.open_stream(login.user.id)?;
        let mut checks = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { services, login, session, checks, _slot: slot })
    }

    /// Returns whether the stream may go on. A database that does not answer at the moment is no reason to end it.
    async fn is_given(&self) -> bool {
        match self.services.identity.find_login(&self.login.token.reveal()).await {
            Ok(None) => return false,
            Err(error) => tracing::warn!(error = chain(&error), "a stream's login could not be checked"),
            Ok(Some(_)) => {}
        }
        let access = self.services.workbenches.check_view_access(self.login.user.id, self.session).await;
        !matches!(
            access,
            Err(SessionError::UnknownSession | SessionError::NotRunning | SessionError::NoCluster)
        )
    }
}

/// A viewer of a session's namespaces.
struct Viewing {
    leave: Leave,
    pictures: watch::Receiver<Arc<Snapshot>>,
    /// The picture that the viewer has.
    sent: Option<Arc<Snapshot>>,
    _view: View,
}

impl Viewing {
    /// Returns what is sent next; `None` at the stream's end. A viewer that reads slowly misses pictures, but no change.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.sent.is_some() {
                tokio::select! {
                    biased;
                    _ = self.leave.checks.tick() => {
                        return self.leave.is_given().await.then(|| Bytes::from_static(HEARTBEAT));
                    }
                    changed = self.pictures.changed() => changed.ok()?,
                }
            }
            let picture = self.pictures.borrow_and_update().clone();
            let changes = picture.changes_since(self.sent.as_deref());
            let is_news = self.sent.as_deref().is_none_or(|sent| picture.differs_from(sent));
            self.sent = Some(picture);
            if is_news {
                return event("changes", &changes);
            }
        }
    }
}

/// A reader of a log.
struct Reading {
    leave: Leave,
    log: LogStream,
    has_begun: bool,
}

impl Reading {
    /// Returns what is sent next, and whether there may be more; `None` if the reader may have no more.
    async fn next(&mut self) -> Option<(Bytes, bool)> {
        if !std::mem::replace(&mut self.has_begun, true) {
            // a container that has written nothing yet has a log all the same
            return Some((Bytes::from_static(HEARTBEAT), true));
        }
        tokio::select! {
            biased;
            _ = self.leave.checks.tick() => {
                self.leave.is_given().await.then(|| (Bytes::from_static(HEARTBEAT), true))
            }
            lines = self.log.next() => match lines {
                Some(lines) => {
                    sleep(LOG_PAUSE).await;
                    Some((event("lines", &LogLines { lines })?, true))
                }
                None => Some((event("end", &LogLines::default())?, false)),
            },
        }
    }
}
