//! Starting a lab: a session out of the reserve if there is one, otherwise a new one, within the operator's bounds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::ids::{LabSlug, SessionId, UserId};
use lectern_api::sessions::{Discarded, Session, StartSession};
use lectern_content::Lab;
use sqlx::PgConnection;

use super::environment::session_values;
use super::spec::{layout_word, names, secondary_names};
use super::{CLAIM_SECS, SessionError, Sessions, parameters};
use crate::cluster::SessionNames;
use crate::config::portal::LabSettings;
use crate::config::previews::PreviewSite;
use crate::lifecycle::Event;
use crate::report::chain;
use crate::store::StoreError;
use crate::store::sessions::transition::{Pick, Taker, hold, transition};
use crate::store::sessions::{NewSession, SessionRow, Terms, find_live, insert_session, reserve};

/// How long a start waits for another server that does something for the same person, or takes up room.
const OTHERS_WITHIN: Duration = Duration::from_secs(5);
/// How long it waits between two tries.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(30);
/// How many sessions of a person may be leaving beside those that they may run: who ends a lab and starts it again need
/// not wait until the old one is removed, and who does so in a loop does.
const LEAVING_BESIDE: i64 = 2;
/// The same for a person who may run any number.
const MOST_LEAVING: i64 = 4;

/// The outcome of one attempt to get a session.
enum Tried {
    Got(Box<Got>),
    /// It takes up new room, for which it must have its turn.
    NeedsRoom,
    /// Another server holds the right to do it.
    Elsewhere,
}

/// A session that a learner got.
enum Got {
    /// The learner had it already.
    Known(SessionRow),
    /// Out of the reserve.
    Taken(SessionRow),
    /// It is still to be made.
    New(SessionRow),
}

impl Sessions {
    /// Starts a lab for a learner. Returns the session, and whether it is a new one: a learner who already runs the lab gets
    /// that session.
    ///
    /// # Errors
    /// [`SessionError::UnknownLab`], [`SessionError::BrokenLab`], [`SessionError::BadParameter`],
    /// [`SessionError::NoRoom`], [`SessionError::TooMany`], [`SessionError::StillEnding`],
    /// [`SessionError::TooManyStarts`], [`SessionError::TooManyAtOnce`], [`SessionError::Busy`]. What goes wrong later shows
    /// in the session's state.
    pub async fn start_session(
        &self,
        user: UserId,
        request: StartSession,
    ) -> Result<(Session, bool), SessionError> {
        let lab = self.labs.find(&request.lab)?;
        let values = parameters::settle(&lab, request.parameters)?;
        let version = self.versions.version_of(&lab).await;
        match self.get_session(user, &lab, &values, &version).await? {
            Got::Known(row) => Ok((row.to_wire(), false)),
            Got::Taken(row) => {
                tracing::info!(session.id = %row.id, lab.slug = %lab.slug, "a learner takes a session of the reserve");
                let session = row.to_wire();
                self.renew_token_soon(row);
                Ok((session, true))
            }
            Got::New(row) => {
                tracing::info!(session.id = %row.id, lab.slug = %lab.slug, "a learner starts a lab");
                let session = row.to_wire();
                self.provisioner.spawn(row);
                Ok((session, true))
            }
        }
    }

