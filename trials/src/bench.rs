//! The measurements, each beside what one would do without Lectern where there is such a thing.

mod burst;
mod echo;
mod idle;
mod interrupt;
mod start;
mod throughput;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use lectern_api::sessions::Session;

use crate::figures::Figures;
use crate::learner::Learner;
use crate::settings::Settings;
use crate::stage::{COLD, Stage, unless_stopped};
use crate::terminal::Terminal;

/// How long anything may take that a learner waits for.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the prompt ends in, whatever folder it names.
const PROMPT: &str = "$ ";

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measurement {
    /// From the click to the prompt, beside kubectl.
    Start,
    /// Thirty learners in one second.
    Burst,
    /// A keystroke's echo, beside kubectl exec.
    Echo,
    /// How fast one terminal shows output.
    Throughput,
    /// Ctrl-C while output floods.
    Interrupt,
    /// The server's memory for terminals at which nobody types.
    Idle,
    /// A thousand sessions on nodes that are simulated; only when asked for by name.
    Scale,
}

/// Which measurements, and how much of each.
#[derive(Args)]
pub struct BenchArgs {
    /// Which; all but `scale` without a name.
    #[arg(value_enum)]
    measurements: Vec<Measurement>,
    /// Rounds of starting.
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// Learners who press start in the same second.
    #[arg(long, default_value_t = 30)]
    burst: usize,
    /// Keystrokes, each idle and beside a flood.
    #[arg(long, default_value_t = 1000)]
    keystrokes: usize,
    /// Ctrl-Cs.
    #[arg(long, default_value_t = 100)]
    interrupts: usize,
    /// Terminals that stay open.
    #[arg(long, default_value_t = 2000)]
    terminals: usize,
    /// Sessions over which they are spread.
    #[arg(long, default_value_t = 32)]
    terminal_sessions: usize,
    /// Sessions on simulated nodes.
    #[arg(long, default_value_t = 1000)]
    scale_sessions: usize,
    /// Folder in which the figures are kept, one file a day.
    #[arg(long)]
    keep: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

/// Measures.
pub async fn run(args: &BenchArgs) -> Result<Figures> {
    let all = args.measurements.is_empty();
    let wanted = |one: Measurement| args.measurements.contains(&one) || (all && one != Measurement::Scale);
    let mut figures = Figures::default();
    figures.add_machine(args.settings.revision.as_deref());
    // terminals at which nobody types are sockets, two files each in this process and the server
    crate::limits::raise_open_files()?;
    let mut stage = Stage::set_up(&args.settings, start::RESERVE).await?;
    let measured = async {
        if wanted(Measurement::Start) {
            start::measure(&stage, args.starts, &mut figures).await?;
        }
        if wanted(Measurement::Burst) {
            burst::measure(&mut stage, args.burst, &mut figures).await?;
        }
        if wanted(Measurement::Echo) {
            echo::measure(&stage, args.keystrokes, &mut figures).await?;
        }
        if wanted(Measurement::Throughput) {
            throughput::measure(&stage, &mut figures).await?;
        }
        if wanted(Measurement::Interrupt) {
            interrupt::measure(&stage, args.interrupts, &mut figures).await?;
        }
        if wanted(Measurement::Idle) {
            idle::measure(&stage, args.terminals, args.terminal_sessions, &mut figures).await?;
        }
        if wanted(Measurement::Scale) {
            crate::scale::measure(&mut stage, args.scale_sessions, &mut figures).await?;
        }
        Ok(())
    };
    let measured = unless_stopped(measured).await;
    if measured.is_err() {
        println!("the server's last words:\n{}", stage.server.last_words());
    }
    let taken_down = stage.take_down().await;
    measured.and(taken_down)?;
    if let Some(folder) = &args.keep {
        println!("kept in {}", figures.keep(folder)?.display());
    }
    Ok(figures)
}

/// One learner with a running session of the lab of which nothing is kept ready.
async fn one_learner(stage: &Stage, name: &str) -> Result<(Learner, Session)> {
    let learners = stage.admin.make_learners(name, 1).await?;
    let learner = learners.into_iter().next().ok_or_else(|| anyhow::anyhow!("no learner was made"))?;
    let session = learner.start_session(COLD).await?;
    learner.wait_until_running(&session, PATIENCE).await?;
    Ok((learner, session))
}

/// Attaches to a terminal whose shell has a prompt.
async fn open_terminal(learner: &Learner, session: &Session, name: &str) -> Result<Terminal> {
    let mut terminal = Terminal::attach(learner, session, name).await?;
    terminal.wait_for(PROMPT, PATIENCE).await?;
    terminal.settle().await?;
    Ok(terminal)
}

async fn end(learner: &Learner, session: &Session) -> Result<()> {
    learner.end_session(session).await?;
    learner.wait_until_ended(session, PATIENCE).await
}
