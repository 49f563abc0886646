//! One learner does everything that a hostile one would, while others work beside: it is counted what gets through,
//! and what it costs the neighbours.

mod attacks;
mod mallory;
mod neighbours;
mod report;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout};

use crate::chaos::verify::{self, Leftovers};
use crate::settings::Settings;
use crate::stage::{COLD, Stage, unless_stopped};
use attacks::{ATTACKS, Attack, Outcome};
use mallory::Mallory;
use neighbours::Neighbours;
pub use report::Report;
use report::Trial;
use watch::MachineWatch;

/// How long one attack may take, with all that it waits for.
const ATTACK_WITHIN: Duration = Duration::from_secs(240);
/// How long neighbours work undisturbed at first, for comparison.
const QUIET_FOR: Duration = Duration::from_secs(15);
/// How long the machine has to come to itself after an attack.
const REST: Duration = Duration::from_secs(3);
/// How long the attacker's own session may take to go.
const ENDED_WITHIN: Duration = Duration::from_secs(240);

/// Which attacks, and beside how many neighbours.
#[derive(Args)]
pub struct HostileArgs {
    /// Only these attacks, by name; all of them without one.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Learners who work beside.
    #[arg(long, default_value_t = 3)]
    neighbours: usize,
    /// File for the report, in Markdown.
    #[arg(long)]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub settings: Settings,
}

/// Attacks; the report, and whether all is well.
///
/// # Errors
/// When the trial itself cannot be run; an attack that succeeds is part of the report.
pub async fn run(args: &HostileArgs) -> Result<(Report, bool)> {
    let attacks: Vec<&'static Attack> = chosen(&args.only)?;
    crate::limits::raise_open_files()?;
    let stage = Stage::set_up(&args.settings, 1).await?;
    let result = unless_stopped(attack(&stage, &args.settings, &attacks, args.neighbours)).await;
    if result.is_err() {
        println!("the server's last words:\n{}", stage.server.last_words());
    }
    let taken_down = stage.take_down().await;
    let report = result?;
    taken_down?;
    if let Some(file) = &args.report {
        crate::kept::keep_section(file, "hostile", &report.markdown(args.settings.revision.as_deref()))?;
    }
    let content = report.is_content();
    Ok((report, content))
}

fn chosen(names: &[String]) -> Result<Vec<&'static Attack>> {
    for name in names {
        if !ATTACKS.iter().any(|attack| attack.name == name) {
            let known: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
            bail!("there is no attack {name:?}; choose from {}", known.join(", "));
        }
    }
    Ok(ATTACKS
        .iter()
        .filter(|attack| names.is_empty() || names.iter().any(|name| name == attack.name))
        .collect())
}

async fn attack(
    stage: &Stage,
    settings: &Settings,
    attacks: &[&'static Attack],
    neighbours: usize,
) -> Result<Report> {
    let mut mallory = Mallory::arrive(stage, settings).await?;
    let neighbours = Neighbours::sit_down(stage, neighbours).await?;
    mallory.learn_of(&neighbours);
    let mallory = Arc::new(mallory);
    // an attacker's browser holds up no neighbour's: only what reaches the platform may
    let apart = Apart(Some(Runtime::new().context("threads for the attacks")?));
    let machine = MachineWatch::start(stage, settings)?;
    tokio::time::sleep(QUIET_FOR).await;
    let mut report = Report { quiet: neighbours.figures_since(None), ..Report::default() };

    for (number, attack) in attacks.iter().enumerate() {
        println!("hostile {}/{}: {}: {}", number + 1, attacks.len(), attack.name, attack.what);
        let began = Instant::now();
        machine.mark();
        let outcome = match timeout(ATTACK_WITHIN, apart.run(attack, &mallory)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Broke(format!("the attack itself could not be run: {error:#}")),
            Err(_) => Outcome::Broke(format!("it had no end within {} s", ATTACK_WITHIN.as_secs())),
        };
        let beside = neighbours.figures_since(Some(began));
        let trial = Trial {
            name: attack.name,
            what: attack.what,
            outcome,
            took: began.elapsed(),
            beside,
            machine: machine.since_mark(),
        };
        println!("hostile {}/{}: {trial}", number + 1, attacks.len());
        report.trials.push(trial);
        tokio::time::sleep(REST).await;
        mallory.recover().await.with_context(|| format!("after the attack {:?}", attack.name))?;
    }
    report.overall = neighbours.figures_since(None);
    report.troubles = neighbours.finish(stage).await?;
    let ended = async {
        mallory.learner.end_session(&mallory.session).await?;
        mallory.learner.wait_until_ended(&mallory.session, ENDED_WITHIN).await
    };
    if let Err(error) = ended.await {
        report.troubles.push(format!("the attacker's session did not end: {error:#}"));
    }
    let (leftovers, swept_after): (Leftovers, Duration) = verify::wait_for_sweep(stage).await?;
    report.troubles.extend(leftovers.names().into_iter().map(|name| format!("left behind: {name}")));
    report.swept_after = swept_after;
    report.troubles.extend(machine.finish());
    if let Err(error) = afterwards(stage).await {
        report.troubles.push(format!("afterwards a lab does not start as before: {error:#}"));
    }
    Ok(report)
}

/// Threads on which nothing but attacks runs.
struct Apart(Option<Runtime>);

impl Apart {
    async fn run(&self, attack: &'static Attack, mallory: &Arc<Mallory>) -> Result<Outcome> {
        let mallory = mallory.clone();
        let runtime = self.0.as_ref().context("the attacks' threads are gone")?;
        runtime.spawn(async move { (attack.run)(&mallory).await }).await.context("the attack panicked")?
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // a runtime must not wait for its threads where others are served
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Nothing may need a hand afterwards: the cluster takes writes, and a lab starts.
async fn afterwards(stage: &Stage) -> Result<()> {
    let name = format!("after-{:08x}", rand::random::<u32>());
    stage.kubectl.run(&["create", "configmap", &name, "-n", "default", "--from-literal=a=b"]).await?;
    stage.kubectl.run(&["delete", "configmap", &name, "-n", "default"]).await?;
    let learner = stage.admin.make_learners("afterwards", 1).await?.remove(0);
    let session = learner.start_session(COLD).await?;
    learner.wait_until_running(&session, Duration::from_secs(60)).await?;
    learner.end_session(&session).await?;
    learner.wait_until_ended(&session, ENDED_WITHIN).await
}
