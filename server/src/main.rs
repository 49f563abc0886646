//! The command line: `lectern up` on a bare machine, `lectern serve` beside a cluster and a database.

mod commands;

use clap::{CommandFactory, Parser, Subcommand};
use lectern_server::config::DatabaseConfig;

/// Lab platform: pages beside real terminals, in a Kubernetes namespace for each learner.
#[derive(Parser)]
#[command(name = "lectern", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts everything on this machine: Kubernetes and Postgres where none is named, then the server.
    Up(commands::up::UpArgs),
    /// Starts only Kubernetes and Postgres, for development and tests.
    Parts(commands::up::PartsArgs),
    /// Starts the server beside a cluster and a database that exist.
    Serve(commands::serve::ServeArgs),
    /// Shows a lab's pages while they are written: no cluster, no database, no sign-in.
    Dev(commands::dev::DevArgs),
    /// Shows the parts that `up` runs: health, memory, restarts and logs.
    Status(commands::status::StatusArgs),
    /// Brings the database's schema up to date, and does nothing else.
    Migrate(DatabaseConfig),
    /// Checks labs for errors and unsupported features.
    Lint(commands::lint::LintArgs),
    /// Manages accounts.
    #[command(subcommand)]
    User(commands::user::UserCommand),
    /// Checks the audit log.
    #[command(subcommand)]
    Audit(commands::audit::AuditCommand),
    /// Writes docs/CONFIGURATION.md: every command, flag and variable.
    #[command(hide = true)]
    Reference,
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    lectern_server::telemetry::start();
    lectern_server::tls::install();
    let result = match Cli::parse().command {
        Command::Up(args) => commands::up::run(args).await,
        Command::Parts(args) => commands::up::run_parts(args).await,
        Command::Serve(args) => commands::serve::run(args).await,
        Command::Dev(args) => commands::dev::run(args).await,
        Command::Status(args) => commands::status::run(&args),
        Command::Migrate(args) => commands::serve::migrate(&args).await,
        Command::Lint(args) => return commands::lint::run(&args).await,
        Command::User(command) => commands::user::run(command).await,
        Command::Audit(command) => commands::audit::run(command).await,
        Command::Reference => {
            print!("{}", commands::reference::markdown(Cli::command()));
            Ok(())
        }
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lectern: {}", commands::describe(&error));
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_of_the_command_line_is_up_to_date() {
        let kept = include_str!("../../docs/CONFIGURATION.md");
        let now = commands::reference::markdown(Cli::command());
        assert!(
            kept == now,
            "run `cargo run -p lectern-server -- reference > docs/CONFIGURATION.md` and commit the result"
        );
    }
}
