//! Starting a lab: a session out of the reserve where there is one, else a new one, within the operator's bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use lectern_api::ids::{SessionId, UserId};
use lectern_api::sessions::{Session, StartSession};
use lectern_content::Lab;
use sqlx::PgConnection;

use super::environment::session_values;
use super::spec::{layout_word, names, secondary_names};
use super::{CLAIM_SECS, SessionError, Sessions, parameters};
use crate::cluster::SessionNames;
use crate::config::portal::LabSettings;
use crate::http::error::chain;
use crate::store::sessions::{NewSession, SessionRow, Terms, find_live, insert_session, reserve};

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
    /// Starts a lab for a learner; the session, and whether it is a new one. A learner who already runs the lab
    /// gets that session.
    ///
    /// # Errors
    /// [`SessionError::UnknownLab`], [`SessionError::BrokenLab`], [`SessionError::BadParameter`],
    /// [`SessionError::NoRoom`], [`SessionError::TooMany`], or the database's. What goes wrong later is told by the
    /// session's state.
    pub async fn start_session(
        &self,
        user: UserId,
        wish: StartSession,
    ) -> Result<(Session, bool), SessionError> {
        let lab = self.find_lab(&wish.lab)?;
        let values = parameters::settle(&lab, wish.parameters)?;
        let version = self.versions.version_of(&lab).await;
        let mut tx = self.pool.begin().await?;
        let got = self.find_or_make(&mut tx, user, &lab, values, version).await;
        let got = match got {
            Ok(got) => {
                tx.commit().await?;
                got
            }
            // another server was quicker with another request of the same learner
            Err(SessionError::Store(error))
                if error.violated_constraint() == Some("one_live_session_per_learner_and_lab") =>
            {
                tx.rollback().await?;
                let mut conn = self.pool.acquire().await?;
                Got::Known(find_live(&mut conn, user, &lab.slug).await?.ok_or(SessionError::UnknownSession)?)
            }
            Err(error) => return Err(error),
        };
        match got {
            Got::Known(row) => Ok((row.to_wire()?, false)),
            Got::Taken(row) => {
                tracing::info!(session.id = %row.session_id(), lab.slug = %lab.slug, "a learner takes a session of the reserve");
                let session = row.to_wire()?;
                self.welcome(row);
                Ok((session, true))
            }
            Got::New(row) => {
                tracing::info!(session.id = %row.session_id(), lab.slug = %lab.slug, "a learner starts a lab");
                let session = row.to_wire()?;
                self.spawn_provisioning(row);
                Ok((session, true))
            }
        }
    }

    async fn find_or_make(
        &self,
        tx: &mut PgConnection,
        user: UserId,
        lab: &Arc<Lab>,
        values: BTreeMap<String, String>,
        version: String,
    ) -> Result<Got, SessionError> {
        let (slug, now) = (&lab.slug, self.clock.now());
        reserve::lock_starts_of(tx, user).await?;
        if let Some(row) = find_live(tx, user, slug).await? {
            return Ok(Got::Known(row));
        }
        let settings = self.portal.settings_of(slug, lab.spec.duration_secs);
        self.check_person(tx, user).await?;
        let terms = terms(settings);
        // what waits in reserve was set up with the lab's own values
        if values == parameters::usual_values(lab)
            && let Some(row) = self.take_fit(tx, user, lab, &version, terms, now).await?
        {
            reserve::note_start(tx, slug, true, now).await?;
            return Ok(Got::Taken(row));
        }
        self.make_room(tx, lab, settings).await?;
        let new = new_session(lab, Some(user), values, version, terms)
            .map_err(|reason| SessionError::UnfitLab { lab: slug.clone(), reason })?;
        let row = insert_session(tx, &new, CLAIM_SECS).await?;
        reserve::note_start(tx, slug, false, now).await?;
        Ok(Got::New(row))
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
        while let Some(row) = reserve::take_reserved(tx, user, &lab.slug, version, terms, now).await? {
            // a kubelet reports a container that runs up to a second late: what is on its way is good enough
            let is_there =
                || self.cluster.find_workbench(&names(&row)).is_some_and(|found| found.may_serve());
            if !row.is_running() || is_there() {
                return Ok(Some(row));
            }
            tracing::warn!(session.id = %row.session_id(), "a session of the reserve has lost its workbench");
            reserve::give_up_taken(tx, row.session_id()).await?;
        }
        Ok(None)
    }

    async fn check_person(&self, tx: &mut PgConnection, user: UserId) -> Result<(), SessionError> {
        let maxima = self.portal.sessions;
        if maxima.registered.is_none() && maxima.anonymous.is_none() {
            return Ok(());
        }
        let (running, is_anonymous) = reserve::count_of_person(tx, user).await?;
        let most = if is_anonymous { maxima.anonymous } else { maxima.registered };
        match most {
            Some(most) if running >= i64::from(most) => Err(SessionError::TooMany(most)),
            _ => Ok(()),
        }
    }

    /// Sees to it that one more session has room, at the cost of the reserve where there is no other way.
    async fn make_room(
        &self,
        tx: &mut PgConnection,
        lab: &Lab,
        settings: LabSettings,
    ) -> Result<(), SessionError> {
        let maximum = self.portal.sessions.maximum;
        if settings.capacity.is_none() && maximum.is_none() {
            return Ok(());
        }
        reserve::lock_room(tx).await?;
        let taken = reserve::count_occupied(tx, &lab.slug).await?;
        let is_full = |most: Option<u32>, taken: i64| most.filter(|most| taken >= i64::from(*most));
        if let Some(capacity) = is_full(settings.capacity, taken.lab) {
            return match reserve::evict_reserved(tx, &lab.slug, true).await? {
                true => Ok(()),
                false => Err(SessionError::NoRoom { lab: Some(lab.slug.clone()), most: capacity }),
            };
        }
        if let Some(maximum) = is_full(maximum, taken.total) {
            return match reserve::evict_reserved(tx, &lab.slug, false).await? {
                true => Ok(()),
                false => Err(SessionError::NoRoom { lab: None, most: maximum }),
            };
        }
        Ok(())
    }

    /// What a learner who took a finished session gets in the background: a fresh token, and this server's link.
    fn welcome(&self, row: SessionRow) {
        if !row.is_running() {
            return;
        }
        let sessions = self.clone();
        self.runtime.spawn(async move {
            if let Err(error) = sessions.renew_token(&row).await {
                tracing::warn!(session.id = %row.session_id(), error = chain(&error), "a token was not renewed");
            }
        });
    }
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

/// A session of a lab that is still to be made, or what about the lab does not let it.
pub(super) fn new_session(
    lab: &Lab,
    user: Option<UserId>,
    parameters: BTreeMap<String, String>,
    lab_version: String,
    terms: Terms,
) -> Result<NewSession, String> {
    let id = SessionId::new();
    let names = SessionNames::generate(id, &lab.slug);
    let mut values = parameters.clone();
    values.extend(session_values(&id.to_string(), &names.namespace, lab));
    let layout = lab.spec.session.applications.terminal;
    Ok(NewSession {
        id,
        user,
        lab: lab.slug.clone(),
        lab_title: lab.title.clone(),
        secondary_namespaces: secondary_names(lab, &names.namespace, &values)?,
        namespace: names.namespace,
        workbench: names.workbench,
        parameters,
        pages: lab.pages.clone(),
        terminals: layout.sessions().iter().filter_map(|name| name.parse().ok()).collect(),
        terminal_layout: layout_word(layout).to_owned(),
        checks_total: i32::try_from(lab.checks.len()).unwrap_or(i32::MAX),
        terms,
        lab_version,
        step: "Starting".to_owned(),
    })
}
