//! The only place that writes a session's phase. It holds the row, asks the pure machine what follows, and writes that.

use chrono::{DateTime, Utc};
use lectern_api::ids::{LabSlug, SessionId, UserId};
use lectern_api::sessions::EndReason;
use sqlx::PgConnection;
use sqlx::types::Json;

use super::{SessionRow, Terms, announce, query_sessions};
use crate::lifecycle::{Event, Phase};
use crate::store::StoreError;

/// Which session is to change.
#[derive(Clone, Copy, Debug)]
pub enum Pick<'a> {
    /// This one.
    One(SessionId),
    /// This one, if the person has it.
    Owned(UserId, SessionId),
    /// The one that a learner of the lab gets out of the reserve: a ready one before one that is being made.
    Reserved {
        /// Of which lab.
        lab: &'a LabSlug,
        /// Only those that were made of these files of it.
        version: &'a str,
    },
    /// The one of the reserve that is missed least, one of this lab first.
    LeastUseful {
        /// The lab that needs room.
        lab: &'a LabSlug,
        /// Whether a session of another lab is of no use.
        only_this_lab: bool,
    },
}

/// A session whose row this transaction holds until its end, so that nobody else changes its phase meanwhile.
#[derive(Debug)]
pub struct Held(SessionRow);

/// Who takes a session out of the reserve, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Taker {
    pub user: UserId,
    pub terms: Terms,
    /// When the learner started it.
    pub now: DateTime<Utc>,
}

/// Takes hold of a session. A pick out of the reserve skips those that another transaction holds, so that any number of
/// servers may pick at the same time and none gets what another got; the others wait. Returns `None` if there is none.
///
/// Call it in a transaction: outside of one the hold ends at once.
pub async fn hold(tx: &mut PgConnection, pick: Pick<'_>) -> Result<Option<Held>, StoreError> {
    let row = match pick {
        Pick::One(id) => {
            query_sessions!("select", "from sessions where id = $1 for update", id.0)
                .fetch_optional(tx)
                .await?
        }
        Pick::Owned(user, id) => {
            query_sessions!("select", "from sessions where id = $1 and user_id = $2 for update", id.0, user.0)
                .fetch_optional(tx)
                .await?
        }
        Pick::Reserved { lab, version } => {
            query_sessions!(
                "select",
                "from sessions where phase = 'reserved' and lab = $1 and lab_version = $2
                 order by ready_at nulls last, created_at limit 1 for update skip locked",
                lab.as_str(),
                version
            )
            .fetch_optional(tx)
            .await?
        }
        Pick::LeastUseful { lab, only_this_lab } => {
            query_sessions!(
                "select",
                "from sessions where phase = 'reserved' and (lab = $1 or not $2)
                 order by lab = $1 desc, ready_at desc nulls first limit 1 for update skip locked",
                lab.as_str(),
                only_this_lab
            )
            .fetch_optional(tx)
            .await?
        }
    };
    Ok(SessionRow::read_one(row)?.map(Held))
}

impl Held {
    /// The session as it is now.
    #[must_use]
    pub fn row(&self) -> &SessionRow {
        &self.0
    }

    /// Applies an event. Returns the session as it is after it, or `None` if the event means nothing in its phase.
    pub async fn apply(self, tx: &mut PgConnection, event: Event) -> Result<Option<SessionRow>, StoreError> {
        match self.0.phase().after(event) {
            Some(next) => write(tx, &self.0, &next, None).await.map(Some),
            None => Ok(None),
        }
    }

