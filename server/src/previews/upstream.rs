//! One session's applications: where each is, and the connections to them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioTimer;
use tokio::sync::{Mutex, Semaphore};

use super::connect::Dialler;
use super::forward::Body;
use super::{App, PreviewError};
use crate::cluster::{Backend, Routes};
use crate::sessions::Workbenches;
use crate::store::sessions::SessionRow;

/// How many connections to a session's applications may be open: half of the streams of a link.
const CONNECTIONS: usize = 128;
/// For how long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(20);
/// For how long it holds what the cluster said about rules and services.
const HOLDS: Duration = Duration::from_secs(2);
/// After how long without a request everything is given up.
const UNUSED: Duration = Duration::from_secs(5 * 60);

type Held<T> = Option<(Instant, T)>;
/// When a service was looked for, and where it is.
type Service = (Instant, Option<(String, u16)>);

/// A session's applications.
pub(super) struct Upstream {
    workbenches: Workbenches,
    row: Arc<SessionRow>,
    client: Client<Dialler, Body>,
    places: Arc<Semaphore>,
    used: std::sync::Mutex<Instant>,
    routes: Mutex<Held<Arc<Routes>>>,
    services: Mutex<HashMap<Backend, Service>>,
}

impl Upstream {
    pub(super) fn new(
        workbenches: Workbenches,
        row: Arc<SessionRow>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let dialler = Dialler { workbenches: workbenches.clone(), row: row.clone(), places: places.clone() };
        let client = Client::builder(Spawner(runtime.clone()))
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(16)
            .build(dialler);
        let (routes, services) = (Mutex::default(), Mutex::default());
        Self {
            workbenches,
            row,
            client,
            places,
            used: std::sync::Mutex::new(Instant::now()),
            routes,
            services,
        }
    }

    /// Returns the name of the workbench that the connections lead to.
    pub(super) fn workbench(&self) -> &str {
        &self.row.workbench
    }

    pub(super) fn is_unused(&self) -> bool {
        let used = self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.places.available_permits() == CONNECTIONS && used.elapsed() > UNUSED
    }

    pub(super) fn client(&self) -> &Client<Dialler, Body> {
        *self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Instant::now();
        &self.client
    }

    /// Finds where an application's requests for a path go, as scheme and authority: what the lab names comes before what
    /// Ingress objects say.
    pub(super) async fn find_target(&self, app: &App, path: &str) -> Result<Uri, PreviewError> {
        let named = self.workbenches.list_applications(&self.row);
        if let Some(found) = named.iter().find(|one| is_called(&app.host, &one.name, &self.row.namespace)) {
            return address(found.is_https, &found.host, found.port);
        }
        let routes = self.routes().await?;
        let backend = routes.find(&app.host, path).ok_or(PreviewError::Nothing)?;
        match self.service(backend).await? {
            Some((host, port)) => address(false, &host, port),
            None => Err(PreviewError::NotUp(format!(
                "there is no service {} with the port that its Ingress names",
                backend.service
            ))),
        }
    }

    async fn routes(&self) -> Result<Arc<Routes>, PreviewError> {
        let mut held = self.routes.lock().await;
        if let Some((since, routes)) = held.as_ref()
            && since.elapsed() < HOLDS
        {
            return Ok(routes.clone());
        }
        let routes = Arc::new(self.workbenches.list_routes(&self.row).await?);
        *held = Some((Instant::now(), routes.clone()));
        Ok(routes)
    }

    async fn service(&self, backend: &Backend) -> Result<Option<(String, u16)>, PreviewError> {
        let mut held = self.services.lock().await;
        held.retain(|_, (since, _)| since.elapsed() < HOLDS);
        if let Some((_, found)) = held.get(backend) {
            return Ok(found.clone());
        }
        let found = self.workbenches.find_service(backend).await?;
        held.insert(backend.clone(), (Instant::now(), found.clone()));
        Ok(found)
    }
}

/// Returns whether a host's first name is that of an application: `NAME-NAMESPACE`, or the older `NAMESPACE-NAME`.
fn is_called(host: &str, name: &str, namespace: &str) -> bool {
    let label = host.split('.').next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    label == format!("{name}-{namespace}") || label == format!("{namespace}-{name}")
}

fn address(is_https: bool, host: &str, port: u16) -> Result<Uri, PreviewError> {
    let scheme = if is_https { "https" } else { "http" };
    let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query("/")
        .build()
        .map_err(|_| PreviewError::NotUp(format!("{host:?} is no name of a host")))
}

/// Runs the connections on the runtime that outlives single requests.
#[derive(Clone)]
struct Spawner(tokio::runtime::Handle);

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, work: F) {
        self.0.spawn(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_application_is_called_by_its_name_before_or_behind_the_session() {
        let namespace = "lab-web-abcdefghij";
        for host in ["blog-lab-web-abcdefghij.localhost", "lab-web-abcdefghij-blog.localhost"] {
            assert!(is_called(host, "blog", namespace) && !is_called(host, "log", namespace), "{host}");
        }
        assert!(!is_called("lab-web-abcdefghij.localhost", "", namespace));
    }

    #[test]
    fn an_address_may_be_a_name_or_of_either_family() {
        for (host, shown) in [
            ("web.lab-x.svc", "http://web.lab-x.svc:80/"),
            ("10.0.0.1", "http://10.0.0.1:80/"),
            ("fd00::1", "http://[fd00::1]:80/"),
        ] {
            assert_eq!(address(false, host, 80).unwrap().to_string(), shown);
        }
        assert!(address(false, "a b", 80).is_err());
    }
}
