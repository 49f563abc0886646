//! Sessions: their rows, and the claims by which servers share the work on them.

use chrono::{DateTime, Utc};
use lectern_api::ids::{LabSlug, SessionId, TerminalName, UserId};
use lectern_api::page::PageLink;
use lectern_api::sessions::{Session, SessionState};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::{SESSION_CHANGES, StoreError};
use crate::sessions::lifecycle::Phase;

/// A row of `sessions`.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SessionRow {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: Uuid,
    /// The lab's slug.
    pub lab: String,
    lab_title: String,
    phase: String,
    note: String,
    /// The learner's namespace.
    pub namespace: String,
    /// The pod with the terminals.
    pub workbench: String,
    pages: Json<Vec<PageLink>>,
    terminals: Json<Vec<TerminalName>>,
    terminal_layout: String,
    /// How many checks the lab has.
    pub checks_total: i32,
    /// How long it may run.
    pub duration_secs: i32,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    /// When the learner's cluster token must be replaced.
    pub token_expires_at: Option<DateTime<Utc>>,
    /// The page last viewed.
    pub current_page: Option<String>,
    /// When the learner last did something.
    pub last_active_at: Option<DateTime<Utc>>,
}

impl SessionRow {
    /// Its id.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        SessionId(self.id)
    }

    /// Where it is in its life, with what belongs to that.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let note = self.note.clone();
        match (self.phase.as_str(), self.expires_at) {
            ("allocated", _) => Phase::Allocated { step: note },
            ("running", Some(expires_at)) => Phase::Running { expires_at },
            ("ending", _) => Phase::Ending { reason: note },
            ("ended", _) => Phase::Ended { reason: note },
            _ => Phase::Failed { reason: note },
        }
    }

    /// The session as its learner sees it; an error where the row holds a lab name that is none.
    ///
    /// # Errors
    /// [`StoreError::Statement`] (decoding).
    pub fn to_wire(&self) -> Result<Session, StoreError> {
        let lab: LabSlug =
            self.lab.parse().map_err(|error| StoreError::Statement(sqlx::Error::Decode(Box::new(error))))?;
        Ok(Session {
            id: self.session_id(),
            lab,
            lab_title: self.lab_title.clone(),
            state: SessionState::from(self.phase()),
            namespace: self.namespace.clone(),
            pages: self.pages.0.clone(),
            terminals: self.terminals.0.clone(),
            terminal_layout: self.terminal_layout.clone(),
            created_at: self.created_at,
        })
    }
}

/// What a new session is made of.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// Which lab.
    pub lab: LabSlug,
    /// The lab's title.
    pub lab_title: String,
    /// The learner's namespace.
    pub namespace: String,
    /// The pod with the terminals.
    pub workbench: String,
    /// The lab's table of contents.
    pub pages: Vec<PageLink>,
    /// Its terminals.
    pub terminals: Vec<TerminalName>,
    /// Their arrangement.
    pub terminal_layout: String,
    /// How many checks the lab has.
    pub checks_total: i32,
    /// How long it may run, in seconds.
    pub duration_secs: i32,
    /// The first step's text.
    pub step: String,
}

/// Adds a session that the caller works on until `claimed_until`.
///
/// # Errors
/// [`StoreError::Statement`]; with the constraint `one_live_session_per_learner_and_lab` where there is one.
pub async fn insert_session(
    conn: &mut PgConnection,
    new: &NewSession,
    claim_secs: i32,
) -> Result<SessionRow, StoreError> {
    let row = sqlx::query_as(
        "insert into sessions (id, user_id, lab, lab_title, phase, note, namespace, workbench, pages, terminals,
             terminal_layout, checks_total, duration_secs, claimed_until)
         values ($1, $2, $3, $4, 'allocated', $5, $6, $7, $8, $9, $10, $11, $12,
             now() + make_interval(secs => $13))
         returning *",
    )
    .bind(new.id.0)
    .bind(new.user.0)
    .bind(new.lab.as_str())
    .bind(&new.lab_title)
    .bind(&new.step)
    .bind(&new.namespace)
    .bind(&new.workbench)
    .bind(Json(&new.pages))
    .bind(Json(&new.terminals))
    .bind(&new.terminal_layout)
    .bind(new.checks_total)
    .bind(new.duration_secs)
    .bind(f64::from(claim_secs))
    .fetch_one(&mut *conn)
    .await?;
    announce(conn, new.id, new.user).await?;
    Ok(row)
}

/// The learner's live session of this lab.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_live(
    conn: &mut PgConnection,
    user: UserId,
    lab: &LabSlug,
) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from sessions where user_id = $1 and lab = $2 and phase in ('allocated', 'running')",
    )
    .bind(user.0)
    .bind(lab.as_str())
    .fetch_optional(conn)
    .await?)
}

/// The session, if this person owns it.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_owned(
    conn: &mut PgConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where id = $1 and user_id = $2")
        .bind(id.0)
        .bind(user.0)
        .fetch_optional(conn)
        .await?)
}

