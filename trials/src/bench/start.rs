//! From the click to the prompt: cold, out of the reserve, and in turn with what bare kubectl takes for a namespace
//! and a pod that is Ready.
//!
//! A click is the request that starts the session; the prompt is there when the terminal's socket has brought it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{PATIENCE, PROMPT, end};
use crate::figures::{Figures, Times};
use crate::kubectl::Kubectl;
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
    let first = click_to_prompt(learner, COLD).await?;
    bare_kubectl(&stage.kubectl, 0).await?;
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
        let ours = click_to_prompt(learner, COLD).await?;
        cold.push(ours);
        let by_hand = bare_kubectl(&stage.kubectl, round).await?;
        bare.push(by_hand);
        print!("start {round}/{rounds}: cold {} ms, kubectl {} ms", ours.as_millis(), by_hand.as_millis());
        if has_reserve {
            // as in life: the reserve had time to fill
            stage.wait_for_reserve(i64::from(RESERVE), RESERVE_WITHIN).await?;
            let ours = click_to_prompt(learner, RESERVED).await?;
            reserved.push(ours);
            print!(", reserved {} ms", ours.as_millis());
        }
        println!();
    }
    if has_reserve {
        figures.add_times("start_reserved", &reserved);
    }
    figures.add_times("start_cold", &cold);
    figures.add_times("start_kubectl", &bare);
    figures.add("start_cold_over_kubectl_p50", cold.percentile(50) / bare.percentile(50));
    Ok(())
}

async fn click_to_prompt(learner: &Learner, lab: &str) -> Result<Duration> {
    let clicked = Instant::now();
    let session = learner.start_session(lab).await?;
    learner.wait_until_running(&session, PATIENCE).await?;
    let mut terminal = Terminal::attach(learner, &session, "1").await?;
    terminal.wait_for(PROMPT, PATIENCE).await?;
    let took = clicked.elapsed();
    terminal.detach().await?;
    end(learner, &session).await?;
    Ok(took)
}

/// What one does by hand for the same: a namespace, a pod of the same image, and waiting until it is Ready.
async fn bare_kubectl(kubectl: &Kubectl, round: usize) -> Result<Duration> {
    let name = format!("trial-{}-{round}", std::process::id());
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
    let took = began.elapsed();
    kubectl.run(&["delete", "namespace", &name]).await?;
    Ok(took)
}