    /// Gets a session, one request of the person after the other. Whoever waits does so without a connection.
    async fn get_session(
        &self,
        user: UserId,
        lab: &Arc<Lab>,
        values: &BTreeMap<String, String>,
        version: &str,
    ) -> Result<Got, SessionError> {
        let _turn = self.turns.of_person(user).await?;
        let (mut room, began) = (None, Instant::now());
        loop {
            let mut tx = self.pool.begin().await.map_err(StoreError::from)?;
            match self.find_or_make(&mut tx, user, lab, values, version, room.is_some()).await {
                Ok(Tried::Got(got)) => {
                    tx.commit().await.map_err(StoreError::from)?;
                    return Ok(*got);
                }
                Ok(Tried::NeedsRoom) => {
                    tx.rollback().await.map_err(StoreError::from)?;
                    room = Some(self.turns.at_room().await);
                }
                Ok(Tried::Elsewhere) => {
                    tx.rollback().await.map_err(StoreError::from)?;
                    if began.elapsed() > OTHERS_WITHIN {
                        return Err(SessionError::Busy);
                    }
                    tokio::time::sleep(TRY_AGAIN_AFTER).await;
                }
                // another server was quicker with another request of the same learner
                Err(SessionError::Store(error))
                    if error.violated_constraint() == Some("one_live_session_per_learner_and_lab") =>
                {
                    tx.rollback().await.map_err(StoreError::from)?;
                    let mut conn = self.pool.acquire().await.map_err(StoreError::from)?;
                    let row = find_live(&mut conn, user, &lab.slug).await?;
                    return Ok(Got::Known(row.ok_or(SessionError::UnknownSession)?));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn find_or_make(
        &self,
        tx: &mut PgConnection,
        user: UserId,
        lab: &Arc<Lab>,
        values: &BTreeMap<String, String>,
        version: &str,
        has_room_turn: bool,
    ) -> Result<Tried, SessionError> {
        let (slug, now) = (&lab.slug, self.clock.now());
        if !reserve::try_lock_starts_of(tx, user).await? {
            return Ok(Tried::Elsewhere);
        }
        if let Some(row) = find_live(tx, user, slug).await? {
            return Ok(Tried::Got(Box::new(Got::Known(row))));
        }
        let settings = self.portal.settings_of(slug, lab.spec.duration_secs);
        self.check_person(tx, user, now).await?;
        let terms = terms(settings);
        // what waits in reserve was set up with the lab's own values
        if *values == parameters::usual_values(lab)
            && let Some(row) = self.take_fit(tx, user, lab, version, terms, now).await?
        {
            reserve::record_start(tx, slug, true, now).await?;
            return Ok(Tried::Got(Box::new(Got::Taken(row))));
        }
        if settings.capacity.is_some() || self.portal.sessions.maximum.is_some() {
            if !has_room_turn {
                return Ok(Tried::NeedsRoom);
            }
            if !reserve::try_lock_room(tx).await? {
                return Ok(Tried::Elsewhere);
            }
            self.make_room(tx, lab, settings).await?;
        }
        let new =
            new_session(lab, Some(user), values.clone(), version.to_owned(), terms, &self.labs.previews);
        let row = insert_session(tx, &new, CLAIM_SECS).await?;
        reserve::record_start(tx, slug, false, now).await?;
        Ok(Tried::Got(Box::new(Got::New(row))))
    }

    /// A session of the reserve whose workbench is there. One whose workbench went is given up.
    async fn take_fit(
        &self,
        tx: &mut PgConnection,
        user: UserId,
        lab: &Lab,
        version: &str,
        terms: Terms,
        now: DateTime<Utc>,
    ) -> Result<Option<SessionRow>, SessionError> {
        let pick = Pick::Reserved { lab: &lab.slug, version };
        while let Some(held) = hold(tx, pick).await? {
            let row = held.row();
            // a kubelet reports a container that runs up to a second late: what is on its way is good enough
            let is_there = || self.cluster.find_workbench(&names(row)).is_some_and(|found| found.may_serve());
            if row.ready_at.is_none() || is_there() {
                return Ok(held.give_to(tx, Taker { user, terms, now }).await?);
            }
            tracing::warn!(session.id = %row.id, "a session of the reserve has lost its workbench");
            held.apply(tx, Event::Discarded { because: Discarded::Outdated }).await?;
        }
        Ok(None)
    }

    /// Checks that a person may start one more. What they ended counts as well, until nothing of it is left.
    async fn check_person(
        &self,
        tx: &mut PgConnection,
        user: UserId,
        now: DateTime<Utc>,
    ) -> Result<(), SessionError> {
        let maxima = self.portal.sessions;
        if let Some(most) = maxima.starts_per_hour {
            let an_hour = TimeDelta::hours(1);
            if let Some(first) = reserve::find_start_before(tx, user, most, now - an_hour).await? {
                let wait_secs = u64::try_from((first + an_hour - now).num_seconds()).unwrap_or(0).max(1);
                return Err(SessionError::TooManyStarts { most, wait_secs });
            }
        }
        let has = reserve::count_of_person(tx, user).await?;
        match if has.anonymous { maxima.anonymous } else { maxima.registered } {
            Some(most) if has.live >= i64::from(most) => Err(SessionError::TooMany(most)),
            Some(most) if has.live + has.leaving >= i64::from(most) + LEAVING_BESIDE => {
                Err(SessionError::StillEnding)
            }
            None if has.leaving >= MOST_LEAVING => Err(SessionError::StillEnding),
            _ => Ok(()),
        }
    }

    /// Makes sure that one more session has room, at the cost of the reserve if there is no other way.
    async fn make_room(
        &self,
        tx: &mut PgConnection,
        lab: &Lab,
        settings: LabSettings,
    ) -> Result<(), SessionError> {
        let taken = reserve::count_occupied(tx, &lab.slug).await?;
        let slug = &lab.slug;
        for (most, taken, only_this_lab) in
            [(settings.capacity, taken.lab, true), (self.portal.sessions.maximum, taken.total, false)]
        {
            let Some(most) = most.filter(|most| taken.fills(*most)) else { continue };
            // what is given up is leaving, and so takes up room for a while as well
            let helps = taken.live >= i64::from(most) && !taken.is_crowded(most);
            return match helps && discard_least_useful(tx, slug, only_this_lab).await? {
                true => Ok(()),
                false => Err(SessionError::NoRoom { lab: only_this_lab.then(|| slug.clone()), most }),
            };
        }
        Ok(())
    }

    /// Renews the token of a ready session that a learner took, in the background; this server's link comes with it.
    fn renew_token_soon(&self, row: SessionRow) {
        if !row.is_running() {
            return;
        }
        let provisioner = self.provisioner.clone();
        self.provisioner.runtime.spawn(async move {
            if let Err(error) = provisioner.renew_token(&row).await {
                tracing::warn!(session.id = %row.id, error = chain(&error), "failed to renew a token");
            }
        });
    }
}

/// Gives up one session of the reserve to make room. Returns whether there was one.
async fn discard_least_useful(
    tx: &mut PgConnection,
    lab: &LabSlug,
    only_this_lab: bool,
) -> Result<bool, StoreError> {
    let discarded = Event::Discarded { because: Discarded::MadeRoom };
    Ok(transition(tx, Pick::LeastUseful { lab, only_this_lab }, discarded).await?.is_some())
}

/// How long a session may run, as the database holds it.
pub(super) fn terms(settings: LabSettings) -> Terms {
    let secs = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    Terms {
        duration_secs: secs(settings.expires_secs),
        overtime_secs: secs(settings.overtime_secs),
        deadline_secs: secs(settings.deadline_secs),
        orphaned_secs: settings.orphaned_secs.map(secs),
    }
}

/// A session of a lab that is still to be made.
pub(super) fn new_session(
    lab: &Lab,
    user: Option<UserId>,
    parameters: BTreeMap<String, String>,
    lab_version: String,
    terms: Terms,
    site: &PreviewSite,
) -> NewSession {
    let id = SessionId::new();
    let names = SessionNames::generate(id, &lab.slug);
    let mut values = parameters.clone();
    values.extend(session_values(&id.to_string(), &names.namespace, lab, site));
    let layout = lab.spec.session.applications.terminal;
    NewSession {
        id,
        user,
        lab: lab.slug.clone(),
        lab_title: lab.title.clone(),
        secondary_namespaces: secondary_names(lab, &names.namespace, &values),
        namespace: names.namespace,
        workbench: names.workbench,
        parameters,
        pages: lab.pages.clone(),
        terminals: lab.spec.session.terminals().iter().filter_map(|name| name.parse().ok()).collect(),
        terminal_layout: layout_word(layout).to_owned(),
        checks_total: i32::try_from(lab.checks.len()).unwrap_or(i32::MAX),
        terms,
        lab_version,
        step: "Starting".to_owned(),
    }
}
