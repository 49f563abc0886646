//! `lectern-agent serve`: listens for servers and answers their streams.

use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lectern_link::Incoming;
use tokio::net::UnixListener;

use crate::SOCKETS;
use crate::requests::{Agent, answer};

pub fn run(socket: Option<PathBuf>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = listen(socket)?;
        let agent = Arc::new(Agent::new());
        loop {
            let (stream, _) = listener.accept().await?;
            let agent = agent.clone();
            tokio::spawn(async move {
                let mut incoming = Incoming::accept(stream);
                while let Some(stream) = incoming.next().await {
                    tokio::spawn(answer(agent.clone(), stream));
                }
            });
        }
    })
}

fn listen(socket: Option<PathBuf>) -> io::Result<UnixListener> {
    match socket {
        Some(path) => listen_at(&path),
        None => SOCKETS.iter().map(|path| listen_at(Path::new(path))).reduce(Result::or).unwrap_or_else(|| {
            Err(io::Error::new(io::ErrorKind::NotFound, "there is no place for the agent's socket"))
        }),
    }
}

fn listen_at(path: &Path) -> io::Result<UnixListener> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen at {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(named)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(named(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(named)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(named)?;
    Ok(listener)
}
