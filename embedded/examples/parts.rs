//! Runs the embedded parts alone, for development: brings them up, prints how to reach them, stops on Ctrl-C or SIGTERM.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use lectern_embedded::{ClusterOptions, Embedded, Options, Progress, StepState, read_status, recover};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
struct Arguments {
    /// The folder for all state.
    #[arg(long)]
    data_dir: PathBuf,
    /// The multi-call program of cluster/; the development build below ~/.cache when left out.
    #[arg(long, env = "LECTERN_CLUSTER_PROGRAM")]
    cluster_program: Option<PathBuf>,
    /// A docker-registry storage tree.
    #[arg(long, env = "LECTERN_IMAGES_DIR")]
    images_dir: Option<PathBuf>,
    /// Do not start Kubernetes.
    #[arg(long)]
    no_cluster: bool,
    /// Do not start Postgres.
    #[arg(long)]
    no_postgres: bool,
    /// Only show how the parts are doing.
    #[arg(long)]
    status: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    if arguments.status {
        return show_status(&arguments.data_dir);
    }
    let program = arguments.cluster_program.or_else(development_build).context("name the cluster program")?;
    let mut cluster = ClusterOptions::new(program);
    cluster.images_dir = arguments.images_dir;
    let options = Options {
        data_dir: std::path::absolute(arguments.data_dir)?,
        cluster: (!arguments.no_cluster).then_some(cluster),
        postgres: !arguments.no_postgres,
    };
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let progress = Progress::new(|step| {
        if step.state != StepState::Started {
            eprintln!("{step}");
        }
    });
    let data_dir = options.data_dir.clone();
    let started = tokio::select! {
        started = Embedded::start(options, progress) => Some(started),
        _ = interrupted.recv() => None,
        _ = terminated.recv() => None,
    };
    let Some(started) = started else { return Ok(recover(&data_dir).await?) };
    let parts = started.context("the embedded parts did not come up")?;
    if let Some(kubeconfig) = parts.kubeconfig() {
        println!("KUBECONFIG={}", kubeconfig.display());
    }
    if let Some(url) = parts.database_url() {
        println!("DATABASE_URL={url}");
    }
    println!("READY");
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    parts.stop().await?;
    Ok(())
}

fn development_build() -> Option<PathBuf> {
    Some(std::env::home_dir()?.join(".cache/lectern/cluster/dev/lectern-cluster"))
}

fn show_status(data_dir: &std::path::Path) -> anyhow::Result<()> {
    let status = read_status(data_dir)?;
    println!(
        "supervisor {} {}",
        status.supervisor_pid,
        if status.running { "running" } else { "not running" }
    );
    for part in status.parts {
        println!(
            "{:<24} {:<10} pid {:<8} {:>5} MiB  restarts {}  {}{}",
            part.name,
            format!("{:?}", part.health).to_lowercase(),
            part.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            part.memory_bytes / (1024 * 1024),
            part.restarts,
            part.log.display(),
            part.last_end.map(|end| format!("  last end: {end}")).unwrap_or_default(),
        );
    }
    Ok(())
}
