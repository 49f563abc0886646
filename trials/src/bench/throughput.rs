//! How fast one terminal shows output, acknowledged as the browser does it.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{end, one_learner, open_terminal};
use crate::figures::Figures;
use crate::stage::Stage;

/// How much a program prints, in MiB.
const MIB: u64 = 200;
const RUNS: usize = 3;
const WITHIN: Duration = Duration::from_secs(180);

pub async fn measure(stage: &Stage, figures: &mut Figures) -> Result<()> {
    let (learner, session) = one_learner(stage, "throughput").await?;
    let mut terminal = open_terminal(&learner, &session, "1").await?;
    let (mut rates, mut skipped) = (vec![], 0);
    for run in 1..=RUNS {
        // the words of the command are not those of its output
        let command =
            format!("printf 'be''gin'; head -c {MIB}M /dev/zero | tr '\\0' x; printf 'do''ne\\n'\r");
        let before = terminal.tracker.skipped;
        terminal.type_in(command.as_bytes()).await?;
        terminal.wait_for("begin", WITHIN).await?;
        let began = Instant::now();
        let shown = terminal.wait_for("done", WITHIN).await?;
        let took = began.elapsed();
        let missed = terminal.tracker.skipped - before;
        let rate = shown as f64 / 1e6 / took.as_secs_f64();
        println!(
            "throughput {run}/{RUNS}: {rate:.1} MB/s shown of {MIB} MiB in {} ms, {missed} bytes skipped",
            took.as_millis()
        );
        rates.push(rate);
        skipped += missed;
        terminal.settle().await?;
    }
    rates.sort_by(f64::total_cmp);
    figures.add("terminal_mb_per_s", rates[rates.len() / 2]);
    figures.add("terminal_slowest_mb_per_s", rates[0]);
    figures.add("terminal_fastest_mb_per_s", rates[rates.len() - 1]);
    figures.count("terminal_skipped_bytes", skipped);
    end(&learner, &session).await
}
