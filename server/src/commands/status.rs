//! `lectern status`: the parts that `up` runs, their health and their logs.

use std::path::PathBuf;

use clap::Args;
use lectern_embedded::{PartStatus, read_status};

/// Flags of `lectern status`.
#[derive(Args)]
pub struct StatusArgs {
    /// Data folder of `lectern up`.
    #[arg(long, env = "LECTERN_DATA_DIR", default_value = "/var/lib/lectern")]
    data_dir: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `lectern status`.
pub fn run(args: &StatusArgs) -> anyhow::Result<()> {
    let status = read_status(&args.data_dir)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
        return Ok(());
    }
    if status.running {
        println!("Lectern is running (process {}).", status.supervisor_pid);
    } else {
        println!("Lectern is not running; this is its last known state.");
    }
    println!("{:<26} {:<11} {:>7} {:>9} {:>8}  LOG", "PART", "HEALTH", "PID", "MEMORY", "RESTARTS");
    for part in &status.parts {
        println!("{}", line(part));
        if let Some(end) = &part.last_end {
            println!("{:<26} last ended: {end}", "");
        }
    }
    Ok(())
}

fn line(part: &PartStatus) -> String {
    format!(
        "{:<26} {:<11} {:>7} {:>5} MiB {:>8}  {}",
        part.name,
        format!("{:?}", part.health).to_lowercase(),
        part.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
        part.memory_bytes / (1024 * 1024),
        part.restarts,
        part.log.display()
    )
}
