//! `lectern up`: starts embedded parts for everything that the flags do not name, then the server. `lectern parts`:
//! starts only the parts.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use lectern_embedded::{ClusterOptions, Embedded, Network, Options, Progress, StepState};

use super::files::write_private;
use super::serve::{self, ServeArgs};

/// Flags of the embedded parts.
#[derive(Args, Clone)]
pub struct EmbeddedArgs {
    /// Folder for all lasting data: database, cluster state, images, logs.
    #[arg(long, env = "LECTERN_DATA_DIR", default_value = "/var/lib/lectern")]
    data_dir: PathBuf,
    /// Program with the components of Kubernetes; by default `lectern-cluster` beside this program.
    #[arg(long)]
    cluster_program: Option<PathBuf>,
    /// Folder of images for a machine without a registry; by default `images/registry` beside this program.
    #[arg(long)]
    images_dir: Option<PathBuf>,
    /// Disk space in GiB for what pods write without a volume (layers, emptyDirs, logs), reserved on the data
    /// folder's disk at the first start; by default half of the free space after the databases' share, at most 32.
    #[arg(long, env = "LECTERN_PODS_DISK_GIB", value_parser = clap::value_parser!(u64).range(1..=16384))]
    pods_disk_gib: Option<u64>,
    /// Network bridge to create for the pods.
    #[arg(long, default_value = "lectern0")]
    bridge: String,
    /// Address range of pods.
    #[arg(long, default_value = "10.83.0.0/16")]
    pod_cidr: Network,
    /// Address range of services.
    #[arg(long, default_value = "10.84.0.0/16")]
    service_cidr: Network,
}

/// Flags of `lectern up`.
#[derive(Args)]
pub struct UpArgs {
    #[command(flatten)]
    embedded: EmbeddedArgs,
    #[command(flatten)]
    serve: ServeArgs,
}

/// Flags of `lectern parts`.
#[derive(Args)]
pub struct PartsArgs {
    #[command(flatten)]
    embedded: EmbeddedArgs,
    /// Do not start Kubernetes.
    #[arg(long)]
    no_cluster: bool,
    /// Do not start Postgres.
    #[arg(long)]
    no_postgres: bool,
    /// File to write once everything is ready: JSON with `kubeconfig`, `database_url` and `pid`.
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

/// Runs `lectern up`.
pub async fn run(args: UpArgs) -> anyhow::Result<()> {
    let listener = serve::bind(args.serve.http.listen)?;
    let mut serve_args = args.serve;
    // in the data folder, so that fetched labs are available at once after a restart
    let labs_cache_dir = &mut serve_args.catalog.labs_cache_dir;
    labs_cache_dir.get_or_insert_with(|| args.embedded.data_dir.join("labs"));
    let options = options(
        &args.embedded,
        serve_args.cluster.kubeconfig.is_none(),
        serve_args.database.database_url.is_none(),
    )?;
    let Some(parts) = start(options).await? else { return Ok(()) };
    if let Some(kubeconfig) = parts.kubeconfig() {
        serve_args.cluster.kubeconfig = Some(kubeconfig.to_owned());
        let class = &mut serve_args.cluster.home_storage_class;
        class.get_or_insert_with(|| lectern_embedded::STORAGE_CLASS.to_owned());
    }
    if let (Some(owner), Some(server)) = (parts.database_url(), parts.server_database_url()) {
        serve_args.database.database_url = Some(server.to_owned());
        serve_args.database.migrate_database_url = Some(owner.to_owned());
    }
    let link_file = &mut serve_args.admin_link_file;
    link_file.get_or_insert_with(|| args.embedded.data_dir.join("admin-sign-in-link"));
    // the stop signal may arrive while the server is still starting
    let served = tokio::select! {
        served = serve::serve(serve_args, listener, super::stop_signal()) => served,
        () = stopped_early() => Ok(()),
    };
    println!("Stopping …");
    parts.stop().await?;
    println!("Everything has stopped; the data is kept in {}.", args.embedded.data_dir.display());
    served
}

/// Resolves some seconds after a stop signal, once the server has had time to finish.
async fn stopped_early() {
    super::stop_signal().await;
    tokio::time::sleep(std::time::Duration::from_secs(8)).await;
}

/// Runs `lectern parts`.
pub async fn run_parts(args: PartsArgs) -> anyhow::Result<()> {
    let Some(parts) = start(options(&args.embedded, !args.no_cluster, !args.no_postgres)?).await? else {
        return Ok(());
    };
    if let Some(kubeconfig) = parts.kubeconfig() {
        println!("KUBECONFIG={}", kubeconfig.display());
    }
    if let Some(url) = parts.database_url() {
        println!("DATABASE_URL={url}");
    }
    if let Some(path) = &args.ready_file {
        let ready = serde_json::json!({
            "kubeconfig": parts.kubeconfig(),
            "database_url": parts.database_url(),
            "pid": std::process::id(),
        });
        write_private(path, &ready.to_string())?;
    }
    super::stop_signal().await;
    parts.stop().await?;
    Ok(())
}

/// Starts the parts. Returns `None` if a stop signal arrived in the meantime.
async fn start(options: Options) -> anyhow::Result<Option<Embedded>> {
    let progress = Progress::new(|step| match &step.state {
        StepState::Started => {}
        StepState::Done | StepState::Failed(_) => println!("  {step}"),
    });
    if options.cluster.is_some() || options.postgres {
        println!("Starting embedded parts:");
    }
    tokio::select! {
        started = Embedded::start(options.clone(), progress) => Ok(Some(started?)),
        () = super::stop_signal() => {
            lectern_embedded::recover(&options.data_dir).await?;
            Ok(None)
        }
    }
}

fn options(args: &EmbeddedArgs, cluster: bool, postgres: bool) -> anyhow::Result<Options> {
    let beside = std::env::current_exe().context("cannot determine the path of this program")?;
    let beside = beside.parent().unwrap_or(&beside).to_owned();
    let cluster = cluster.then(|| {
        let program = args.cluster_program.clone().unwrap_or_else(|| beside.join("lectern-cluster"));
        // parts run in working folders of their own, where a relative path would not resolve
        let program = std::path::absolute(&program).unwrap_or(program);
        let mut options = ClusterOptions::new(program);
        let images = beside.join("images/registry");
        options.images_dir = args.images_dir.clone().or_else(|| images.is_dir().then_some(images));
        options.pods_disk_bytes = args.pods_disk_gib.map(|gib| gib << 30);
        options.bridge.clone_from(&args.bridge);
        options.pods = args.pod_cidr;
        options.services = args.service_cidr;
        options
    });
    Ok(Options { data_dir: args.data_dir.clone(), cluster, postgres })
}
