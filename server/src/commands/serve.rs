//! `lectern serve`: the server beside a cluster and a database that exist; `lectern up` ends in it too.

use std::io::IsTerminal as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;
use lectern_api::platform::Notice;
use lectern_server::app::{App, Parts};
use lectern_server::audit::{AuditFile, Record};
use lectern_server::catalog::Catalog;
use lectern_server::clock::Clock;
use lectern_server::cluster::{Cluster, ClusterConfig, PolicyEnforcement};
use lectern_server::config::portal::{Portal, PortalFlags};
use lectern_server::config::{ClusterFlags, DatabaseConfig, HttpConfig, ServiceConfig};
use lectern_server::store;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use sqlx::PgPool;
use tokio::sync::watch;

use super::catalog::CatalogFlags;
use super::files::write_private;

/// How many files may be open at once, where the system sets no limit.
const MOST_OPEN_FILES: u64 = 1 << 20;

/// Flags of `lectern serve`.
#[derive(Args, Clone)]
pub struct ServeArgs {
    #[command(flatten)]
    pub http: HttpConfig,
    #[command(flatten)]
    pub catalog: CatalogFlags,
    #[command(flatten)]
    pub database: DatabaseConfig,
    #[command(flatten)]
    pub cluster: ClusterFlags,
    #[command(flatten)]
    pub portal: PortalFlags,
    /// File to write once everything is ready, for this user alone: JSON with url, `sign_in_url`, kubeconfig,
    /// `database_url` and pid.
    #[arg(long)]
    pub ready_file: Option<PathBuf>,
    /// File for the administrator's one-time link, for this user alone, while that account has no password. Without it the
    /// link is shown on a terminal and nowhere else.
    #[arg(long, env = "LECTERN_ADMIN_LINK_FILE", value_name = "FILE")]
    pub admin_link_file: Option<PathBuf>,
    /// File to which the audit log is appended as JSON lines, besides the database.
    #[arg(long, env = "LECTERN_AUDIT_LOG", value_name = "FILE")]
    pub audit_log: Option<PathBuf>,
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
    open_database(config).await?;
    println!("The database is up to date.");
    Ok(())
}

/// Connects to the database and brings its schema up to date: as its owner, if one is named, who then gives the server's
/// role what it needs and no more.
pub async fn open_database(config: &DatabaseConfig) -> anyhow::Result<PgPool> {
    let pool = store::connect(database_url(config)?).await?;
    let Some(owner_url) = &config.migrate_database_url else {
        store::prepare(&pool).await?;
        return Ok(pool);
    };
    let role = store::roles::find_rights(&mut *pool.acquire().await?).await?.role;
    let owner = store::connect(owner_url).await.context("the role of --migrate-database-url")?;
    store::migrate(&owner).await?;
    let mut conn = owner.acquire().await?;
    if store::roles::find_rights(&mut conn).await?.role != role {
        store::roles::grant_app(&mut conn, &role).await?;
    }
    drop(conn);
    owner.close().await;
    Ok(pool)
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
    // opened before anything is changed, so that a mistake in its name changes nothing
    let audit_file = args.audit_log.as_deref().map(AuditFile::open).transpose()?;
    let pool = open_database(&args.database).await?;
    if store::roles::may_change_audit(&mut *pool.acquire().await?).await? {
        tracing::warn!(
            "the database role of the server owns the audit log, and could change it unseen; docs/OPERATING.md says how \
             to give it a role that cannot"
        );
    }
    let previews = args.http.previews.choose(listener.local_addr()?, args.http.public_url.as_ref())?;
    let catalog = Catalog::open(args.catalog.config(), &portal)?;
    let cluster = Cluster::connect(&ClusterConfig {
        kubeconfig: args.cluster.kubeconfig.clone(),
        workbench_namespace: args.cluster.workbench_namespace.clone(),
        workbench_image: args.cluster.workbench_image.clone(),
        home_storage_class: args.cluster.home_storage_class.clone(),
        denied_cidrs: args.cluster.deny_egress.clone(),
        ingress_suffix: args.cluster.ingress_suffix.clone(),
        ingress_namespace: args.cluster.ingress_namespace.clone(),
        preview_domain: previews.is_on().then(|| previews.domain().to_owned()),
        extended_resources: args.cluster.learner_resources.clone(),
        ..ClusterConfig::default()
    })
    .await?;
    let (tell_notices, notices) = watch::channel(guard_notice(&cluster).into_iter().collect());
    let app = App::build(Parts {
        pool,
        cluster: cluster.clone(),
        catalog,
        clock: Clock::default(),
        config: ServiceConfig {
            public_url: args.http.public_url.clone(),
            trusted_proxies: args.http.trusted_proxies.clone(),
            allowed_hosts: args.http.allowed_hosts.clone(),
            external_pictures: args.http.external_pictures,
            portal,
            previews,
        },
        listener,
        notices,
        audit_file,
        runs_job: |_| true,
    })?;
    // it ends once it knows, and what it found stays true for as long as this server runs
    let probe = tokio::spawn(probe_policies(cluster, tell_notices));
    announce(&args, &app).await?;
    let result = app.run(stop).await;
    probe.abort();
    Ok(result?)
}

/// Prints the address and how the administrator signs in; and writes the ready file. The one-time link of an administrator
/// who has no password yet goes into files that only this user can read, or to a terminal: what is printed elsewhere
/// ends in logs.
async fn announce(args: &ServeArgs, app: &App) -> anyhow::Result<()> {
    let base = match &args.http.public_url {
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
        None => format!("http://{}", app.address()),
    };
    let link = app.services().identity.first_admin_link().await?;
    let sign_in_url = link.map(|token| format!("{base}/sign-in#{}", token.reveal()));
    println!("\nLectern is ready at {base}");
    if sign_in_url.is_some() {
        let detail = "for the first administrator".to_owned();
        app.services().audit.write(Record::by_server("make_sign_in_link", detail)).await;
    }
    match (&sign_in_url, &args.admin_link_file) {
        (Some(url), Some(path)) => write_private(path, &format!("{url}\n"))?,
        // one of an earlier start is of no use any more; there need not be any
        (None, Some(path)) => std::fs::remove_file(path).unwrap_or_default(),
        _ => {}
    }
    println!("{}", app.services().config.previews.words());
    println!("{}\n", how_to_sign_in(sign_in_url.as_deref(), args.admin_link_file.as_deref()));
    if let Some(path) = &args.ready_file {
        let ready = serde_json::json!({
            "url": base,
            "sign_in_url": sign_in_url,
            "kubeconfig": args.cluster.kubeconfig,
            "database_url": args.database.migrate_database_url.as_ref().or(args.database.database_url.as_ref()),
            "pid": std::process::id(),
        });
        write_private(path, &ready.to_string())?;
    }
    Ok(())
}

fn how_to_sign_in(link: Option<&str>, file: Option<&Path>) -> String {
    match (link, file) {
        (None, _) => "The administrator signs in with their password.".to_owned(),
        (Some(url), _) if std::io::stdout().is_terminal() => {
            format!("Sign in as the administrator, once, within a day:\n  {url}")
        }
        (Some(_), Some(path)) => format!(
            "The administrator's link, good once and for a day, is in a file that only this user can read:\n  {}",
            path.display()
        ),
        (Some(_), None) => {
            "The administrator has no password yet. Make a link to sign in with:\n  lectern user link admin"
                .to_owned()
        }
    }
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
