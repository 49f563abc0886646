//! Making a session: objects in the cluster, then files, environment and set-up scripts in the workbench.

mod error;
mod workbench;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::labs::LabProblem;
use lectern_content::Lab;
use lectern_content::allow::Refusal;
use lectern_link::{Link, LinkError};
use tokio::sync::mpsc;

use super::lifecycle::{Event, Phase};
use super::spec::{names, session_spec};
use super::{CLAIM_SECS, SessionError, Sessions};
use crate::cluster::{LearnerKubeconfig, Progress};
use crate::report::chain;
use crate::store;
use crate::store::sessions::SessionRow;
pub(super) use error::ProvisionError;
pub(super) use workbench::packed;
use workbench::{is_home_empty, prepare, put_files, write_kubeconfig};

/// How long all of it may take.
const TIMEOUT: Duration = Duration::from_secs(300);
/// How often what is only away is tried again, with a pause that grows each time: half a minute in all.
const MOST_RETRIES: u32 = 7;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often the claim on the work is renewed.
const CLAIM_EVERY: Duration = Duration::from_secs(10);
/// How long the learner's cluster token is good for; it is renewed long before.
const TOKEN_TTL: Duration = Duration::from_secs(2 * 60 * 60);

impl Sessions {
    /// Provisions a session that this server has claimed, in a task of its own.
    pub(super) fn spawn_provisioning(&self, row: SessionRow) {
        let sessions = self.clone();
        self.runtime.spawn(async move { sessions.provision_to_the_end(&row).await });
    }

    /// Provisions a session that this server has claimed, and records what came of it.
    pub(super) async fn provision_to_the_end(&self, row: &SessionRow) {
        let id = row.session_id();
        let outcome = tokio::select! {
            done = tokio::time::timeout(TIMEOUT, self.provision_patiently(row)) => {
                done.unwrap_or(Err(ProvisionError::TooLate(TIMEOUT)))
            }
            lost = self.keep_claim(row) => Err(lost),
        };
        match outcome {
            Ok(Phase::Reserved { .. }) => {
                tracing::info!(session.id = %id, lab.slug = row.lab, "a session is in reserve");
                self.note_made(row, None).await;
            }
            Ok(_) => tracing::info!(session.id = %id, "a session runs"),
            Err(ProvisionError::Ended) => {
                tracing::info!(session.id = %id, "a session was ended while it started");
            }
            Err(error) => self.record_failure(row, &error).await,
        }
    }

    /// Provisions, and tries again what failed only because something was away for a moment: all of it may be
    /// repeated.
    async fn provision_patiently(&self, row: &SessionRow) -> Result<Phase, ProvisionError> {
        let (mut row, mut tries) = (row.clone(), 0);
        loop {
            match self.provision(&row).await {
                Err(error) if error.is_passing() && tries < MOST_RETRIES => {
                    let id = row.session_id();
                    tracing::warn!(session.id = %id, error = chain(&error), "a session is made once more");
                    // fails where the database is away, too
                    let _ = self.advance(&row, Event::Step("Trying once more".to_owned())).await;
                    tries += 1;
                    tokio::time::sleep(RETRY_AFTER * tries).await;
                    // the workbench may be what went; where that cannot be found out the next try says why
                    row = self.replace_dead_workbench(&row).await.ok().flatten().unwrap_or(row);
                }
                decided => return decided,
            }
        }
    }

    async fn record_failure(&self, row: &SessionRow, error: &ProvisionError) {
        let id = row.session_id();
        tracing::warn!(session.id = %id, error = chain(error), "a session could not be started");
        self.links.forget(id).await;
        let reason = error.learner_message();
        if row.user_id.is_none() {
            self.note_made(row, Some(&reason)).await;
        }
        match self.advance(row, Event::Broke { reason }).await {
            // the reconciler sees to what is left; this is only sooner
            Ok(_) => self.deprovision(&names(row)).await,
            // the claim runs out, and the reconciler takes the session up again
            Err(error) => {
                tracing::error!(session.id = %id, error = chain(&error), "a failure could not be recorded");
            }
        }
    }

    /// Notes how making a session ahead went.
    async fn note_made(&self, row: &SessionRow, failure: Option<&str>) {
        let noted = async {
            let mut conn = self.pool.acquire().await?;
            store::sessions::reserve::note_made(&mut conn, &row.lab, failure, self.clock.now()).await?;
            Ok::<_, SessionError>(())
        };
        if let Err(error) = noted.await {
            tracing::warn!(
                lab.slug = row.lab,
                error = chain(&error),
                "the reserve's state could not be noted"
            );
        }
    }

