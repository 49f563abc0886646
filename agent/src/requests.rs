//! One stream: reads its request, does it, answers.

use std::path::PathBuf;
use std::sync::Arc;

use lectern_api::agent::{PROTOCOL, Reply, Request};
use lectern_link::{LinkError, Messages, MuxStream};
use tokio::sync::OnceCell;

use crate::scripts::{self, Wish};
use crate::settings::{Settings, home};
use crate::terminals::Terminals;
use crate::{files, viewer};

/// Where a lab's checks lie.
const EXAMINER_DIR: &str = "/opt/workshop/examiner/tests";

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
            terminals: Terminals::new(settings.clone()),
            settings,
            set_up: OnceCell::new(),
            boot_id: uuid::Uuid::new_v4().to_string(),
        }
    }
}

/// Answers one stream. What fails with the stream itself concerns nobody else.
pub async fn answer(agent: Arc<Agent>, stream: MuxStream) {
    if let Err(error) = try_answer(&agent, stream).await {
        eprintln!("lectern-agent: a stream ended early: {error}");
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
            let (first, stream) = messages.into_stream();
            let (stream, result) = files::unpack(first, stream, PathBuf::from(directory)).await;
            return Messages::new(stream).send(&done(result)).await;
        }
        Request::WriteFile { path, content, mode } => {
            done(files::write(PathBuf::from(path), content.into_bytes(), mode).await)
        }
        Request::SetUp { scripts, timeout_secs } => {
            let settings = &agent.settings;
            agent.set_up.get_or_init(|| scripts::set_up(settings, scripts, timeout_secs)).await.clone()
        }
        Request::RunCheck { name, args, stdin, timeout_secs } => {
            let folder = std::env::var("LECTERN_EXAMINER_DIR").unwrap_or_else(|_| EXAMINER_DIR.to_owned());
            let program = PathBuf::from(folder).join(name.as_str());
            let wish = Wish { program, args, stdin, env: agent.settings.env(), dir: home(), timeout_secs };
            scripts::run(wish).await
        }
        Request::Attach { terminal, offset, cols, rows, can_type } => {
            let terminal = agent.terminals.find_or_start(&terminal, cols, rows);
            return viewer::serve(messages, &terminal, offset, (cols, rows), can_type).await;
        }
    };
    messages.send(&reply).await
}

fn done(result: std::io::Result<()>) -> Reply {
    match result {
        Ok(()) => Reply::Done,
        Err(error) => Reply::Failed { message: error.to_string() },
    }
}
