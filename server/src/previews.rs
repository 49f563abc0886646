//! Web applications of sessions in the browser: who may see which, where it runs, and passing requests on to it.
//!
//! Each application is reached at an origin of its own ([`PreviewSite`]). A browser gets there with a grant, good once and
//! for a minute, which the API gives to the session's learner; the origin exchanges it for a cookie of its own, bound to the
//! session and to the login. Requests then go through the workbench's agent. Knows HTTP, but not actix.

pub mod address;
mod connect;
mod cookies;
mod error;
mod forward;
mod headers;
mod pass;
mod ports;
mod tls;
mod upstream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lectern_api::ids::{SessionId, UserId};
use sqlx::PgPool;

use crate::config::previews::PreviewSite;
use crate::identity::{Login, Token};
use crate::sessions::Workbenches;
use crate::store::previews::GrantRow;
use crate::store::sessions::SessionRow;
use crate::store::{self, StoreError};
pub use address::{App, Asked};
pub use error::PreviewError;
pub use forward::{Answer, Body, Visitor, empty};
pub use pass::Pass;
use pass::Passes;
use ports::Ports;
use upstream::Upstream;

/// How long a grant is good.
const GRANT_SECS: f64 = 60.0;
/// The path at which an origin exchanges a grant. No application has one of this name.
pub const ENTER_PATH: &str = "/.lectern/enter";
/// How often what nobody uses is given up.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Web previews. Clones share them.
#[derive(Clone)]
pub struct Previews(Arc<Shared>);

struct Shared {
    site: PreviewSite,
    pool: PgPool,
    workbenches: Workbenches,
    ports: Ports,
    passes: Passes,
    upstreams: Mutex<HashMap<SessionId, Arc<Upstream>>>,
    /// Work goes on here, not on the threads that serve requests, which end with their server.
    runtime: tokio::runtime::Handle,
}

/// A grant that was exchanged.
pub struct Entered {
    /// The cookie's value.
    pub cookie: String,
    /// What to show first.
    pub path: String,
}

impl Previews {
    /// Creates them. Connections are kept up by the runtime on which this is called.
    #[must_use]
    pub fn new(site: PreviewSite, pool: PgPool, workbenches: Workbenches) -> Self {
        let ports = Ports::of(&site);
        let runtime = tokio::runtime::Handle::current();
        let (passes, upstreams) = (Passes::default(), Mutex::default());
        Self(Arc::new(Shared { site, pool, workbenches, ports, passes, upstreams, runtime }))
    }

    /// Returns where browsers reach web applications.
    #[must_use]
    pub fn site(&self) -> &PreviewSite {
        &self.0.site
    }

    /// Makes a way to an application of a session of the learner's. Returns the address to load. `at` is the host name,
    /// without a port, at which the browser reaches Lectern.
    ///
    /// # Errors
    /// [`PreviewError::Off`], [`PreviewError::Foreign`], [`PreviewError::NoPort`], and those of a session that does not run.
    pub async fn grant(
        &self,
        login: &Login,
        id: SessionId,
        url: &str,
        at: &str,
    ) -> Result<String, PreviewError> {
        let row = self.0.workbenches.find_previewed(login.user.id, id).await?;
        self.grant_for(login, &row, url, at).await
    }

    /// The same for whichever running session of the learner's the address belongs to.
    ///
    /// # Errors
    /// As [`Previews::grant`].
    pub async fn grant_any(&self, login: &Login, url: &str, at: &str) -> Result<String, PreviewError> {
        if !self.0.site.is_on() {
            return Err(PreviewError::Off);
        }
        let rows = store::sessions::list_owned(&mut *self.conn().await?, login.user.id).await?;
        for row in rows.iter().filter(|row| row.is_running()) {
            match self.grant_for(login, row, url, at).await {
                Err(PreviewError::Foreign) => {}
                other => return other,
            }
        }
        Err(PreviewError::Foreign)
    }

    async fn grant_for(
        &self,
        login: &Login,
        row: &SessionRow,
        url: &str,
        at: &str,
    ) -> Result<String, PreviewError> {
        if !self.0.site.is_on() {
            return Err(PreviewError::Off);
        }
        let asked = Asked::parse(url, |port| self.0.ports.find(port)).ok_or(PreviewError::Foreign)?;
        if !self.0.site.belongs(&asked.host, namespaces(row)) {
            return Err(PreviewError::Foreign);
        }
        let app = App { session: row.id, host: asked.host };
        let origin = match &self.0.site {
            PreviewSite::Ports(_) => {
                let port = self.0.ports.give(&app).ok_or(PreviewError::NoPort)?;
                format!("http://{at}:{port}")
            }
            site => format!("{}://{}{}", site.scheme(), app.host, site.port_suffix()),
        };
        let token = Token::random();
        let grant = GrantRow { login: login.id, session: row.id, host: app.host, path: asked.path };
        store::previews::insert_grant(&mut *self.conn().await?, &token.hash(), &grant, GRANT_SECS).await?;
        let fragment = asked.fragment.map(|text| format!("#{text}")).unwrap_or_default();
        Ok(format!("{origin}{ENTER_PATH}?grant={}{fragment}", token.reveal()))
    }