    /// Says that this server is still at work; resolves when the session is no longer to be started.
    async fn keep_claim(&self, row: &SessionRow) -> ProvisionError {
        loop {
            tokio::time::sleep(CLAIM_EVERY).await;
            let renewed = async {
                let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
                store::sessions::claims::extend_claim(&mut conn, row.session_id(), CLAIM_SECS).await
            };
            match renewed.await {
                Ok(true) => {}
                Ok(false) => return ProvisionError::Ended,
                Err(error) => tracing::warn!(error = chain(&error), "a claim could not be renewed"),
            }
        }
    }

    async fn provision(&self, row: &SessionRow) -> Result<Phase, ProvisionError> {
        let lab = self.lab_of(row)?;
        let (steps, mut told) = mpsc::unbounded_channel::<String>();
        let tell = |step: &str| {
            // fails only when nobody listens any more
            let _ = steps.send(step.to_owned());
        };
        let telling = async {
            while let Some(step) = told.recv().await {
                match self.advance(row, Event::Step(step)).await {
                    Ok(Some(_)) => {}
                    Ok(None) => return ProvisionError::Ended,
                    Err(error) => tracing::warn!(error = chain(&error), "a step could not be told"),
                }
            }
            std::future::pending().await
        };
        let link = tokio::select! {
            done = self.make(row, &lab, &tell, false) => done?,
            ended = telling => return Err(ended),
        };
        self.links.find_or_open(row.session_id(), async { Ok::<_, LinkError>(link) }).await?;
        let expires_at = self.clock.now() + TimeDelta::seconds(i64::from(row.duration_secs));
        self.advance(row, Event::Ready { expires_at }).await?.ok_or(ProvisionError::Ended)
    }

    /// Everything that makes a session, each part as soon as what it needs is there: the learner's namespace and
    /// token on one side, on the other the workbench and its files; then the set-up, which needs both. `is_again`
    /// where the learner has had a workbench already.
    async fn make(
        &self,
        row: &SessionRow,
        lab: &Arc<Lab>,
        tell: Progress<'_>,
        is_again: bool,
    ) -> Result<Link, ProvisionError> {
        let names = names(row);
        let (spec, refusals) = session_spec(row, lab, &self.portal.allowances_of(&lab.slug));
        self.note_refusals(row, lab, refusals);
        let objects = async {
            let refused = self.cluster.provision(&spec, tell).await?;
            let refused =
                refused.into_iter().map(|one| Refusal { object: one.object, reason: one.reason, kind: None });
            self.note_refusals(row, lab, refused.collect());
            self.learner_token(row, lab).await
        };
        let workbench = async {
            let link = self.cluster.start_agent(&names, TIMEOUT, tell, Link::connect).await?;
            tell("Laying out the lab's files");
            // what its learner has by now is theirs
            let is_kept = is_again && self.cluster.keeps_homes() && !is_home_empty(&link).await?;
            put_files(&link, lab, !is_kept).await?;
            Ok(link)
        };
        let (kubeconfig, link) = tokio::try_join!(objects, workbench)?;
        self.hand_over_token(row, &link, kubeconfig).await?;
        if !lab.setup_scripts.is_empty() {
            tell("Running the lab's set-up scripts");
        }
        self.prepare(&link, row, lab).await?;
        Ok(link)
    }

    /// Notes which of a lab's objects are left out of a session, for its author and for whoever runs the platform.
    fn note_refusals(&self, row: &SessionRow, lab: &Arc<Lab>, refusals: Vec<Refusal>) {
        let mut problems = Vec::new();
        for Refusal { object, reason, .. } in refusals {
            tracing::warn!(
                session.id = %row.session_id(),
                lab.slug = %lab.slug,
                lab.object = object,
                reason,
                "an object of a lab is left out"
            );
            problems.push(LabProblem {
                file: "resources/workshop.yaml".to_owned(),
                line: None,
                message: format!("In a session the lab's {object} is left out: {reason}"),
                hint: None,
            });
        }
        if !problems.is_empty() {
            self.catalog.note_left_out(lab, problems);
        }
    }

