//! `lectern-agent check`: runs checks for the server that is connected to standard input and output. It runs in the
//! checks container beside the workbench, which shares the learner's home, `/tmp` and network but not their processes:
//! these can neither read nor change what is in this container.

mod folder;
mod sweep;

use std::io;
use std::path::{Path, PathBuf};

use lectern_api::agent::{PROTOCOLS, ProtocolRange, Reply, Request, WORKSHOP_DIR};
use lectern_link::{Incoming, LinkError, Messages, MuxStream};

use crate::files::{archives, on_disk};
use crate::log;
use crate::scripts::{self, ScriptRun};
use crate::settings::home;
use folder::Folder;

/// Serves until standard input ends.
pub fn run() -> io::Result<()> {
    log::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut incoming = Incoming::accept(tokio::io::join(tokio::io::stdin(), tokio::io::stdout()));
        while let Some(stream) = incoming.next().await {
            tokio::spawn(async {
                if let Err(error) = answer(stream).await {
                    tracing::warn!(%error, "a check ended early");
                }
            });
        }
    });
    // a thread may still wait for standard input
    runtime.shutdown_background();
    Ok(())
}

async fn answer(stream: MuxStream) -> Result<(), LinkError> {
    let mut messages = Messages::new(stream);
    let reply = match messages.receive::<Request>().await? {
        None => return Ok(()),
        Some(Request::Hello { protocol, protocols }) => {
            let asked = ProtocolRange::of_hello(protocol, protocols);
            Reply::hello(PROTOCOLS, asked, env!("CARGO_PKG_VERSION"), "")
        }
        Some(request @ Request::RunCheck { .. }) => match run_check(&mut messages, request).await? {
            Some(reply) => reply,
            None => return Ok(()),
        },
        Some(_) => Reply::Failed { message: "only checks run here".to_owned() },
    };
    messages.send(&reply).await
}

/// Runs a check with the files that follow its request. Returns `None` if nobody waits for the result any more.
async fn run_check(messages: &mut Messages, request: Request) -> Result<Option<Reply>, LinkError> {
    let Request::RunCheck { run, name, args, stdin, env, kubeconfig, timeout_secs } = request else {
        return Ok(None);
    };
    let folder = match Folder::prepare(run, kubeconfig).await {
        Ok(folder) => folder,
        Err(error) => {
            // the server reads the answer when it has sent everything
            while messages.receive_piece().await?.is_some() {}
            return Ok(Some(Reply::Failed { message: error.to_string() }));
        }
    };
    let workshop: PathBuf = folder.workshop();
    let place = workshop.clone();
    if let Err(error) = archives::unpack(messages, move || Ok(place)).await? {
        return Ok(Some(Reply::Failed { message: format!("could not unpack the lab's files: {error}") }));
    }
    let program = workshop.join("examiner/tests").join(name.as_str());
    let env = folder.env(env);
    let leaves_background = false;
    let script =
        ScriptRun { program, args, stdin, env, working_dir: home(), timeout_secs, leaves_background };
    let reply = tokio::select! {
        reply = scripts::run(script) => reply,
        // the server no longer waits for the result
        () = messages.closed() => return Ok(None),
    };
    // before the answer, so that nothing of the run is left by then
    on_disk(move || folder.remove()).await?;
    Ok(Some(with_public_paths(reply, &workshop)))
}

/// Replaces this run's folder in the reply with the one that authors know.
fn with_public_paths(mut reply: Reply, workshop: &Path) -> Reply {
    if let Reply::Ran { output: text, .. } | Reply::Failed { message: text } = &mut reply {
        *text = text.replace(&workshop.display().to_string(), WORKSHOP_DIR);
    }
    reply
}
