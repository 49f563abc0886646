//! From the click to the prompt: cold, out of the reserve, and in turn with what bare kubectl takes for a namespace
//! and a pod that is Ready.
//!
//! A click is the request that starts the session; the prompt is there when the terminal's socket has brought it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::join_all;
use lectern_api::sessions::Session;
use lectern_testbed::Kubectl;

use super::{PATIENCE, PROMPT, end};
use crate::figures::{Figures, Times};
use crate::learner::Learner;
use crate::stage::{COLD, RESERVED, Stage};
use crate::terminal::Terminal;

/// How many sessions the reserve holds.
pub const RESERVE: u32 = 2;
const IMAGE: &str = "docker.io/lectern/workbench:latest";
const RESERVE_WITHIN: Duration = Duration::from_secs(90);

pub async fn measure(stage: &Stage, rounds: usize, figures: &mut Figures) -> Result<()> {
    let learner = &stage.admin;
    // the first of each pays for what every later one finds: image unpacked, caches warm
    let (first, session) = click_to_prompt(learner, COLD).await?;
    bare_kubectl(&stage.kubectl, 0).await?;
    remove_namespace(&stage.kubectl, 0).await?;
    end(learner, &session).await?;
    println!("start: the first on this node took {} ms", first.as_millis());
    figures.add("start_first_ms", first.as_secs_f64() * 1000.0);
    let (mut cold, mut bare, mut reserved) = (Times::default(), Times::default(), Times::default());
    let has_reserve = match stage.wait_for_reserve(1, RESERVE_WITHIN).await {
        Ok(()) => true,
        Err(error) => {
            println!("start: only cold is measured: {error}");
            false
        }
    };
    for round in 1..=rounds {
        let (ours, session) = click_to_prompt(learner, COLD).await?;
        let by_hand = bare_kubectl(&stage.kubectl, round).await?;
        print!("start {round}/{rounds}: cold {} ms, kubectl {} ms", ours.as_millis(), by_hand.as_millis());
        cold.push(ours);
        bare.push(by_hand);
        let mut sessions = vec![session];
        if has_reserve {
            let (ours, session) = click_to_prompt(learner, RESERVED).await?;
            print!(", reserved {} ms", ours.as_millis());
            reserved.push(ours);
            sessions.push(session);
        }
        println!();
        // the next round begins at rest: nothing is being removed, and the reserve had time to fill, as in life
        let ends = join_all(sessions.iter().map(|session| end(learner, session)));
        let (ended, removed) = tokio::join!(ends, remove_namespace(&stage.kubectl, round));
        ended.into_iter().collect::<Result<()>>().and(removed)?;
        if has_reserve {
            stage.wait_for_reserve(i64::from(RESERVE), RESERVE_WITHIN).await?;
        }
    }
    if has_reserve {
        figures.add_times("start_reserved", &reserved);
    }
    figures.add_times("start_cold", &cold);
    figures.add_times("start_kubectl", &bare);
    figures.add("start_cold_over_kubectl_p50", cold.percentile(50) / bare.percentile(50));
    Ok(())
}

async fn click_to_prompt(learner: &Learner, lab: &str) -> Result<(Duration, Session)> {
    let clicked = Instant::now();
    let session = learner.start_session(lab).await?;
    learner.wait_until_running(&session, PATIENCE).await?;
    let mut terminal = Terminal::attach(learner, &session, "1").await?;
    terminal.wait_for(PROMPT, PATIENCE).await?;
    let took = clicked.elapsed();
    terminal.detach().await?;
    Ok((took, session))
}

/// What one does by hand for the same: a namespace, a pod of the same image, and waiting until it is Ready.
async fn bare_kubectl(kubectl: &Kubectl, round: usize) -> Result<Duration> {
    let name = namespace(round);
    let began = Instant::now();
    kubectl.run(&["create", "namespace", &name]).await?;
    // a pod is refused until the namespace has its service account
    while kubectl.run(&["get", "serviceaccount", "default", "-n", &name]).await.is_err() {
        ensure!(began.elapsed() < PATIENCE, "no service account came to the namespace {name}");
    }
    kubectl
        .run(&["run", "trial", "-n", &name, "--image", IMAGE, "--image-pull-policy", "IfNotPresent"])
        .await?;
    kubectl.run(&["wait", "-n", &name, "--for=condition=Ready", "pod/trial", "--timeout=60s"]).await?;
    Ok(began.elapsed())
}

fn namespace(round: usize) -> String {
    format!("trial-{}-{round}", std::process::id())
}

async fn remove_namespace(kubectl: &Kubectl, round: usize) -> Result<()> {
    kubectl.run(&["delete", "namespace", &namespace(round)]).await.map(drop)
}