    /// A fresh token for the learner's tools, unless the lab wants them to have none.
    async fn learner_token(
        &self,
        row: &SessionRow,
        lab: &Lab,
    ) -> Result<Option<LearnerKubeconfig>, ProvisionError> {
        if !lab.spec.session.namespaces.token_enabled {
            return Ok(None);
        }
        Ok(Some(self.cluster.learner_kubeconfig(&names(row), TOKEN_TTL).await?))
    }

    /// Sends environment and set-up, and keeps what the set-up's first run wrote: by the second one its learner may
    /// have had a hand in it, and checks go by the first.
    async fn prepare(&self, link: &Link, row: &SessionRow, lab: &Lab) -> Result<(), ProvisionError> {
        let written = prepare(link, row, lab).await?;
        if row.set_up_env.is_none() && !lab.setup_scripts.is_empty() {
            let mut conn = self.pool.acquire().await?;
            store::sessions::keep_set_up_env(&mut conn, row.session_id(), &written).await?;
        }
        Ok(())
    }

    async fn hand_over_token(
        &self,
        row: &SessionRow,
        link: &Link,
        kubeconfig: Option<LearnerKubeconfig>,
    ) -> Result<(), ProvisionError> {
        let Some(kubeconfig) = kubeconfig else { return Ok(()) };
        write_kubeconfig(link, kubeconfig.yaml).await?;
        self.note_token(row, kubeconfig.expires_at).await
    }

    async fn note_token(&self, row: &SessionRow, expires_at: DateTime<Utc>) -> Result<(), ProvisionError> {
        let mut conn = self.pool.acquire().await?;
        Ok(store::sessions::time::update_token_expiry(&mut conn, row.session_id(), expires_at).await?)
    }

    /// Gives a session another workbench in place of one that is no longer alive: the row with its name, or none
    /// where the old one still is.
    pub(super) async fn replace_dead_workbench(
        &self,
        row: &SessionRow,
    ) -> Result<Option<SessionRow>, ProvisionError> {
        let place = names(row);
        if !self.cluster.remove_dead_workbench(&place).await? {
            return Ok(None);
        }
        let place = place.with_new_workbench();
        let mut conn = self.pool.acquire().await?;
        let replaced = store::sessions::claims::replace_workbench(&mut conn, place.session, &place.workbench);
        Ok(Some(replaced.await?.ok_or(ProvisionError::Ended)?))
    }

    /// Makes the workbench of a running session anew, which somebody took away. Its home is as it was where homes are
    /// kept; else the lab's own files are laid out in it again.
    pub(super) async fn rebuild(&self, row: &SessionRow) -> Result<(), ProvisionError> {
        let lab = self.lab_of(row)?;
        self.links.forget(row.session_id()).await;
        let link = self.make(row, &lab, &|_| {}, true).await?;
        self.links.find_or_open(row.session_id(), async { Ok::<_, LinkError>(link) }).await?;
        Ok(())
    }

    /// Opens a link to a workbench that was provisioned before, by this server or another. Sending the
    /// environment and set-up again changes nothing, unless the workbench was started anew: then it is needed.
    ///
    /// A workbench that is being made anew is left alone: set-up must not run before the lab's files are there.
    pub(super) async fn open_link(&self, row: &SessionRow) -> Result<Link, ProvisionError> {
        // who waited for another's attempt may know the row as it was before
        let mut conn = self.pool.acquire().await?;
        let now = store::sessions::find_session(&mut conn, row.session_id()).await?;
        drop(conn);
        if now.is_none_or(|now| now.rebuilding_until.is_some()) {
            return Err(ProvisionError::Rebuilding);
        }
        let link = Link::connect(self.cluster.open_agent(&names(row)).await?).await?;
        match self.lab_of(row) {
            Ok(lab) => self.prepare(&link, row, &lab).await?,
            // the terminals are worth having even when the lab is gone from the catalogue
            Err(error) => tracing::warn!(error = chain(&error), "a session's lab is gone"),
        }
        Ok(link)
    }

    /// Gives a session in use or in reserve a fresh cluster token, and so a link from this server.
    pub(super) async fn renew_token(&self, row: &SessionRow) -> Result<(), ProvisionError> {
        let kubeconfig = match self.lab_of(row) {
            Ok(lab) => self.learner_token(row, &lab).await?,
            // its learner still has kubectl
            Err(_) => Some(self.cluster.learner_kubeconfig(&names(row), TOKEN_TTL).await?),
        };
        let link = self.links.find_or_open(row.session_id(), self.open_link(row)).await?;
        self.hand_over_token(row, &link, kubeconfig).await
    }
}
