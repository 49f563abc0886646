//! Chaos: what everything stands on is killed, at random moments that a seed reproduces, while learners work; then it
//! is counted what was lost, doubled, left behind or stuck.

mod churn;
mod desk;
mod faults;
mod plan;
mod report;
mod ticks;
pub mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::settings::Settings;
use crate::stage::{COLD, RESERVED, Stage, unless_stopped};
use desk::{Desk, Pulse};
use faults::Parts;
use plan::{Fault, Kind};
use report::{Report, Round};

/// How long a start may take on a busy machine.
const SEATED_WITHIN: Duration = Duration::from_secs(180);
/// After how long a learner whose work does not go on is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(180);
/// After so many rounds without recovery the rest would tell nothing.
const GIVE_UP_AFTER: usize = 3;
/// The labs that are started and ended all the time.
const RESTLESS: [&str; 2] = [COLD, RESERVED];
const POLL_EVERY: Duration = Duration::from_millis(50);

/// How much chaos.
#[derive(Args)]
pub struct ChaosArgs {
    /// Faults, one after another.
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Brings the same faults again; random without it.
    #[arg(long)]
    seed: Option<u64>,
    /// Learners at work.
    #[arg(long, default_value_t = 3)]
    learners: usize,
    /// Only these kinds: server, stream, workbench, api-server, postgres.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// File for the report, in Markdown.
    #[arg(long)]
    report: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

/// Causes chaos; the report, and whether all is well.
pub async fn run(args: &ChaosArgs) -> Result<(Report, bool)> {
    let data_dir = args.settings.parts_data_dir.clone();
    let data_dir = data_dir.context("LECTERN_PARTS_DATA_DIR is not set: the parts to kill are unknown")?;
    let parts = Parts::new(args.settings.program.clone(), data_dir);
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("chaos: the seed is {seed}");
    let mut faults = plan::plan(seed, args.rounds, args.learners);
    if !args.only.is_empty() {
        let only = args.only.iter().map(|name| Kind::named(name)).collect::<Result<Vec<_>>>()?;
        faults.retain(|fault| only.contains(&fault.kind));
    }
    let mut stage = Stage::set_up(&args.settings, 1).await?;
    let result = unless_stopped(cause(&mut stage, &parts, &faults, args.learners)).await;
    if result.is_err() {
        println!("the server's last words:\n{}", stage.server.last_words());
    }
    let taken_down = stage.take_down().await;
    let mut report = result?;
    taken_down?;
    report.seed = seed;
    if let Some(file) = &args.report {
        crate::kept::keep_section(file, "chaos", &report.markdown(args.settings.revision.as_deref()))?;
    }
    let content = report.is_content();
    Ok((report, content))
}

async fn cause(stage: &mut Stage, parts: &Parts, faults: &[Fault], learners: usize) -> Result<Report> {
    let mut desks: Vec<Arc<Desk>> = vec![];
    for learner in stage.admin.make_learners("chaos", learners).await? {
        let session = learner.start_session(COLD).await?;
        let desk = Desk::new(learner, session)?;
        desk.take_seat(SEATED_WITHIN).await?;
        desks.push(desk);
    }
    let restless = stage.admin.make_learners("restless", RESTLESS.len()).await?;
    let closing = Arc::new(AtomicBool::new(false));
    let mut churning = JoinSet::new();
    for (learner, lab) in restless.into_iter().zip(RESTLESS) {
        churning.spawn(churn::churn(learner, lab, closing.clone()));
    }
    let mut work = JoinSet::new();
    for desk in &desks {
        desk.work(&mut work);
    }
    wait_for_progress(&desks, &vec![Pulse::default(); desks.len()]).await.context("before any fault")?;

    let mut report = Report::default();
    let mut in_a_row = 0;
    for (number, fault) in faults.iter().enumerate() {
        tokio::time::sleep(fault.after).await;
        let round = endure(stage, parts, *fault, &desks).await;
        println!("chaos {}/{}: {round}", number + 1, faults.len());
        in_a_row = if round.trouble.is_some() { in_a_row + 1 } else { 0 };
        report.rounds.push(round);
        if in_a_row == GIVE_UP_AFTER {
            println!("chaos: given up, because nothing recovers any more");
            break;
        }
    }
    desks.iter().for_each(|desk| desk.close());
    closing.store(true, Ordering::Relaxed);
    // what is under way is finished, which takes no longer than what is stuck
    let finished =
        tokio::time::timeout(STUCK_AFTER, async { while work.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        report.troubles.push("work did not come to its end".to_owned());
        work.abort_all();
    }
    while let Some(churned) = churning.join_next().await {
        report.churned.push(churned?);
    }
    settle(stage, &desks, &mut report).await?;
    Ok(report)
}

/// One round: the fault, and the wait until everybody's work has gone on.
async fn endure(stage: &mut Stage, parts: &Parts, fault: Fault, desks: &[Arc<Desk>]) -> Round {
    let began = Instant::now();
    let mut round = Round { fault, recovery: Duration::ZERO, home: None, trouble: None };
    let target = &desks[fault.learner];
    let earlier = target.statement();
    if let Err(error) = faults::strike(stage, parts, fault, target).await {
        round.trouble = Some(format!("{error:#}"));
    }
    let recovered = async {
        if fault.kind.ends_workbench() {
            wait_for_restart(target, earlier.restarts).await?;
        }
        // what goes on from here on does so after the fault
        let before = desks.iter().map(|desk| desk.pulse()).collect::<Vec<_>>();
        wait_for_progress(desks, &before).await
    };
    if let Err(error) = recovered.await {
        round.trouble.get_or_insert_with(|| format!("{error:#}"));
    }
    round.recovery = began.elapsed();
    let later = target.statement();
    if fault.kind.ends_workbench() && later.homes != earlier.homes {
        round.home = Some(later.homes[1] == earlier.homes[1]);
    }
    round
}

/// A workbench that was deleted lives on for a moment: only another one in its place shows that it has gone.
async fn wait_for_restart(desk: &Desk, before: [u32; 2]) -> Result<()> {
    let deadline = Instant::now() + STUCK_AFTER;
    loop {
        let now = desk.statement().restarts;
        if now[0] > before[0] && now[1] > before[1] {
            return Ok(());
        }
        anyhow::ensure!(
            Instant::now() < deadline,
            "no other workbench took the place of the deleted one within {} s",
            STUCK_AFTER.as_secs()
        );
        tokio::time::sleep(POLL_EVERY).await;
    }
}

async fn wait_for_progress(desks: &[Arc<Desk>], before: &[Pulse]) -> Result<()> {
    let deadline = Instant::now() + STUCK_AFTER;
    for (number, (desk, before)) in desks.iter().zip(before).enumerate() {
        while !desk.pulse().is_past(*before) {
            anyhow::ensure!(
                Instant::now() < deadline,
                "learner {} is stuck after {} s: {:?}, before {before:?}",
                number + 1,
                STUCK_AFTER.as_secs(),
                desk.pulse()
            );
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
    Ok(())
}

/// Ends what runs and counts.
async fn settle(stage: &Stage, desks: &[Arc<Desk>], report: &mut Report) -> Result<()> {
    let mut conn = stage.database.connect().await?;
    for desk in desks {
        verify::count_events(&mut conn, desk, &mut report.events).await?;
        report.accounts.push(desk.statement());
    }
    for (number, desk) in desks.iter().enumerate() {
        let ended = async {
            desk.learner.end_session(&desk.session).await?;
            desk.learner.wait_until_ended(&desk.session, STUCK_AFTER).await
        };
        if let Err(error) = ended.await {
            report.troubles.push(format!("the session of learner {} did not end: {error:#}", number + 1));
        }
    }
    (report.leftovers, report.swept_after) = verify::wait_for_sweep(stage).await?;
    Ok(())
}
