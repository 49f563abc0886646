//! Provisioning a session: objects in the cluster, then files, environment and set-up scripts in the workbench. Each step
//! may be repeated, by this server or another.

mod error;
mod notices;
mod references;
mod workbench;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_content::Lab;
use lectern_link::{Link, LinkError};
use sqlx::PgPool;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::labs::Labs;
use super::links::Links;
use super::spec::{names, session_spec};
use super::{CLAIM_SECS, SessionError, advance};
use crate::clock::Clock;
use crate::cluster::{Cluster, LearnerKubeconfig, Progress, SessionNames};
use crate::config::portal::Portal;
use crate::lifecycle::{Event, Phase};
use crate::report::chain;
use crate::store;
use crate::store::sessions::SessionRow;
pub(super) use error::ProvisionError;
use notices::Missing;
pub(super) use workbench::packed;
use workbench::{SET_UP_SECS, is_home_empty, prepare, put_files, setup_scripts, write_kubeconfig};

/// How long a workbench may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(300);
/// How long all of it may take, with the lab's set-up.
const TIMEOUT: Duration = Duration::from_secs(360 + SET_UP_SECS as u64);
/// How often what is only away is tried again, with a pause that grows each time: half a minute in all.
const MOST_RETRIES: u32 = 7;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often the claim on the work is renewed.
const CLAIM_EVERY: Duration = Duration::from_secs(10);
/// How long the learner's cluster token is good for; it is renewed long before.
const TOKEN_TTL: Duration = Duration::from_secs(2 * 60 * 60);

/// Takes sessions from their row to a workbench that is ready, and keeps what they need. Clones share it.
#[derive(Clone)]
pub struct Provisioner {
    pub(super) pool: PgPool,
    pub(super) clock: Clock,
    pub(super) cluster: Cluster,
    pub(super) labs: Labs,
    pub(super) portal: Arc<Portal>,
    pub(super) links: Arc<Links>,
    /// Where long work runs.
    pub(super) runtime: Handle,
}

impl Provisioner {
    /// Provisions a session that this server has claimed, in a task of its own.
    pub(super) fn spawn(&self, row: SessionRow) {
        let provisioner = self.clone();
        self.runtime.spawn(async move { provisioner.run(&row).await });
    }

    /// Provisions a session that this server has claimed, and records the outcome.
    async fn run(&self, row: &SessionRow) {
        let id = row.id;
        let outcome = tokio::select! {
            done = tokio::time::timeout(TIMEOUT, self.provision_with_retries(row)) => {
                done.unwrap_or(Err(ProvisionError::TooLate(TIMEOUT)))
            }
            lost = self.keep_claim(row) => Err(lost),
        };
        match outcome {
            Ok(Phase::Reserved { .. }) => {
                tracing::info!(session.id = %id, lab.slug = %row.lab, "a session is in reserve");
                self.record_outcome(row, None).await;
            }
            Ok(_) => tracing::info!(session.id = %id, "a session runs"),
            Err(ProvisionError::Ended) => {
                tracing::info!(session.id = %id, "a session was ended while it started");
            }
            Err(error) => self.record_failure(row, &error).await,
        }
    }

