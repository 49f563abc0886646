//! The reserve: sessions made ahead, so that a learner need not wait.
//!
//! What shall be made or given up is decided by a pure function, [`decide`]. A few are made at a time, fewer while
//! learners wait for sessions of their own.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::ids::SessionId;
use lectern_api::platform::Notice;
use lectern_api::sessions::Discarded;
use lectern_content::Lab;
use sqlx::{Acquire as _, PgConnection};

use super::Reconciler;
use crate::catalog::Viewer;
use crate::cluster::{ManagedSession, WorkbenchStatus};
use crate::config::portal::LabSettings;
use crate::lifecycle::Event;
use crate::sessions::start::{new_session, terms};
use crate::sessions::{CLAIM_SECS, SessionError, advance, parameters};
use crate::store::StoreError;
use crate::store::sessions::reserve::{self, PoolRow, Taken};
use crate::store::sessions::{SessionRow, insert_session};

/// How many sessions are being made at once, those that learners wait for included, before the reserve waits.
const AT_ONCE: usize = 4;
/// How long the watch may lag behind before a workbench that it does not show is taken to be gone.
const WATCH_LAG_SECS: i64 = 10;
/// After how many failures in a row operators are told.
const WORTH_TELLING: i32 = 3;

/// What a lab's reserve is to be like.
#[derive(Debug)]
struct Wanted {
    lab: String,
    version: String,
    settings: LabSettings,
    /// How many sessions learners have.
    in_use: usize,
    pool: Option<PoolRow>,
}

/// A session in reserve.
#[derive(Debug)]
struct Kept {
    id: SessionId,
    lab: String,
    version: String,
    is_ready: bool,
    /// Whether a learner could take it, as far as the cluster is concerned.
    is_fit: bool,
}

/// The operator's bounds on all labs together.
#[derive(Clone, Copy)]
struct Bounds {
    maximum: Option<u32>,
    /// How many sessions learners have, of all labs that there ever were.
    in_use: usize,
    /// How many labs of which the operator says nothing have one in reserve.
    unasked: usize,
    /// How many learners wait for a session that is being made.
    waiting: usize,
}

/// What to do about the reserve.
#[derive(Debug, Default, PartialEq, Eq)]
struct Decision {
    discard: Vec<(SessionId, Discarded)>,
    /// Indexes of labs, one for each session.
    make: Vec<usize>,
}

/// Decides what the reserve lacks and what it has too much of. `labs` are in the order in which they matter.
fn decide(labs: &[Wanted], kept: &[Kept], bounds: Bounds, now: DateTime<Utc>) -> Decision {
    let mut decision = Decision::default();
    let mut unasked = bounds.unasked;
    let mut lacking: Vec<usize> = vec![0; labs.len()];
    let (mut staying, mut known): (Vec<&Kept>, Vec<&Kept>) = (vec![], vec![]);
    for (index, wanted) in labs.iter().enumerate() {
        let target = target(wanted, &mut unasked);
        let of_lab = kept.iter().filter(|kept| kept.lab == wanted.lab);
        let (mut good, bad): (Vec<&Kept>, Vec<&Kept>) =
            of_lab.partition(|kept| kept.is_fit && kept.version == wanted.version);
        known.extend(&good);
        known.extend(&bad);
        decision.discard.extend(bad.iter().map(|kept| (kept.id, Discarded::Outdated)));
        // what is not ready yet goes first
        good.sort_by_key(|kept| kept.is_ready);
        let surplus = good.len().saturating_sub(target);
        decision.discard.extend(good.iter().take(surplus).map(|kept| (kept.id, Discarded::Surplus)));
        staying.extend(good[surplus..].iter().rev());
        let may_try = wanted.pool.as_ref().and_then(|pool| pool.retry_at).is_none_or(|at| at <= now);
        if may_try {
            lacking[index] = target.saturating_sub(good.len());
        }
    }
    let unknown = kept.iter().filter(|one| !known.iter().any(|known| known.id == one.id));
    decision.discard.extend(unknown.map(|kept| (kept.id, Discarded::LabGone)));

    let places = bounds.maximum.map_or(usize::MAX, |most| (most as usize).saturating_sub(bounds.in_use));
    let without_place = staying.split_off(staying.len().min(places));
    decision.discard.extend(without_place.iter().map(|kept| (kept.id, Discarded::NoRoom)));
    let room = places - staying.len();
    let making = kept.iter().filter(|kept| !kept.is_ready).count() + bounds.waiting;
    let mut most = room.min(AT_ONCE.saturating_sub(making));
    // in turn, so that a lab which wants many does not keep the others waiting
    while most > 0 && lacking.iter().any(|lacks| *lacks > 0) {
        for (index, lacks) in lacking.iter_mut().enumerate().filter(|(_, lacks)| **lacks > 0) {
            if most == 0 {
                break;
            }
            *lacks -= 1;
            most -= 1;
            decision.make.push(index);
        }
    }
    decision
}

