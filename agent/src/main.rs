//! The agent: the first process of each workbench. It owns the terminals and lays out files, and is spoken to through
//! the exec of its pod. In a container of its own beside the workbench the same program runs checks.

mod archives;
mod attach;
mod changes;
mod check;
mod dial;
mod files;
mod init;
mod input;
mod install;
mod pace;
mod paths;
mod protect;
mod requests;
mod rhythm;
mod ring;
mod scripts;
mod serve;
mod settings;
mod shell;
mod sweep;
mod terminal;
mod terminals;
mod tty;
mod typing;
mod viewer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the agent of a workbench listens: an abstract name of the pod's network, which unlike a file nobody can
/// remove or put another in place of.
const SOCKET: &str = "lectern-agent";

const USAGE: &str = "lectern-agent: runs inside a workbench of Lectern

  lectern-agent serve                    as process 1: owns the terminals and reaps orphans
  lectern-agent attach                   joins standard input and output to it
  lectern-agent serve  --socket PATH     the same at a path, for trying it out
  lectern-agent attach --socket PATH
  lectern-agent hold                     as process 1: keeps the container of checks, and reaps orphans
  lectern-agent check                    there: runs checks for who is at standard input and output
  lectern-agent install FOLDER           puts a copy of this program into a folder
  lectern-agent --version
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
    if let Err(error) = protect::hide() {
        return conclude(Err(error));
    }
    if let ("install", [folder]) = (command.as_str(), arguments.as_slice()) {
        return conclude(install::run(Path::new(folder)).map(|()| 0));
    }
    let socket = match arguments.as_slice() {
        [] => None,
        [flag, path] if flag == "--socket" => Some(PathBuf::from(path)),
        _ => return usage(),
    };
    let result = match command.as_str() {
        "serve" if std::process::id() == 1 => init::run(),
        "serve" => serve::run(socket).map(|()| 0),
        "hold" => init::hold().map(|()| 0),
        "check" => check::run().map(|()| 0),
        "attach" => attach::run(socket).map(|()| 0),
        "--version" => {
            println!("lectern-agent {}", env!("CARGO_PKG_VERSION"));
            return ExitCode::SUCCESS;
        }
        _ => return usage(),
    };
    conclude(result)
}

fn conclude(result: std::io::Result<u8>) -> ExitCode {
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("lectern-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}
