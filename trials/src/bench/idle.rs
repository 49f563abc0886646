//! The server's memory for attached terminals at which nobody types.

use std::time::Duration;

use anyhow::Result;
use futures::future::join_all;
use lectern_api::sessions::Session;

use super::{PATIENCE, PROMPT, end};
use crate::figures::Figures;
use crate::learner::Learner;
use crate::stage::{COLD, Stage};
use crate::terminal::Terminal;

/// How long the server has to come to rest before its memory is read.
const REST: Duration = Duration::from_secs(10);
/// How many terminals of one session are opened at a time: each is a shell that starts.
const AT_A_TIME: usize = 10;

pub async fn measure(stage: &Stage, wanted: usize, sessions: usize, figures: &mut Figures) -> Result<()> {
    let learners = stage.admin.make_learners("idle", sessions).await?;
    let mut running = vec![];
    for learner in &learners {
        let session = learner.start_session(COLD).await?;
        learner.wait_until_running(&session, PATIENCE).await?;
        // one terminal comes and goes, so that what is made once is not counted
        open(learner, &session, "1").await?.detach().await?;
        running.push(session);
    }
    tokio::time::sleep(REST).await;
    let before = stage.server.memory_kib()?;

    let each = wanted.div_ceil(sessions);
    let opening = learners.iter().zip(&running).map(|(learner, session)| open_many(learner, session, each));
    let mut terminals: Vec<Terminal> = vec![];
    let mut refusal = None;
    // one session after the other: a node has few cores
    for opening in opening {
        let (opened, error) = opening.await;
        terminals.extend(opened);
        refusal = refusal.or(error);
        println!("idle: {} terminals are open", terminals.len());
    }
    if let Some(error) = refusal {
        println!("idle: not all could be opened: {error:#}");
    }
    let opened = terminals.len();
    let idle = join_all(terminals.iter_mut().map(Terminal::watch));
    let broke = tokio::time::timeout(REST, idle).await;
    if let Ok(errors) = broke {
        println!("idle: {} terminals broke, the first: {:#}", errors.len(), errors[0]);
    }
    let after = stage.server.memory_kib()?;
    println!("idle: {opened} terminals, server memory from {before} to {after} KiB");
    figures.count("idle_terminals", opened as u64);
    figures.count("idle_sessions", sessions as u64);
    figures.count("idle_server_before_kib", before);
    figures.count("idle_server_after_kib", after);
    figures.add("idle_terminal_kib", after.saturating_sub(before) as f64 / opened.max(1) as f64);
    drop(terminals);
    let ends = learners.iter().zip(&running).map(|(learner, session)| end(learner, session));
    join_all(ends).await.into_iter().collect()
}

async fn open(learner: &Learner, session: &Session, name: &str) -> Result<Terminal> {
    let mut terminal = Terminal::attach(learner, session, name).await?;
    terminal.wait_for(PROMPT, PATIENCE).await?;
    Ok(terminal)
}

/// Opens terminals until there are enough or one is refused.
async fn open_many(
    learner: &Learner,
    session: &Session,
    wanted: usize,
) -> (Vec<Terminal>, Option<anyhow::Error>) {
    let names: Vec<String> = (1..=wanted).map(|number| number.to_string()).collect();
    let mut opened = vec![];
    for some in names.chunks(AT_A_TIME) {
        for one in join_all(some.iter().map(|name| open(learner, session, name))).await {
            match one {
                Ok(terminal) => opened.push(terminal),
                Err(error) => return (opened, Some(error)),
            }
        }
    }
    (opened, None)
}
