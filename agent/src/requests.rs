//! One stream: reads its request, does it, answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lectern_api::agent::{PROTOCOL, Reply, Request};
use lectern_link::{LinkError, Messages, MuxStream};
use tokio::sync::OnceCell;

use crate::settings::{Settings, home};
use crate::terminals::Terminals;
use crate::{archives, changes, dial, files, paths, scripts, viewer};

/// All that the agent owns.
pub struct Agent {
    settings: Arc<Settings>,
    terminals: Terminals,
    /// The result of the set-up scripts, which run once.
    set_up: OnceCell<Reply>,
    boot_id: String,
}

impl Agent {
    /// A new one, with a new boot id.
    pub fn new() -> Self {
        let settings = Arc::new(Settings::default());
        Self {
            terminals: Terminals::new(settings.clone(), files::is_empty(&home())),
            settings,
            set_up: OnceCell::new(),
            boot_id: uuid::Uuid::new_v4().to_string(),
        }
    }

    /// Ends all shells, as closing their terminals would; for this long at most.
    pub async fn end(&self, patience: Duration) {
        self.terminals.end(patience).await;
    }
}

/// Answers one stream. What fails with the stream itself concerns nobody else.
pub async fn answer(agent: Arc<Agent>, stream: MuxStream) {
    match try_answer(&agent, stream).await {
        // who goes in the middle of an answer goes without a word, as browsers do
        Ok(()) | Err(LinkError::Closed | LinkError::Io(_)) => {}
        Err(error) => eprintln!("lectern-agent: a stream ended early: {error}"),
    }
}

async fn try_answer(agent: &Agent, stream: MuxStream) -> Result<(), LinkError> {
    let mut messages = Messages::new(stream);
    let request = match messages.receive::<Request>().await {
        Ok(Some(request)) => request,
        Ok(None) => return Ok(()),
        Err(LinkError::BadMessage(error)) => {
            let message = format!("the request is not understood: {error}");
            return messages.send(&Reply::Failed { message }).await;
        }
        Err(error) => return Err(error),
    };
    let reply = match request {
        Request::Hello { .. } => Reply::Hello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: agent.boot_id.clone(),
        },
        Request::Configure { env, working_dir } => {
            agent.settings.configure(env, PathBuf::from(working_dir));
            Reply::Done
        }
        Request::PutFiles { directory } => {
            done(archives::unpack(&mut messages, move || Ok(paths::place(&directory)?)).await?)
        }
        Request::Upload { path, mode } => done(files::upload(&mut messages, path, mode).await?),
        Request::WriteFile { path, content, mode } => done(files::write(path, content, mode).await),
        Request::ListFiles { path } => files::list(path).await.unwrap_or_else(|error| files::failed(&error)),
        Request::ReadFile { path } => return files::read(messages, path).await,
        Request::Download { path } => return archives::download(messages, path).await,
        Request::Watch { path } => return changes::watch(messages, path).await,
        Request::Dial { port } => return dial::dial(messages, port).await,
        Request::SetUp { scripts, timeout_secs } => {
            let settings = &agent.settings;
            agent.set_up.get_or_init(|| scripts::set_up(settings, scripts, timeout_secs)).await.clone()
        }
        Request::RunCheck { .. } => {
            Reply::Failed { message: "checks run beside the workbench, not in it".to_owned() }
        }
        Request::Attach { terminal, offset, cols, rows, can_type, window_bytes } => {
            match agent.terminals.find_or_start(&terminal, (cols, rows)) {
                Ok(terminal) => {
                    let wish = viewer::Wish { offset, size: (cols, rows), can_type, window_bytes };
                    return viewer::serve(messages, &terminal, wish).await;
                }
                Err(error) => Reply::Failed { message: error.to_string() },
            }
        }
    };
    messages.send(&reply).await
}

fn done(result: std::io::Result<()>) -> Reply {
    match result {
        Ok(()) => Reply::Done,
        Err(error) => files::failed(&error),
    }
}
