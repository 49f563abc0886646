//! `lectern audit`: whether the audit log is what was written into it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use lectern_server::audit::verify;
use lectern_server::config::DatabaseConfig;

use super::serve::open_database;

/// What to do with the audit log.
#[derive(Subcommand)]
pub enum AuditCommand {
    /// Computes the hashes of all records anew. Keep the last line elsewhere: as long as a later run finds the same hash for
    /// that record, all before it are as they were.
    Verify(VerifyArgs),
}

/// Flags of `lectern audit verify`.
#[derive(Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    database: DatabaseConfig,
    /// File that --audit-log wrote: its lines must be the same records.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// Runs `lectern audit`.
pub async fn run(command: AuditCommand) -> anyhow::Result<()> {
    let AuditCommand::Verify(args) = command;
    let pool = open_database(&args.database).await?;
    let mut file = match &args.against {
        Some(path) => {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            Some(BufReader::new(file))
        }
        None => None,
    };
    let found = verify(&pool, file.as_mut().map(|file| file as &mut dyn BufRead)).await?;
    if let Some(fault) = found.fault {
        bail!("the audit log was changed: {fault}");
    }
    println!("{} records are as they were written.", found.records);
    if found.pruned_id > 0 {
        println!("Those up to {} were removed because of their age.", found.pruned_id);
    }
    println!("The last one is {}, with the hash {}.", found.last.0, found.last.1);
    Ok(())
}