    /// Gives a session of the reserve to a learner: one that is ready runs at once, with all its time before it. Returns
    /// `None` if it is no longer in the reserve.
    ///
    /// # Errors
    /// With the constraint `one_live_session_per_learner_and_lab` if the learner has one of this lab.
    pub async fn give_to(
        self,
        tx: &mut PgConnection,
        taker: Taker,
    ) -> Result<Option<SessionRow>, StoreError> {
        let expires_at = taker.now + chrono::TimeDelta::seconds(taker.terms.duration_secs.into());
        match self.0.phase().after(Event::Taken { expires_at }) {
            Some(next) => write(tx, &self.0, &next, Some(taker)).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Holds the picked session and applies an event to it. Returns the session as it is after it, or `None` if there is no
/// such session or the event means nothing in its phase.
pub async fn transition(
    tx: &mut PgConnection,
    pick: Pick<'_>,
    event: Event,
) -> Result<Option<SessionRow>, StoreError> {
    match hold(tx, pick).await? {
        Some(held) => held.apply(tx, event).await,
        None => Ok(None),
    }
}

/// What the columns `note` and `end_reason` hold in a phase. Releases before 0.2 read only the note.
fn words(phase: &Phase) -> (String, Option<&EndReason>) {
    match phase {
        Phase::Reserved { step } => (step.clone().unwrap_or_default(), None),
        Phase::Allocated { step } => (step.clone(), None),
        Phase::Running { .. } => (String::new(), None),
        Phase::Ending { reason } | Phase::Ended { reason } => (sentence(reason), Some(reason)),
        Phase::Failed { reason } => (reason.clone(), None),
    }
}

/// The sentence that a release before 0.2 shows for a reason.
fn sentence(reason: &EndReason) -> String {
    match reason {
        EndReason::Learner => "ended by the learner".to_owned(),
        EndReason::Expired => "its time was over".to_owned(),
        EndReason::Abandoned { minutes } => format!("nobody was there for {minutes} minutes"),
        EndReason::AccountDeleted => "the account was deleted".to_owned(),
        EndReason::AccountDisabled => "the account was disabled".to_owned(),
        EndReason::WorkbenchLost { detail } => {
            format!("its workbench was lost and cannot be recreated: {detail}")
        }
        EndReason::Discarded { .. } => "it was of no more use in the reserve".to_owned(),
        EndReason::Other { text } => text.clone(),
    }
}

async fn write(
    tx: &mut PgConnection,
    before: &SessionRow,
    next: &Phase,
    taker: Option<Taker>,
) -> Result<SessionRow, StoreError> {
    let (note, reason) = words(next);
    let expires_at = match next {
        Phase::Running { expires_at } => Some(*expires_at),
        _ => None,
    };
    let row = query_sessions!(
        "update sessions set phase = $2, note = $3, end_reason = $4, expires_at = coalesce($5, expires_at),
             ready_at = case when $6 then coalesce(ready_at, now()) else ready_at end,
             user_id = coalesce($7, user_id), created_at = coalesce($8, created_at),
             duration_secs = coalesce($9, duration_secs), overtime_secs = coalesce($10, overtime_secs),
             deadline_secs = coalesce($11, deadline_secs),
             orphaned_secs = case when $7 is null then orphaned_secs else $12 end,
             running_at = case when $2 = 'running' then coalesce(running_at, $8,
                 $5 - make_interval(secs => duration_secs)) else running_at end,
             ended_at = case when $2 in ('ended', 'failed') then now() else ended_at end
         where id = $1 returning",
        "",
        before.id.0,
        phase_word(next),
        note,
        reason.map(Json) as _,
        expires_at,
        matches!(next, Phase::Reserved { step: None } | Phase::Running { .. }),
        taker.map(|taker| taker.user.0),
        taker.map(|taker| taker.now),
        taker.map(|taker| taker.terms.duration_secs),
        taker.map(|taker| taker.terms.overtime_secs),
        taker.map(|taker| taker.terms.deadline_secs),
        taker.and_then(|taker| taker.terms.orphaned_secs)
    )
    .fetch_one(&mut *tx)
    .await?;
    let row = SessionRow::try_from(row)?;
    announce(tx, row.id, row.user_id.map(UserId)).await?;
    Ok(row)
}

/// The word by which the database knows a phase.
pub(super) fn phase_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Reserved { .. } => "reserved",
        Phase::Allocated { .. } => "allocated",
        Phase::Running { .. } => "running",
        Phase::Ending { .. } => "ending",
        Phase::Ended { .. } => "ended",
        Phase::Failed { .. } => "failed",
    }
}
