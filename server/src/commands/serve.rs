//! `lectern serve`: the server beside a cluster and a database that exist; `lectern up` ends in it too.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::{Context, anyhow};
use clap::Args;
use lectern_api::platform::Notice;
use lectern_server::app::{App, Parts};
use lectern_server::catalog::Catalog;
use lectern_server::clock::Clock;
use lectern_server::cluster::{Cluster, ClusterConfig, PolicyEnforcement};
use lectern_server::config::portal::{Portal, PortalFlags};
use lectern_server::config::{CatalogConfig, ClusterFlags, DatabaseConfig, HttpConfig, ServiceConfig};
use lectern_server::store;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::sync::watch;

/// How many files may be open at once, where the system sets no limit.
const MOST_OPEN_FILES: u64 = 1 << 20;

/// Flags of `lectern serve`.
#[derive(Args, Clone)]
pub struct ServeArgs {
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten)]
    pub catalog: CatalogConfig,
    #[command(flatten)]
    pub database: DatabaseConfig,
    #[command(flatten)]
    pub cluster: ClusterFlags,
    #[command(flatten)]
    pub portal: PortalFlags,
    /// File to write once everything is ready: JSON with url, `sign_in_url`, kubeconfig, `database_url` and pid.
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
}

/// Runs `lectern serve`.
pub async fn run(args: ServeArgs) -> anyhow::Result<()> {
    let listener = bind(args.http.listen)?;
    serve(args, listener, super::stop_signal()).await
}

/// Takes the address before anything is started, so that a port in use leaves nothing half done.
pub fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "another program listens on {address}; end it, or choose another address with --listen, such as --listen {}:{}",
            address.ip(),
            address.port().saturating_add(1)
        ),
        _ => anyhow!("cannot listen on {address}: {error}; choose another address with --listen"),
    })
}

/// Brings the schema up to date.
pub async fn migrate(config: &DatabaseConfig) -> anyhow::Result<()> {
    let pool = store::connect(database_url(config)?).await?;
    store::migrate(&pool).await?;
    println!("The database is up to date.");
    Ok(())
}

/// The database's address, or what to do where there is none.
pub fn database_url(config: &DatabaseConfig) -> anyhow::Result<&str> {
    config
        .database_url
        .as_deref()
        .context("no database is named; set DATABASE_URL to postgres://user:password@host/database, or use `lectern up`, which brings its own")
}

/// Allows this process as many open files as may be: each connection is one, and many shells allow 1,024.
fn raise_open_files() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // more would only make what goes through all of them slow
    setrlimit(Resource::RLIMIT_NOFILE, most.min(MOST_OPEN_FILES), most)
}

/// Serves until `stop` resolves.
pub async fn serve(
    args: ServeArgs,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    if let Err(error) = raise_open_files() {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    let portal = Portal::read(&args.portal)?;
    let url = database_url(&args.database)?;
    let pool = store::connect(url).await?;
    store::migrate(&pool).await?;
    let catalog = Catalog::open(&args.catalog, &portal)?;
    let cluster = Cluster::connect(&ClusterConfig {
        kubeconfig: args.cluster.kubeconfig.clone(),
        workbench_namespace: args.cluster.workbench_namespace.clone(),
        workbench_image: args.cluster.workbench_image.clone(),
        home_storage_class: args.cluster.home_storage_class.clone(),
        denied_cidrs: args.cluster.deny_egress.clone(),
        ingress_suffix: args.cluster.ingress_suffix.clone(),
        ingress_namespace: args.cluster.ingress_namespace.clone(),
        extended_resources: args.cluster.learner_resources.clone(),
        ..ClusterConfig::default()
    })
    .await?;
    let (tell_notices, notices) = watch::channel(guard_notice(&cluster).into_iter().collect());
    let app = App::build(Parts {
        pool,
        cluster: cluster.clone(),
        catalog: catalog.clone(),
        clock: Clock::default(),
        config: ServiceConfig {
            public_url: args.http.public_url.clone(),
            trusted_proxies: args.http.trusted_proxies.clone(),
            allowed_hosts: args.http.allowed_hosts.clone(),
            external_pictures: args.http.external_pictures,
            portal,
        },
        listener,
        notices,
    })?;
    let services = app.services();
    let background = [
        tokio::spawn(catalog.watch()),
        tokio::spawn(services.sessions.clone().reconcile(services.changes.subscribe())),
        tokio::spawn(probe_policies(cluster, tell_notices)),
    ];
    announce(&args, &app).await?;
    let result = app.run(stop).await;
    for task in background {
        task.abort();
    }
    Ok(result?)
}

/// Prints the address and, for a platform whose administrator has no password yet, the one-time link; and writes
/// the ready file.
async fn announce(args: &ServeArgs, app: &App) -> anyhow::Result<()> {
    let base = match &args.http.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{}", app.address()),
    };
    let link = app.services().identity.first_admin_link().await?;
    let sign_in_url = link.map(|token| format!("{base}/sign-in#{}", token.reveal()));
    println!("\nLectern is ready at {base}");
    match &sign_in_url {
        Some(url) => println!("Sign in as the administrator, once, within a day:\n  {url}\n"),
        None => println!("The administrator signs in with their password.\n"),
    }
    if let Some(path) = &args.ready_file {
        let ready = serde_json::json!({
            "url": base,
            "sign_in_url": sign_in_url,
            "kubeconfig": args.cluster.kubeconfig,
            "database_url": args.database.database_url,
            "pid": std::process::id(),
        });
        let partial = path.with_extension("partial");
        std::fs::write(&partial, ready.to_string())
            .and_then(|()| std::fs::rename(&partial, path))
            .with_context(|| format!("cannot write the ready file {}", path.display()))?;
    }
    Ok(())
}

/// Finds out whether the cluster enforces network policies, and says so where it does not.
async fn probe_policies(cluster: Cluster, notices: watch::Sender<Vec<Notice>>) {
    match cluster.probe_network_policies().await {
        PolicyEnforcement::Enforced => tracing::info!("the cluster enforces network policies"),
        PolicyEnforcement::NotEnforced => {
            let message = "This cluster ignores NetworkPolicy: learners can reach each other's pods and the nodes' \
                network. Install a network plugin that enforces policies, such as Calico or Cilium, and restart Lectern.";
            tracing::error!("{message}");
            add_notice(&notices, "network_policies_not_enforced", message.to_owned());
        }
        PolicyEnforcement::Unknown { reason } => {
            tracing::warn!(reason, "it could not be found out whether the cluster enforces network policies");
            let message = format!(
                "It could not be found out whether this cluster enforces NetworkPolicy: {reason}. Restart Lectern to try again."
            );
            add_notice(&notices, "network_policies_unknown", message);
        }
    }
}

/// Tells operators one thing more.
fn add_notice(notices: &watch::Sender<Vec<Notice>>, code: &str, message: String) {
    notices.send_modify(|all| all.push(Notice { code: code.to_owned(), message }));
}

/// What operators are told where the admission guard is missing.
fn guard_notice(cluster: &Cluster) -> Option<Notice> {
    let reason = cluster.missing_guard()?;
    Some(Notice {
        code: "admission_guard_missing".to_owned(),
        message: format!(
            "The rules that bound what learners may create are not in force: {reason}. Learners can reach other \
             learners and the network around this cluster. Lectern needs Kubernetes 1.30 and the right to write \
             ValidatingAdmissionPolicies; then restart it."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_system_allows() {
        raise_open_files().unwrap();
        let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(now, most.min(MOST_OPEN_FILES));
    }
}