    /// Returns the host of the application that is asked for: by a host name without a port at the main port, or by one of
    /// the ports for applications. `None` if it is none.
    #[must_use]
    pub fn find_host(&self, name: &str, own_port: Option<u16>) -> Option<String> {
        match own_port {
            Some(port) => self.0.ports.find(port).map(|app| app.host),
            None if self.0.site.is_preview_host(name) => {
                Some(name.trim_end_matches('.').to_ascii_lowercase())
            }
            None => None,
        }
    }

    /// Returns whether an `Origin` header names an application of the same session as this host.
    #[must_use]
    pub fn shares_session(&self, origin: &str, host: &str) -> bool {
        let asking = Asked::parse(origin, |port| self.0.ports.find(port));
        let own = address::namespace_in(host);
        own.is_some() && asking.is_some_and(|asking| address::namespace_in(&asking.host) == own)
    }

    /// Exchanges a grant, which is used up, for the cookie of an application's origin. Returns `None` if it is none for this
    /// host, or not any more.
    ///
    /// # Errors
    /// The database's.
    pub async fn enter(&self, grant: &str, host: &str) -> Result<Option<Entered>, PreviewError> {
        let Some(token) = Token::parse(grant) else { return Ok(None) };
        let mut conn = self.conn().await?;
        let Some(row) = store::previews::take_grant(&mut conn, &token.hash()).await? else { return Ok(None) };
        let secret = store::previews::find_login_secret(&mut conn, row.login).await?;
        let Some((_, secret)) = secret.filter(|_| row.host == host) else { return Ok(None) };
        let app = App { session: row.session, host: row.host };
        Ok(Some(Entered { cookie: pass::write(row.login, &app, &secret), path: row.path }))
    }

    /// Returns whether a cookie was looked at a moment ago, so that looking at it again costs nothing.
    #[must_use]
    pub fn knows(&self, cookie: &str, host: &str) -> bool {
        cookie.is_empty() || self.0.passes.find(cookie, host).is_some()
    }

    /// Returns what the cookies of a request allow, if they allow this application. What was found holds for some seconds.
    ///
    /// # Errors
    /// The database's.
    pub async fn admit(&self, cookie: &str, host: &str) -> Result<Option<Pass>, PreviewError> {
        if let Some(found) = self.0.passes.find(cookie, host) {
            return Ok(found);
        }
        let pass = self.check(cookie, host).await?;
        self.0.passes.keep(cookie, host, pass.clone());
        Ok(pass)
    }

    async fn check(&self, cookie: &str, host: &str) -> Result<Option<Pass>, PreviewError> {
        let Some(claim) = pass::read(cookie) else { return Ok(None) };
        let secret = store::previews::find_login_secret(&mut *self.conn().await?, claim.login).await?;
        let Some((user, secret)) = secret else { return Ok(None) };
        let app = App { session: claim.session, host: host.to_owned() };
        if !claim.is_signed(&app, &secret) {
            return Ok(None);
        }
        match self.0.workbenches.find_previewed(user, claim.session).await {
            Ok(row) => Ok(Some(Pass { user, app, row: Arc::new(row) })),
            Err(
                crate::sessions::SessionError::UnknownSession | crate::sessions::SessionError::NotRunning,
            ) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Resolves once this cookie no longer allows the application.
    pub async fn revoked(&self, cookie: String, host: String) {
        loop {
            tokio::time::sleep(pass::RECHECKED).await;
            // a database that does not answer right now is no reason
            if matches!(self.admit(&cookie, &host).await, Ok(None)) {
                return;
            }
        }
    }

    fn upstream(&self, row: &Arc<SessionRow>) -> Arc<Upstream> {
        let mut upstreams = self.0.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Arc::new(Upstream::new(self.0.workbenches.clone(), row.clone(), &self.0.runtime));
        let upstream = upstreams.entry(row.id).or_insert_with(make);
        // a workbench that was recreated has another name
        if upstream.workbench() != row.workbench {
            *upstream = make();
        }
        upstream.clone()
    }

    /// Gives up, at regular intervals and for ever, connections that nobody uses.
    pub async fn keep_sweeping(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            self.0.passes.sweep();
            let unused: Vec<SessionId> = {
                let mut upstreams = self.0.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
                let unused = upstreams.extract_if(|_, one| Arc::strong_count(one) == 1 && one.is_unused());
                unused.map(|(id, _)| id).collect()
            };
            for id in unused {
                self.0.workbenches.close_previews(id).await;
            }
        }
    }

    async fn conn(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, StoreError> {
        Ok(self.0.pool.acquire().await?)
    }
}

fn namespaces(row: &SessionRow) -> impl Iterator<Item = &str> {
    std::iter::once(row.namespace.as_str()).chain(row.secondary_namespaces.iter().map(String::as_str))
}

/// Returns the person whose session it is, for limits.
impl Pass {
    #[must_use]
    pub fn user(&self) -> UserId {
        self.user
    }
}
