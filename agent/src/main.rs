//! The agent: process 1 of every workbench. It runs the terminals, reads and writes files, and is reached by an exec
//! into its pod. In the checks container beside the workbench, the same program runs checks.

mod attach;
mod check;
mod dial;
mod files;
mod init;
mod install;
mod log;
mod protect;
mod requests;
mod scripts;
mod serve;
mod set_up;
mod settings;
mod socket;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "lectern-agent: runs inside a workbench of Lectern

  lectern-agent serve                    as process 1: runs the terminals and reaps orphans
  lectern-agent attach                   connects standard input and output to that process
  lectern-agent serve  --socket PATH     the same on a socket at a path, to try it out
  lectern-agent attach --socket PATH
  lectern-agent hold                     as process 1: keeps the checks container alive and reaps orphans
  lectern-agent check                    in that container: runs the checks that standard input asks for
  lectern-agent install FOLDER           copies this program into a folder
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
