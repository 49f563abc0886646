//! Learners who press start in the same second, as at the beginning of a class.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::join_all;
use lectern_api::sessions::Session;

use super::start::RESERVE;
use super::{PATIENCE, PROMPT, end};
use crate::figures::{Figures, Times};
use crate::learner::Learner;
use crate::stage::{COLD, RESERVED, Stage};
use crate::terminal::Terminal;

/// Within which time all of them press.
const WITHIN: Duration = Duration::from_secs(1);

/// How long the reserve for all of them may take to be made.
const RESERVE_WITHIN: Duration = Duration::from_secs(300);

/// With nothing made ahead, and with a session in reserve for each.
pub async fn measure(stage: &mut Stage, count: usize, figures: &mut Figures) -> Result<()> {
    press_together(stage, "burst", COLD, count, figures).await?;
    stage.keep_in_reserve(u32::try_from(count)?, RESERVE_WITHIN).await?;
    press_together(stage, "burst_reserved", RESERVED, count, figures).await?;
    stage.keep_in_reserve(RESERVE, RESERVE_WITHIN).await
}

async fn press_together(
    stage: &Stage,
    name: &str,
    lab: &str,
    count: usize,
    figures: &mut Figures,
) -> Result<()> {
    let learners = stage.admin.make_learners(&name.replace('_', "-"), count).await?;
    let began = Instant::now();
    let starts = learners.iter().enumerate().map(|(number, learner)| async move {
        tokio::time::sleep(WITHIN.mul_f64(number as f64 / count as f64)).await;
        let clicked = Instant::now();
        let (session, outcome) = first_try(learner, lab).await;
        let prompt_at = Instant::now();
        if let Err(error) = &outcome {
            println!("{name}: learner {} has no prompt: {error:#}", number + 1);
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
    println!("{name}: {reached} of {count} have a prompt, the last after {} ms", last.as_millis());
    figures.count(format!("{name}_learners"), count as u64);
    figures.add(format!("{name}_first_try_ratio"), f64::from(reached) / count as f64);
    figures.add(format!("{name}_last_prompt_ms"), last.as_secs_f64() * 1000.0);
    figures.add_times(&format!("{name}_prompt"), &times);
    let ends = learners.iter().zip(&ended).filter_map(|(learner, (session, ..))| {
        let session = session.as_ref()?;
        Some(end(learner, session))
    });
    for ended in join_all(ends).await {
        // one that failed is over already
        if let Err(error) = ended {
            println!("{name}: {error:#}");
        }
    }
    Ok(())
}

/// Starts once and waits for the prompt, with no second try.
async fn first_try(learner: &Learner, lab: &str) -> (Option<Session>, Result<()>) {
    let session = match learner.start_session(lab).await {
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
