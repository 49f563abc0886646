//! Making a session: objects in the cluster, then files, environment and set-up scripts in the workbench.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::agent::{Reply, Request};
use lectern_content::Lab;
use lectern_link::{Link, LinkError};
use tokio::sync::mpsc;
use tokio_util::io::SyncIoBridge;

use super::environment::{HOME, WORKSHOP, shell_environment, working_dir};
use super::lifecycle::Event;
use super::spec::{names, session_spec};
use super::{CLAIM_SECS, SessionError, Sessions};
use crate::cluster::ClusterError;
use crate::http::error::chain;
use crate::store::sessions::SessionRow;
use crate::store::{self, StoreError};

/// How long all of it may take.
const TIMEOUT: Duration = Duration::from_secs(300);
/// How often the claim on the work is renewed.
const CLAIM_EVERY: Duration = Duration::from_secs(10);
/// How long the lab's set-up scripts may run.
const SET_UP_SECS: u32 = 180;
/// How long the learner's cluster token is good for; it is renewed long before.
const TOKEN_TTL: Duration = Duration::from_secs(2 * 60 * 60);
/// How much of a lab's files is under way to the workbench at a time, in bytes.
const FILES_UNDER_WAY: usize = 256 * 1024;

/// Why a session could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProvisionError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("the connection to the workbench failed")]
    Link(#[from] LinkError),
    #[error("the workbench refused: {0}")]
    Agent(String),
    #[error("the lab's files could not be packed")]
    Files(#[source] std::io::Error),
    #[error("a set-up script of the lab failed: {0}")]
    SetUp(String),
    #[error("it did not start within {} minutes", TIMEOUT.as_secs() / 60)]
    TooLate,
    #[error("it was ended while it started")]
    Ended,
    #[error(transparent)]
    Session(Box<SessionError>),
}

impl From<SessionError> for ProvisionError {
    fn from(error: SessionError) -> Self {
        Self::Session(Box::new(error))
    }
}

impl From<StoreError> for ProvisionError {
    fn from(error: StoreError) -> Self {
        SessionError::from(error).into()
    }
}

impl Sessions {
    /// Provisions a session that this server has claimed, in a task of its own.
    pub(super) fn spawn_provisioning(&self, row: SessionRow) {
        let sessions = self.clone();
        self.runtime.spawn(async move {
            let id = row.session_id();
            let outcome = tokio::select! {
                done = tokio::time::timeout(TIMEOUT, sessions.provision(&row)) => {
                    done.unwrap_or(Err(ProvisionError::TooLate))
                }
                lost = sessions.keep_claim(&row) => Err(lost),
            };
            match outcome {
                Ok(()) => tracing::info!(session.id = %id, "a session runs"),
                Err(ProvisionError::Ended) => {
                    tracing::info!(session.id = %id, "a session was ended while it started");
                }
                Err(error) => sessions.record_failure(&row, &error).await,
            }
        });
    }

    async fn record_failure(&self, row: &SessionRow, error: &ProvisionError) {
        let id = row.session_id();
        tracing::warn!(session.id = %id, error = chain(error), "a session could not be started");
        self.links.forget(id).await;
        let reason = chain(error);
        if let Err(error) = self.advance(row, Event::Broke { reason }).await {
            // the claim runs out, and the reconciler takes the session up again
            tracing::error!(session.id = %id, error = chain(&error), "a failure could not be recorded");
        }
    }

    /// Says that this server is still at work; resolves when the session is no longer to be started.
    async fn keep_claim(&self, row: &SessionRow) -> ProvisionError {
        loop {
            tokio::time::sleep(CLAIM_EVERY).await;
            let renewed = async {
                let mut conn = self.pool.acquire().await.map_err(StoreError::from)?;
                store::sessions::extend_claim(&mut conn, row.session_id(), CLAIM_SECS).await
            };
            match renewed.await {
                Ok(true) => {}
                Ok(false) => return ProvisionError::Ended,
                Err(error) => tracing::warn!(error = chain(&error), "a claim could not be renewed"),
            }
        }
    }

    async fn provision(&self, row: &SessionRow) -> Result<(), ProvisionError> {
        let lab = self.lab_of(row)?;
        let spec = session_spec(row, &lab);
        let names = names(row);
        let (steps, mut told) = mpsc::unbounded_channel::<String>();
        let tell = |step: &str| {
            // fails only when nobody listens any more
            let _ = steps.send(step.to_owned());
        };
        let work = async {
            self.cluster.provision(&spec, &tell).await?;
            // the token needs only the namespace, the workbench only itself
            let (kubeconfig, link) = tokio::try_join!(
                async { Ok(self.cluster.learner_kubeconfig(&names, TOKEN_TTL).await?) },
                async {
                    self.cluster.wait_for_workbench(&names, TIMEOUT, &tell).await?;
                    let link = Link::connect(self.cluster.open_agent(&names).await?).await?;
                    tell("Laying out the lab's files");
                    put_files(&link, &lab).await?;
                    Ok::<_, ProvisionError>(link)
                },
            )?;
            write_kubeconfig(&link, kubeconfig.yaml).await?;
            self.note_token(row, kubeconfig.expires_at).await?;
            if !lab.setup_scripts.is_empty() {
                tell("Running the lab's set-up scripts");
            }
            prepare(&link, row, &lab).await?;
            Ok::<_, ProvisionError>(link)
        };
        let telling = async {
            while let Some(step) = told.recv().await {
                if let Err(error) = self.advance(row, Event::Step(step)).await {
                    tracing::warn!(error = chain(&error), "a step could not be told");
                }
            }
            std::future::pending().await
        };
        let link = tokio::select! {
            done = work => done?,
            never = telling => never,
        };
        self.links.find_or_open(row.session_id(), async { Ok::<_, LinkError>(link) }).await?;
        let expires_at = self.clock.now() + TimeDelta::seconds(i64::from(row.duration_secs));
        match self.advance(row, Event::Ready { expires_at }).await? {
            Some(_) => Ok(()),
            None => Err(ProvisionError::Ended),
        }
    }

    async fn note_token(&self, row: &SessionRow, expires_at: DateTime<Utc>) -> Result<(), ProvisionError> {
        let mut conn = self.pool.acquire().await.map_err(StoreError::from)?;
        Ok(store::sessions::update_token_expiry(&mut conn, row.session_id(), expires_at).await?)
    }

    /// Opens a link to a workbench that was provisioned before, by this server or another. Sending the
    /// environment and set-up again changes nothing, unless the workbench was started anew: then it is needed.
    pub(super) async fn open_link(&self, row: &SessionRow) -> Result<Link, ProvisionError> {
        let link = Link::connect(self.cluster.open_agent(&names(row)).await?).await?;
        match self.lab_of(row) {
            Ok(lab) => prepare(&link, row, &lab).await?,
            // the terminals are worth having even when the lab is gone from the catalogue
            Err(error) => tracing::warn!(error = chain(&error), "a session's lab is gone"),
        }
        Ok(link)
    }

    /// Gives a running session a fresh cluster token.
    pub(super) async fn renew_token(&self, row: &SessionRow) -> Result<(), ProvisionError> {
        let kubeconfig = self.cluster.learner_kubeconfig(&names(row), TOKEN_TTL).await?;
        let link = self.links.find_or_open(row.session_id(), self.open_link(row)).await?;
        write_kubeconfig(&link, kubeconfig.yaml).await?;
        self.note_token(row, kubeconfig.expires_at).await
    }
}

async fn done(link: &Link, request: Request) -> Result<(), ProvisionError> {
    match link.request(request).await? {
        Reply::Done => Ok(()),
        Reply::Failed { message } => Err(ProvisionError::Agent(message)),
        other => Err(ProvisionError::Agent(format!("it answered {other:?}"))),
    }
}

async fn write_kubeconfig(link: &Link, yaml: String) -> Result<(), ProvisionError> {
    done(link, Request::WriteFile { path: format!("{HOME}/.kube/config"), content: yaml, mode: 0o600 }).await
}

/// Environment and set-up scripts: both may be sent again.
async fn prepare(link: &Link, row: &SessionRow, lab: &Lab) -> Result<(), ProvisionError> {
    let env = shell_environment(row, lab);
    done(link, Request::Configure { env, working_dir: working_dir() }).await?;
    if lab.setup_scripts.is_empty() {
        return Ok(());
    }
    let scripts = lab.setup_scripts.iter().map(|script| format!("{WORKSHOP}/setup.d/{script}")).collect();
    match link.request(Request::SetUp { scripts, timeout_secs: SET_UP_SECS }).await? {
        Reply::Ran { passed: true, .. } => Ok(()),
        Reply::Ran { output, .. } => Err(ProvisionError::SetUp(output)),
        Reply::Failed { message } => Err(ProvisionError::SetUp(message)),
        other => Err(ProvisionError::Agent(format!("it answered {other:?}"))),
    }
}

async fn put_files(link: &Link, lab: &std::sync::Arc<Lab>) -> Result<(), ProvisionError> {
    for (directory, workshop) in [(HOME, false), (WORKSHOP, true)] {
        let (reader, writer) = tokio::io::duplex(FILES_UNDER_WAY);
        let lab = lab.clone();
        let packing = tokio::task::spawn_blocking(move || {
            let files = if workshop { lab.workshop_files() } else { lab.home_files() };
            pack(files, SyncIoBridge::new(writer))
        });
        let (packed, sent) = tokio::join!(packing, link.put_files(directory, reader));
        sent?;
        packed.map_err(std::io::Error::other).flatten().map_err(ProvisionError::Files)?;
    }
    Ok(())
}

/// Packs files into a tar archive, without their owners and times.
fn pack(files: Vec<lectern_content::files::LabFile>, to: impl std::io::Write) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(to);
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if file.executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        if let Some(target) = &file.link {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, &file.path, target)?;
        } else {
            let content = std::fs::read(&file.source)?;
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, &file.path, content.as_slice())?;
        }
    }
    archive.into_inner()?.flush()
}
