//! Learners who press start in the same second, as at the beginning of a class.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use lectern_api::sessions::Session;

use super::{PATIENCE, PROMPT, end};
use crate::figures::{Figures, Times};
use crate::learner::Learner;
use crate::stage::{COLD, Stage};
use crate::terminal::Terminal;

/// Within which time all of them press.
const WITHIN: Duration = Duration::from_secs(1);

pub async fn measure(stage: &Stage, count: usize, figures: &mut Figures) -> Result<()> {
    let learners = stage.admin.make_learners("burst", count).await?;
    let began = Instant::now();
    let starts = learners.iter().enumerate().map(|(number, learner)| async move {
        tokio::time::sleep(WITHIN.mul_f64(number as f64 / count as f64)).await;
        let clicked = Instant::now();
        let (session, outcome) = first_try(learner).await;
        let prompt_at = Instant::now();
        if let Err(error) = &outcome {
            println!("burst: learner {} has no prompt: {error:#}", number + 1);
        }
        (session, outcome.is_ok(), prompt_at - clicked, prompt_at - began)
    });
    let ended = join_all(starts).await;
    let (mut times, mut last, mut reached) = (Times::default(), Duration::ZERO, 0);
    for (_, got_prompt, took, at) in &ended {
        if *got_prompt {
            times.push(*took);
            last = last.max(*at);
            reached += 1;
        }
    }
    println!("burst: {reached} of {count} have a prompt, the last after {} ms", last.as_millis());
    figures.count("burst_learners", count as u64);
    figures.add("burst_first_try_ratio", f64::from(reached) / count as f64);
    figures.add("burst_last_prompt_ms", last.as_secs_f64() * 1000.0);
    figures.add_times("burst_prompt", &times);
    let ends = learners.iter().zip(&ended).filter_map(|(learner, (session, ..))| {
        let session = session.as_ref()?;
        Some(end(learner, session))
    });
    for ended in join_all(ends).await {
        // one that failed is over already
        if let Err(error) = ended {
            println!("burst: {error:#}");
        }
    }
    Ok(())
}

/// Starts once and waits for the prompt, with no second try.
async fn first_try(learner: &Learner) -> (Option<Session>, Result<()>) {
    let session = match learner.start_session(COLD).await {
        Ok(session) => session,
        Err(error) => return (None, Err(error)),
    };
    let outcome = async {
        learner.wait_until_running(&session, PATIENCE).await?;
        let mut terminal = Terminal::attach(learner, &session, "1").await?;
        terminal.wait_for(PROMPT, PATIENCE).await?;
        terminal.detach().await
    };
    let outcome = outcome.await.map(drop);
    (Some(session), outcome)
}
