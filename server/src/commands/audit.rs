//! `lectern audit`: checks that nobody has changed the audit log.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use lectern_server::audit::verify;
use lectern_server::config::DatabaseConfig;

use super::serve::open_database;

#[derive(Subcommand)]
pub enum AuditCommand {
    /// Recomputes the hashes of all records. Keep the last line of the output elsewhere: as long as a later run finds
    /// the same hash for that record, no record up to it has changed.
    Verify(VerifyArgs),
}

/// Flags of `lectern audit verify`.
#[derive(Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    database: DatabaseConfig,
    /// File written by --audit-log, to compare the records with.
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
    println!("{} records are unchanged.", found.records);
    if found.pruned_id > 0 {
        println!("Records up to {} were deleted because of their age.", found.pruned_id);
    }
    println!("The last record is {}, with the hash {}.", found.last.0, found.last.1);
    Ok(())
}
