//! `lectern-agent check`: runs checks for the server at standard input and output. It runs in a container of its own
//! beside the workbench, which shares the learner's home, `/tmp` and network but none of their processes: they can
//! neither read what is here nor touch it.

mod folder;

use std::io;
use std::path::{Path, PathBuf};

use lectern_api::agent::{PROTOCOL, Reply, Request, WORKSHOP_DIR};
use lectern_link::{Incoming, LinkError, Messages, MuxStream};

use crate::archives;
use crate::files::on_disk;
use crate::scripts::{self, Wish};
use crate::settings::home;
use folder::Folder;

/// Serves until standard input ends.
pub fn run() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut incoming = Incoming::accept(tokio::io::join(tokio::io::stdin(), tokio::io::stdout()));
        while let Some(stream) = incoming.next().await {
            tokio::spawn(async {
                if let Err(error) = answer(stream).await {
                    eprintln!("lectern-agent: a check ended early: {error}");
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
        Some(Request::Hello { .. }) => Reply::Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: String::new(),
        },
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
            // the server hears of it when it has sent everything
            while messages.receive_piece().await?.is_some() {}
            return Ok(Some(Reply::Failed { message: error.to_string() }));
        }
    };
    let workshop: PathBuf = folder.workshop();
    let place = workshop.clone();
    if let Err(error) = archives::unpack(messages, move || Ok(place)).await? {
        return Ok(Some(Reply::Failed {
            message: format!("the lab's files could not be laid out: {error}"),
        }));
    }
    let program = workshop.join("examiner/tests").join(name.as_str());
    let wish = Wish { program, args, stdin, env: folder.env(env), dir: home(), timeout_secs };
    let reply = tokio::select! {
        reply = scripts::run(wish) => reply,
        // who does not wait for the result does not need the check
        () = messages.closed() => return Ok(None),
    };
    // by now nothing of it may go on
    on_disk(move || folder.remove()).await?;
    Ok(Some(as_authors_know_it(reply, &workshop)))
}

/// The reply with the place that authors know in place of this run's.
fn as_authors_know_it(mut reply: Reply, workshop: &Path) -> Reply {
    if let Reply::Ran { output: text, .. } | Reply::Failed { message: text } = &mut reply {
        *text = text.replace(&workshop.display().to_string(), WORKSHOP_DIR);
    }
    reply
}
