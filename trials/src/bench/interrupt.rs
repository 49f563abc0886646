//! Ctrl-C while output floods: until the shell's prompt is there.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{end, one_learner, open_terminal};
use crate::figures::{Figures, Times};
use crate::stage::Stage;

const WITHIN: Duration = Duration::from_secs(30);
/// A prompt that the flood cannot be taken for.
const READY: &str = "[ready]";
/// How long it floods before the interrupt.
const FLOOD: Duration = Duration::from_millis(300);

pub async fn measure(stage: &Stage, count: usize, figures: &mut Figures) -> Result<()> {
    let (learner, session) = one_learner(stage, "interrupt").await?;
    let mut terminal = open_terminal(&learner, &session, "1").await?;
    terminal.type_in(b"PS1='[rea''dy]'\r").await?;
    terminal.wait_for(READY, WITHIN).await?;
    let mut times = Times::default();
    for round in 1..=count {
        terminal.type_in(b"yes\r").await?;
        let flooding = Instant::now();
        while flooding.elapsed() < FLOOD {
            terminal.read().await?;
        }
        let pressed = Instant::now();
        terminal.type_in(b"\x03").await?;
        terminal.wait_for(READY, WITHIN).await?;
        times.push(pressed.elapsed());
        if round % 20 == 0 {
            println!("interrupt {round}/{count}: p50 {:.1} ms", times.percentile(50));
        }
        terminal.settle().await?;
    }
    println!("interrupt: p50 {:.1} ms, p99 {:.1} ms", times.percentile(50), times.percentile(99));
    figures.add_times("ctrl_c_under_flood", &times);
    end(&learner, &session).await
}
