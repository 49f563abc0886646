//! Live changes of a session's files, as server-sent events.
//!
//! A stream begins with `ready`, since what changed before is not told; `change` follows for each. It ends with the link
//! to the workbench, with the login or with the session; the browser's `EventSource` then opens another.

use std::time::Duration;

use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use lectern_api::agent::MAX_WATCHED;
use lectern_api::ids::SessionId;
use lectern_link::Watch;
use serde_json::json;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use url::form_urlencoded;

use super::ApiError;
use super::limits::Slot;
use super::paths::SessionPath;
use super::services::Services;
use super::sse::{HEARTBEAT, event, respond};
use crate::identity::Login;
use crate::report::chain;
use crate::sessions::SessionError;

/// The interval between heartbeats, each with a check that the stream may go on.
const CHECK_INTERVAL: Duration = Duration::from_secs(15);

struct Follower {
    services: Data<Services>,
    login: Login,
    session: SessionId,
    watch: Watch,
    checks: Interval,
    /// Counts the stream among the person's open ones.
    _slot: Slot,
}

/// `GET /api/v1/sessions/{id}/files/changes?path=…&path=…`: the entries of these folders, but not what is below them.
pub async fn follow_folders(
    services: Data<Services>,
    req: HttpRequest,
    at: SessionPath,
) -> Result<HttpResponse, ApiError> {
    let login = at.caller.0;
    let paths = form_urlencoded::parse(req.query_string().as_bytes())
        .filter_map(|(key, path)| (key == "path").then(|| path.into_owned()))
        .collect::<Vec<_>>();
    if paths.is_empty() || paths.len() > MAX_WATCHED {
        return Err(ApiError::BadRequest(format!("name 1 to {MAX_WATCHED} folders, each as path=…")));
    }
    let slot = services.edge.limits.open_stream(login.user.id)?;
    let watch = services.workbenches.watch_folders(login.user.id, at.target, paths).await?;
    let mut checks = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let follower = Follower { services, login, session: at.target, watch, checks, _slot: slot };
    Ok(respond((follower, true), |(mut follower, is_new)| async move {
        let sent = if is_new { event("ready", &json!({}))? } else { follower.next().await? };
        Some((sent, (follower, false)))
    }))
}

impl Follower {
    /// Waits for what to send next; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        tokio::select! {
            // the check comes first, so that a flood of changes cannot postpone it
            biased;
            _ = self.checks.tick() => self.is_allowed().await.then(|| Bytes::from_static(HEARTBEAT)),
            change = self.watch.next() => match change {
                Ok(change) => event("change", &change?),
                Err(error) => {
                    tracing::debug!(error = chain(&error), "a watch on files ended");
                    None
                }
            },
        }
    }

    async fn is_allowed(&self) -> bool {
        let login = self.services.identity.find_login(&self.login.token.reveal()).await;
        let access = self.services.workbenches.check_file_access(self.login.user.id, self.session).await;
        // a database that does not answer right now is no reason
        !matches!(login, Ok(None))
            && !matches!(access, Err(SessionError::UnknownSession | SessionError::NotRunning))
    }
}