    /// Provisions, and tries again if something was only away for a moment: every step may be repeated.
    async fn provision_with_retries(&self, row: &SessionRow) -> Result<Phase, ProvisionError> {
        let (mut row, mut tries) = (row.clone(), 0);
        loop {
            match self.provision(&row).await {
                Err(error) if error.is_passing() && tries < MOST_RETRIES => {
                    let id = row.id;
                    tracing::warn!(session.id = %id, error = chain(&error), "provisioning a session again");
                    // fails where the database is away, too
                    let _ = advance(&self.pool, row.id, Event::Step("Trying once more".to_owned())).await;
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
        let id = row.id;
        tracing::warn!(session.id = %id, error = chain(error), "a session could not be started");
        self.links.forget(id).await;
        let reason = error.learner_message();
        if row.user_id.is_none() {
            self.record_outcome(row, Some(&reason)).await;
        }
        match advance(&self.pool, row.id, Event::Broke { reason }).await {
            // the reconciler removes what is left; this is only sooner
            Ok(_) => self.deprovision(&names(row)).await,
            // the claim runs out, and the reconciler provisions the session again
            Err(error) => {
                tracing::error!(session.id = %id, error = chain(&error), "failed to record that a session could not be started");
            }
        }
    }

    /// Records how provisioning a session ahead went.
    async fn record_outcome(&self, row: &SessionRow, failure: Option<&str>) {
        let noted = async {
            let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
            store::sessions::reserve::record_outcome(&mut conn, row.lab.as_str(), failure, self.clock.now())
                .await?;
            Ok::<_, SessionError>(())
        };
        if let Err(error) = noted.await {
            tracing::warn!(
                lab.slug = %row.lab,
                error = chain(&error),
                "failed to record the reserve's state"
            );
        }
    }

    /// Keeps extending this server's claim. Resolves once the session is no longer to be started.
    async fn keep_claim(&self, row: &SessionRow) -> ProvisionError {
        loop {
            tokio::time::sleep(CLAIM_EVERY).await;
            let renewed = async {
                let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
                store::sessions::claims::extend_claim(&mut conn, row.id, CLAIM_SECS).await
            };
            match renewed.await {
                Ok(true) => {}
                Ok(false) => return ProvisionError::Ended,
                Err(error) => tracing::warn!(error = chain(&error), "failed to extend a claim"),
            }
        }
    }

    async fn provision(&self, row: &SessionRow) -> Result<Phase, ProvisionError> {
        let lab = self.labs.find(&row.lab)?;
        // only the last step matters to somebody who waits
        let (steps, mut last_step) = watch::channel(String::new());
        let report = |step: &str| drop(steps.send_replace(step.to_owned()));
        let recording = async {
            while last_step.changed().await.is_ok() {
                let step = last_step.borrow_and_update().clone();
                match advance(&self.pool, row.id, Event::Step(step)).await {
                    Ok(Some(_)) => {}
                    Ok(None) => return ProvisionError::Ended,
                    Err(error) => {
                        tracing::warn!(error = chain(&error), "failed to record a provisioning step");
                    }
                }
            }
            std::future::pending().await
        };
        let link = tokio::select! {
            done = self.make(row, &lab, &report, false) => done?,
            ended = recording => return Err(ended),
        };
        self.links.find_or_open(row.id, async { Ok::<_, LinkError>(link) }).await?;
        let expires_at = self.clock.now() + TimeDelta::seconds(i64::from(row.duration_secs));
        let ready = advance(&self.pool, row.id, Event::Ready { expires_at }).await?;
        Ok(ready.ok_or(ProvisionError::Ended)?.phase().clone())
    }

    /// Makes everything that a session needs, each part as soon as what it depends on is there: the learner's namespace
    /// and token on one side, the workbench and its files on the other; then the set-up, which needs both. `is_again` if
    /// the learner has had a workbench already.
    async fn make(
        &self,
        row: &SessionRow,
        lab: &Arc<Lab>,
        report: Progress<'_>,
        is_again: bool,
    ) -> Result<Link, ProvisionError> {
        let names = names(row);
        let (spec, refusals) =
            session_spec(row, lab, &self.portal.allowances_of(&lab.slug), &self.labs.previews);
        let mut missing: Vec<Missing> =
            lab.left_out.iter().cloned().chain(refusals).map(Missing::from).collect();
        let objects = async {
            missing.extend(self.cluster.provision(&spec, report).await?.into_iter().map(Missing::from));
            self.record_missing(row, lab, &missing).await?;
            self.learner_token(row, lab).await
        };
        let workbench = async {
            let link = self.cluster.start_agent(&names, START_TIMEOUT, report, Link::connect).await?;
            report("Laying out the lab's files");
            // a home that the learner has worked in is theirs
            let is_kept = is_again && self.cluster.keeps_homes() && !is_home_empty(&link).await?;
            put_files(&link, lab, !is_kept).await?;
            Ok(link)
        };
        let (kubeconfig, link) = tokio::try_join!(objects, workbench)?;
        self.hand_over_token(row, &link, kubeconfig).await?;
        // what the learner did to the objects since does not count
        let row = &if is_again { row.clone() } else { self.resolve_references(row, lab).await? };
        if !setup_scripts(lab).is_empty() {
            report("Running the lab's set-up scripts");
        }
        self.prepare(&link, row, lab).await?;
        Ok(link)
    }

    /// Issues a token for the learner's tools. Returns `None` if the lab wants them to have none.
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

    /// Sends the environment and runs the set-up, and stores what the set-up's first run wrote: checks rely on that one,
    /// because the learner may have influenced a later one.
    async fn prepare(&self, link: &Link, row: &SessionRow, lab: &Arc<Lab>) -> Result<(), ProvisionError> {
        let set_up = prepare(link, row, lab, &self.labs.previews).await?;
        if row.set_up_env.is_none() && !setup_scripts(lab).is_empty() {
            let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
            store::sessions::keep_set_up_env(&mut conn, row.id, &set_up.env).await?;
        }
        self.record_failures(row, lab, &set_up.failures).await
    }

    async fn hand_over_token(
        &self,
        row: &SessionRow,
        link: &Link,
        kubeconfig: Option<LearnerKubeconfig>,
    ) -> Result<(), ProvisionError> {
        let Some(kubeconfig) = kubeconfig else { return Ok(()) };
        write_kubeconfig(link, kubeconfig.yaml).await?;
        self.record_token(row, kubeconfig.expires_at).await
    }

    async fn record_token(&self, row: &SessionRow, expires_at: DateTime<Utc>) -> Result<(), ProvisionError> {
        let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
        Ok(store::sessions::time::update_token_expiry(&mut conn, row.id, expires_at).await?)
    }

    /// Names another workbench in place of one that is no longer alive. Returns the row with the new name, or `None` if the
    /// old one still lives.
    pub(super) async fn replace_dead_workbench(
        &self,
        row: &SessionRow,
    ) -> Result<Option<SessionRow>, ProvisionError> {
        let place = names(row);
        if !self.cluster.remove_dead_workbench(&place).await? {
            return Ok(None);
        }
        let place = place.with_new_workbench();
        let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
        let replaced = store::sessions::claims::replace_workbench(&mut conn, place.session, &place.workbench);
        Ok(Some(replaced.await?.ok_or(ProvisionError::Ended)?))
    }

    /// Recreates the workbench of a running session after it was lost. Its home is as it was if homes are kept; otherwise
    /// the lab's files are laid out in it again.
    pub(super) async fn rebuild(&self, row: &SessionRow) -> Result<(), ProvisionError> {
        let lab = self.labs.find(&row.lab)?;
        self.links.forget(row.id).await;
        let link = self.make(row, &lab, &|_| {}, true).await?;
        self.links.find_or_open(row.id, async { Ok::<_, LinkError>(link) }).await?;
        Ok(())
    }

    /// Opens a link to a workbench that was provisioned before, by this server or another. Sending the environment and
    /// set-up again changes nothing, unless the workbench was restarted: then it is needed.
    ///
    /// A workbench that is being recreated is left alone: set-up must not run before the lab's files are there.
    pub(super) async fn open_link(&self, row: &SessionRow) -> Result<Link, ProvisionError> {
        let link = self.open_bare_link(row).await?;
        match self.labs.find(&row.lab) {
            Ok(lab) => self.prepare(&link, row, &lab).await?,
            // the terminals are worth having even when the lab is gone from the catalogue
            Err(error) => tracing::warn!(error = chain(&error), "a session's lab is gone"),
        }
        Ok(link)
    }

    /// Opens a link to a workbench that has been prepared.
    pub(super) async fn open_bare_link(&self, row: &SessionRow) -> Result<Link, ProvisionError> {
        // a caller that waited for another's attempt may hold the row as it was before
        let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
        let now = store::sessions::find_session(&mut conn, row.id).await?;
        drop(conn);
        if now.is_none_or(|now| now.rebuilding_until.is_some()) {
            return Err(ProvisionError::Rebuilding);
        }
        Ok(Link::connect(self.cluster.open_agent(&names(row)).await?).await?)
    }

    /// Renews the cluster token of a session in use or in reserve, which also opens this server's link to it.
    pub(super) async fn renew_token(&self, row: &SessionRow) -> Result<(), ProvisionError> {
        let kubeconfig = match self.labs.find(&row.lab) {
            Ok(lab) => self.learner_token(row, &lab).await?,
            // its learner still has kubectl
            Err(_) => Some(self.cluster.learner_kubeconfig(&names(row), TOKEN_TTL).await?),
        };
        let link = self.links.find_or_open(row.id, self.open_link(row)).await?;
        self.hand_over_token(row, &link, kubeconfig).await
    }

    /// Asks the cluster to delete a session's objects. A failure is logged: the reconciler tries again.
    pub(super) async fn deprovision(&self, names: &SessionNames) {
        if let Err(error) = self.cluster.deprovision(names).await {
            tracing::warn!(session.id = %names.session, error = chain(&error), "failed to remove a session's objects");
        }
    }
}