/// The session, if this person owns it or owns a class that its learner is enrolled in.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_visible(
    conn: &mut PgConnection,
    user: UserId,
    id: SessionId,
) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select s.* from sessions s where s.id = $1 and (s.user_id = $2 or exists (
             select from enrolments e join classes c on c.id = e.class_id
             where e.user_id = s.user_id and c.owner_id = $2))",
    )
    .bind(id.0)
    .bind(user.0)
    .fetch_optional(conn)
    .await?)
}

/// The session, whoever owns it: for the reconciler.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn find_session(conn: &mut PgConnection, id: SessionId) -> Result<Option<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where id = $1").bind(id.0).fetch_optional(conn).await?)
}

/// A person's sessions that are not over, and the last fifty that are, newest first.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_owned(conn: &mut PgConnection, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "select * from sessions where user_id = $1
         order by phase in ('allocated', 'running', 'ending') desc, created_at desc limit 50",
    )
    .bind(user.0)
    .fetch_all(conn)
    .await?)
}

/// Writes a session's new phase, if it is still in the phase `from`; whether it was.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn update_phase(
    conn: &mut PgConnection,
    id: SessionId,
    from: &Phase,
    to: &Phase,
) -> Result<bool, StoreError> {
    let (note, expires_at) = match to {
        Phase::Allocated { step } => (step.as_str(), None),
        Phase::Running { expires_at } => ("", Some(*expires_at)),
        Phase::Ending { reason } | Phase::Ended { reason } | Phase::Failed { reason } => {
            (reason.as_str(), None)
        }
    };
    let user: Option<Uuid> = sqlx::query_scalar(
        "update sessions set phase = $3, note = $4, expires_at = coalesce($5, expires_at),
             running_at = case when $3 = 'running' then coalesce(running_at, now()) else running_at end,
             ended_at = case when $3 in ('ended', 'failed') then now() else ended_at end
         where id = $1 and phase = $2 returning user_id",
    )
    .bind(id.0)
    .bind(from.name())
    .bind(to.name())
    .bind(note)
    .bind(expires_at)
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(user) = user {
        announce(conn, id, UserId(user)).await?;
    }
    Ok(user.is_some())
}

/// Keeps the claim on an allocated session for another while; whether it still is one.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn extend_claim(
    conn: &mut PgConnection,
    id: SessionId,
    claim_secs: i32,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update sessions set claimed_until = now() + make_interval(secs => $2)
         where id = $1 and phase = 'allocated'",
    )
    .bind(id.0)
    .bind(f64::from(claim_secs))
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Claims allocated sessions whose server stopped working on them.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn claim_abandoned(
    conn: &mut PgConnection,
    claim_secs: i32,
) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as(
        "update sessions set claimed_until = now() + make_interval(secs => $1)
         where id in (select id from sessions where phase = 'allocated' and claimed_until < now()
                      order by created_at limit 20 for update skip locked)
         returning *",
    )
    .bind(f64::from(claim_secs))
    .fetch_all(conn)
    .await?)
}

/// The running sessions whose time is over.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_expired(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where phase = 'running' and expires_at <= $1 limit 200")
        .bind(now)
        .fetch_all(conn)
        .await?)
}

/// The sessions whose objects are to be removed.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_ending(conn: &mut PgConnection) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where phase = 'ending' limit 500").fetch_all(conn).await?)
}

/// The running sessions whose cluster token runs out before `before`.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_stale_tokens(
    conn: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<Vec<SessionRow>, StoreError> {
    Ok(sqlx::query_as("select * from sessions where phase = 'running' and token_expires_at < $1 limit 50")
        .bind(before)
        .fetch_all(conn)
        .await?)
}

/// Notes when the learner's cluster token must be replaced.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn update_token_expiry(
    conn: &mut PgConnection,
    id: SessionId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update sessions set token_expires_at = $2 where id = $1")
        .bind(id.0)
        .bind(at)
        .execute(conn)
        .await?;
    Ok(())
}

/// Of these sessions, those that may still have objects in the cluster.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn list_unfinished_among(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    Ok(sqlx::query_scalar(
        "select id from sessions where id = any($1) and phase in ('allocated', 'running', 'ending')",
    )
    .bind(ids)
    .fetch_all(conn)
    .await?)
}

/// Tells all servers that something about a session changed, when the transaction commits.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn announce(conn: &mut PgConnection, id: SessionId, user: UserId) -> Result<(), StoreError> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(SESSION_CHANGES)
        .bind(format!("{id} {user}"))
        .execute(conn)
        .await?;
    Ok(())
}

/// Tries to become the one server that reconciles, for as long as this connection lives; whether it is.
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn try_elect(conn: &mut PgConnection) -> Result<bool, StoreError> {
    // any number will do, as long as nothing else in this database takes it
    const RECONCILER_LOCK: i64 = 0x1ec7_e5e5;
    Ok(sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(RECONCILER_LOCK).fetch_one(conn).await?)
}
