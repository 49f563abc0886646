//! Answers one stream: reads its request, carries it out, replies.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lectern_api::agent::{PROTOCOLS, ProtocolRange, Reply, Request};
use lectern_link::{LinkError, Messages, MuxStream};
use tokio::sync::OnceCell;

use crate::dial;
use crate::files::{self, access, archives, changes, learner, paths};
use crate::set_up::{Limits, set_up};
use crate::settings::{Settings, home};
use crate::terminal::{Terminals, viewer};

/// The state of a workbench's agent, shared by all streams.
pub struct Agent {
    settings: Arc<Settings>,
    terminals: Terminals,
    /// The result of the set-up scripts, once they have run.
    set_up: OnceCell<Reply>,
    boot_id: String,
}

impl Agent {
    /// Creates an agent without terminals, with a new boot id.
    pub fn new() -> Self {
        let settings = Arc::new(Settings::default());
        let boot_id = uuid::Uuid::new_v4().to_string();
        let version = env!("CARGO_PKG_VERSION");
        tracing::info!(agent.version = version, agent.protocols = %PROTOCOLS, boot_id, "the agent has started");
        Self {
            terminals: Terminals::new(settings.clone(), access::is_empty(&home())),
            settings,
            set_up: OnceCell::new(),
            boot_id,
        }
    }

    /// Hangs up on all shells and waits up to `patience` for them to exit.
    pub async fn end(&self, patience: Duration) {
        self.terminals.end(patience).await;
    }
}

/// Answers one stream. A failure of the stream affects nothing else.
pub async fn answer(agent: Arc<Agent>, stream: MuxStream) {
    match try_answer(&agent, stream).await {
        // servers close streams in the middle of an answer when browsers disconnect
        Ok(()) | Err(LinkError::Closed | LinkError::Io(_)) => {}
        Err(error) => tracing::warn!(%error, "a stream ended early"),
    }
}

async fn try_answer(agent: &Agent, stream: MuxStream) -> Result<(), LinkError> {
    let mut messages = Messages::new(stream);
    let request = match messages.receive::<Request>().await {
        Ok(Some(request)) => request,
        Ok(None) => return Ok(()),
        Err(LinkError::BadMessage(error)) => {
            let message = format!("this agent does not understand the request: {error}");
            return messages.send(&Reply::Failed { message }).await;
        }
        Err(error) => return Err(error),
    };
    let reply = match request {
        Request::Hello { protocol, protocols } => {
            let asked = ProtocolRange::of_hello(protocol, protocols);
            Reply::hello(PROTOCOLS, asked, env!("CARGO_PKG_VERSION"), &agent.boot_id)
        }
        Request::Configure { env, working_dir } => {
            agent.settings.configure(env, PathBuf::from(working_dir));
            Reply::Done
        }
        Request::PutFiles { directory } => {
            done(archives::unpack(&mut messages, move || Ok(paths::place(&directory)?)).await?)
        }
        Request::Upload { path, mode } => done(access::upload(&mut messages, path, mode).await?),
        Request::WriteFile { path, content, mode } => done(access::write(path, content, mode).await),
        Request::ListFiles { path } => access::list(path).await.unwrap_or_else(|error| files::failed(&error)),
        Request::ReadFile { path } => return access::read(messages, path).await,
        Request::Download { path } => return archives::download(messages, path).await,
        Request::Watch { path } => return changes::watch(messages, path).await,
        Request::Files(request) => return learner::answer(messages, request).await,
        Request::Dial { port } => return dial::dial(messages, port).await,
        Request::Connect { host, port } => return dial::connect_to(messages, &host, port).await,
        Request::SetUp { scripts, timeout_secs, script_timeout_secs } => {
            let limits = Limits { all: timeout_secs, each: script_timeout_secs };
            agent.set_up.get_or_init(|| set_up(&agent.settings, scripts, limits)).await.clone()
        }
        Request::RunCheck { .. } => {
            Reply::Failed { message: "checks run beside the workbench, not in it".to_owned() }
        }
        Request::Attach(request) => {
            match agent.terminals.find_or_start(&request.terminal, (request.cols, request.rows)) {
                Ok(terminal) => return viewer::serve(messages, &terminal, &request).await,
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