/// How many sessions of a lab are to be in reserve.
fn target(wanted: &Wanted, unasked: &mut usize) -> usize {
    let usual = match wanted.settings.reserved {
        Some(reserved) => reserved as usize,
        None if *unasked > 0 => {
            *unasked -= 1;
            1
        }
        None => 0,
    };
    let initial = wanted.pool.as_ref().map_or(wanted.settings.initial, |pool| {
        // a number that the operator changed is about to be written
        if pool.initial == i32::try_from(wanted.settings.initial).unwrap_or(i32::MAX) {
            u32::try_from(pool.initial_left).unwrap_or(0)
        } else {
            wanted.settings.initial
        }
    });
    let room =
        wanted.settings.capacity.map_or(usize::MAX, |most| (most as usize).saturating_sub(wanted.in_use));
    usual.max(initial as usize).min(room)
}

impl Reconciler {
    /// Makes what the reserve lacks and gives up what it has too much of; the number of sessions that are being
    /// made from now on.
    pub(super) async fn fill_reserve(&self, conn: &mut PgConnection) -> Result<usize, SessionError> {
        let now = self.clock.now();
        let rows = reserve::list_reserved(conn).await?;
        let in_use = reserve::count_in_use(conn).await?;
        let (labs, wanted): (Vec<_>, Vec<_>) = self.wanted_labs(conn, &in_use).await?.into_iter().unzip();
        let bounds = Bounds {
            maximum: self.portal.sessions.maximum,
            in_use: in_use.iter().map(|used| used.starting + used.running).sum(),
            unasked: self.portal.reserved_labs() as usize,
            waiting: in_use.iter().map(|used| used.starting).sum(),
        };
        let decision = decide(&wanted, &self.kept(&rows, now), bounds, now);
        for (id, because) in decision.discard {
            // a learner may have taken it meanwhile, and then it stays
            if advance(&self.pool, id, Event::Discarded { because }).await?.is_some() {
                tracing::info!(session.id = %id, ?because, "a session of the reserve is given up");
            }
        }
        let mut made = 0;
        for index in decision.make {
            made += usize::from(self.make_ahead(conn, &labs[index], &wanted[index]).await?);
        }
        Ok(made)
    }

