//! The agent: the first process of each workbench. It owns the terminals, lays out files and runs checks, and is
//! spoken to through the exec of its pod.

mod archives;
mod attach;
mod changes;
mod dial;
mod files;
mod init;
mod input;
mod install;
mod pace;
mod paths;
mod requests;
mod rhythm;
mod ring;
mod scripts;
mod serve;
mod settings;
mod shell;
mod terminal;
mod terminals;
mod tty;
mod typing;
mod viewer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the agent listens, in order of preference: the second is for images whose `/run` cannot be written.
const SOCKETS: [&str; 2] = ["/run/lectern/agent.sock", "/tmp/.lectern/agent.sock"];

const USAGE: &str = "lectern-agent: runs inside a workbench of Lectern

  lectern-agent serve  [--socket PATH]   owns the terminals; as process 1 it also reaps orphans
  lectern-agent attach [--socket PATH]   joins standard input and output to it
  lectern-agent install FOLDER           puts a copy of this program into a folder
  lectern-agent --version
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<String> = arguments.collect();
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
