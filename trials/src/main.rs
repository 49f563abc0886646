//! Measures, disturbs and attacks a Lectern from outside, as its users would: over HTTP and WebSocket, with kubectl beside it.
//!
//! Run by `cargo xtask bench`, `cargo xtask test chaos` and `cargo xtask test hostile`, which provide a database and a cluster. Each trial starts
//! a server of its own, with its own database and its own namespaces.

#![expect(clippy::disallowed_methods, reason = "trials use the system's time: what they measure does too")]

mod bench;
mod chaos;
mod database;
mod figures;
mod hostile;
mod kept;
mod learner;
mod limits;
mod proc;
mod scale;
mod server;
mod settings;
mod stage;
mod terminal;
mod tracker;

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

/// Measures and disturbs a Lectern from outside.
#[derive(Parser)]
#[command(name = "lectern-trials", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures, beside kubectl where there is something to compare with.
    Bench(bench::BenchArgs),
    /// Kills what Lectern stands on while learners work, and counts what is lost.
    Chaos(chaos::ChaosArgs),
    /// Attacks as a hostile learner would while others work, and counts what gets through.
    Hostile(hostile::HostileArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    // built beside the server, the web client has TLS, and must be told whose; fails where that was done before
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lectern-trials: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Bench(args) => {
            let figures = bench::run(&args).await?;
            print_table(&figures.table(), args.settings.table.as_deref())
        }
        Command::Chaos(args) => {
            let (report, content) = chaos::run(&args).await?;
            print_table(&report.table(), args.settings.table.as_deref())?;
            ensure!(content, "not all is well: {}", report.failures().join("; "));
            Ok(())
        }
        Command::Hostile(args) => {
            let (report, content) = hostile::run(&args).await?;
            print_table(&report.table(), args.settings.table.as_deref())?;
            ensure!(content, "not all is well: {}", report.failures().join("; "));
            Ok(())
        }
    }
}

fn print_table(table: &str, file: Option<&std::path::Path>) -> Result<()> {
    println!("\n{table}");
    match file {
        Some(file) => {
            std::fs::write(file, table).with_context(|| format!("could not write {}", file.display()))
        }
        None => Ok(()),
    }
}