    /// All labs with what is known of their reserves, the one that was started last at first.
    async fn wanted_labs(
        &self,
        conn: &mut PgConnection,
        in_use: &[reserve::InUse],
    ) -> Result<Vec<(Arc<Lab>, Wanted)>, SessionError> {
        let mut pools: HashMap<String, PoolRow> =
            reserve::list_pools(conn).await?.into_iter().map(|pool| (pool.lab.clone(), pool)).collect();
        let mut labs = vec![];
        for summary in self.catalog.list_labs(Viewer::Learner) {
            let Some(Ok(lab)) = self.catalog.find_lab(&summary.slug) else { continue };
            let version = self.versions.version_of(&lab).await;
            if version.is_empty() {
                continue;
            }
            let settings = self.portal.settings_of(&lab.slug, lab.spec.duration_secs);
            let pool = pools.remove(lab.slug.as_str());
            let initial = i32::try_from(settings.initial).unwrap_or(i32::MAX);
            if initial != pool.as_ref().map_or(0, |pool| pool.initial) {
                reserve::set_initial(conn, &lab.slug, initial).await?;
            }
            let used = in_use.iter().find(|used| used.lab == lab.slug.as_str());
            let in_use = used.map_or(0, |used| used.starting + used.running);
            let wanted = Wanted { lab: lab.slug.to_string(), version, settings, in_use, pool };
            labs.push((lab, wanted));
        }
        let last_started_at = |wanted: &Wanted| wanted.pool.as_ref().and_then(|pool| pool.last_started_at);
        labs.sort_by_key(|(_, wanted)| std::cmp::Reverse(last_started_at(wanted)));
        Ok(labs)
    }

    /// The reserve as the database and the watches show it.
    fn kept(&self, rows: &[SessionRow], now: DateTime<Utc>) -> Vec<Kept> {
        let managed: HashMap<SessionId, ManagedSession> = match rows {
            [] => HashMap::new(),
            _ => self.cluster.list_managed().into_iter().map(|managed| (managed.session, managed)).collect(),
        };
        let kept = |row: &SessionRow| Kept {
            id: row.id,
            lab: row.lab.to_string(),
            version: row.lab_version.clone(),
            is_ready: row.ready_at.is_some(),
            is_fit: match row.ready_at {
                None => true,
                Some(at) => {
                    is_fit(managed.get(&row.id), row) || now - at < TimeDelta::seconds(WATCH_LAG_SECS)
                }
            },
        };
        rows.iter().map(kept).collect()
    }

    /// Begins to make a session of a lab ahead; whether there was room for it.
    async fn make_ahead(
        &self,
        conn: &mut PgConnection,
        lab: &Lab,
        wanted: &Wanted,
    ) -> Result<bool, SessionError> {
        let usual = parameters::usual_values(lab);
        let new = new_session(
            lab,
            None,
            usual,
            wanted.version.clone(),
            terms(wanted.settings),
            &self.provisioner.labs.previews,
        );
        let mut tx = conn.begin().await.map_err(StoreError::from)?;
        // learners start sessions meanwhile, and come first
        reserve::lock_room(&mut tx).await?;
        let taken = reserve::count_occupied(&mut tx, &lab.slug).await?;
        let is_full = |most: Option<u32>, taken: Taken| most.is_some_and(|most| taken.fills(most));
        if is_full(wanted.settings.capacity, taken.lab) || is_full(self.portal.sessions.maximum, taken.total)
        {
            return Ok(false);
        }
        let row = insert_session(&mut tx, &new, CLAIM_SECS).await?;
        tx.commit().await.map_err(StoreError::from)?;
        self.provisioner.spawn(row);
        Ok(true)
    }
}

/// Whether the cluster still has what a learner needs of a session in reserve.
fn is_fit(managed: Option<&ManagedSession>, row: &SessionRow) -> bool {
    let Some(managed) = managed else { return false };
    let namespace = managed.namespaces.iter().any(|n| n.name == row.namespace && n.deleting_since.is_none());
    let workbench = managed.workbenches.iter().any(WorkbenchStatus::may_serve);
    namespace && workbench
}

/// What operators are told of labs whose sessions cannot be made ahead.
pub(super) fn notice(pools: &[PoolRow]) -> Option<Notice> {
    let failing: Vec<&PoolRow> = pools.iter().filter(|pool| pool.failures >= WORTH_TELLING).collect();
    let first = failing.first()?;
    let others = match failing.len() - 1 {
        0 => String::new(),
        others => format!(" So it is with {others} more labs."),
    };
    Some(Notice {
        code: "reserve_failing".to_owned(),
        message: format!(
            "No session of the lab {} can be made ahead; learners will find the same. The last try said: {}{others}",
            first.lab, first.failure
        ),
    })
}

#[cfg(test)]
mod tests;
