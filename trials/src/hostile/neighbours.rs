//! The learners who work beside: each types and waits for the echo, all the time, and others start and end labs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use lectern_api::sessions::Session;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::figures::Times;
use crate::learner::Learner;
use crate::stage::{COLD, Stage};
use crate::terminal::Terminal;

/// Between two keystrokes of one neighbour.
const BETWEEN: Duration = Duration::from_millis(60);
/// After so many characters the line is cleared.
const LINE: usize = 40;
/// An echo that takes longer has failed.
const ECHO_WITHIN: Duration = Duration::from_secs(20);
/// A start that takes longer has failed.
const STARTED_WITHIN: Duration = Duration::from_secs(60);
const ENDED_WITHIN: Duration = Duration::from_secs(120);
/// Between two starts.
const BETWEEN_STARTS: Duration = Duration::from_secs(5);
/// How many people take turns at starting, so that nobody exceeds what one person may start in an hour.
const STARTERS: usize = 12;
const PROMPT: &str = "$ ";

/// What neighbours noticed within some time.
#[derive(Debug, Default)]
pub struct Noticed {
    pub echo: Times,
    pub starts: Times,
    /// Echoes and starts that did not come, with the reason.
    pub failures: Vec<String>,
}

/// What happened, with the moment at which it ended.
#[derive(Default)]
struct Diary {
    echoes: Vec<(Instant, Duration)>,
    starts: Vec<(Instant, Duration)>,
    failures: Vec<(Instant, String)>,
}

/// A neighbour's workbench, to be found as it was.
struct Seat {
    learner: Learner,
    session: Session,
    pod: String,
    identity: String,
}

/// All of them at work.
pub struct Neighbours {
    seats: Vec<Seat>,
    diary: Arc<Mutex<Diary>>,
    closing: Arc<AtomicBool>,
    work: JoinSet<()>,
}

impl Neighbours {
    /// Gives `count` learners a session each, and lets them work.
    pub async fn sit_down(stage: &Stage, count: usize) -> Result<Self> {
        let mut all =
            Self { seats: vec![], diary: Arc::default(), closing: Arc::default(), work: JoinSet::new() };
        for learner in stage.admin.make_learners("neighbour", count).await? {
            let session = learner.start_session(COLD).await?;
            learner.wait_until_running(&session, STARTED_WITHIN).await?;
            let namespace = stage.server.namespace();
            let pod = stage.kubectl.find_workbench(namespace, &session.id.to_string()).await?;
            let identity = identity_of(stage, &pod).await?;
            let mut terminal = Terminal::attach(&learner, &session, "1").await?;
            terminal.wait_for(PROMPT, STARTED_WITHIN).await?;
            terminal.settle().await?;
            let (diary, closing) = (all.diary.clone(), all.closing.clone());
            all.work.spawn(type_on(terminal, learner.clone(), session.clone(), diary, closing));
            all.seats.push(Seat { learner, session, pod, identity });
        }
        let starters = stage.admin.make_learners("starter", STARTERS).await?;
        all.work.spawn(start_on(starters, all.diary.clone(), all.closing.clone()));
        Ok(all)
    }

    /// A neighbour's learner namespace, as the attacker may have come to know it.
    pub fn namespaces(&self) -> Vec<String> {
        self.seats.iter().map(|seat| seat.session.namespace.clone()).collect()
    }

    /// Their workbench pods.
    pub fn pods(&self) -> Vec<String> {
        self.seats.iter().map(|seat| seat.pod.clone()).collect()
    }

    /// What they noticed since then; absent: from the beginning.
    pub fn figures_since(&self, then: Option<Instant>) -> Noticed {
        let diary = self.diary.lock().unwrap_or_else(PoisonError::into_inner);
        let is_later = |at: &Instant| then.is_none_or(|then| *at >= then);
        let times = |all: &[(Instant, Duration)]| {
            let mut times = Times::default();
            all.iter().filter(|(at, _)| is_later(at)).for_each(|(_, took)| times.push(*took));
            times
        };
        Noticed {
            echo: times(&diary.echoes),
            starts: times(&diary.starts),
            failures: diary
                .failures
                .iter()
                .filter(|(at, _)| is_later(at))
                .map(|(_, text)| text.clone())
                .collect(),
        }
    }

    /// Lets them finish, looks whether their workbenches are the same as at first, and ends their sessions; what
    /// is not as it should be.
    pub async fn finish(mut self, stage: &Stage) -> Result<Vec<String>> {
        self.closing.store(true, Ordering::Relaxed);
        let finished = async { while self.work.join_next().await.is_some() {} };
        let mut troubles = vec![];
        if tokio::time::timeout(STARTED_WITHIN + ENDED_WITHIN, finished).await.is_err() {
            troubles.push("a neighbour's work did not come to its end".to_owned());
        }
        for seat in &self.seats {
            match identity_of(stage, &seat.pod).await {
                Ok(identity) if identity == seat.identity => {}
                Ok(identity) => troubles.push(format!(
                    "a neighbour's workbench is not what it was: {} before, {identity} now",
                    seat.identity
                )),
                Err(error) => troubles.push(format!("a neighbour's workbench is gone: {error:#}")),
            }
            let ended = async {
                seat.learner.end_session(&seat.session).await?;
                seat.learner.wait_until_ended(&seat.session, ENDED_WITHIN).await
            };
            if let Err(error) = ended.await {
                troubles.push(format!("a neighbour's session did not end: {error:#}"));
            }
        }
        Ok(troubles)
    }
}

/// The pod's id and how often its container was started.
async fn identity_of(stage: &Stage, pod: &str) -> Result<String> {
    // not its phase: a kubelet reports that a pod runs up to a second late
    let path = "jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount}";
    stage.kubectl.run(&["get", "pod", "-n", stage.server.namespace(), pod, "-o", path]).await
}

async fn type_on(
    mut terminal: Terminal,
    learner: Learner,
    session: Session,
    diary: Arc<Mutex<Diary>>,
    closing: Arc<AtomicBool>,
) {
    let mut stroke = 0;
    while !closing.load(Ordering::Relaxed) {
        stroke += 1;
        let began = Instant::now();
        let echoed = async {
            terminal.type_in(b"x").await?;
            terminal.wait_for("x", ECHO_WITHIN).await?;
            let took = began.elapsed();
            if stroke % LINE == 0 {
                terminal.type_in(b"\x15").await?;
                terminal.settle().await?;
            }
            anyhow::Ok(took)
        };
        match echoed.await {
            Ok(took) => note(&diary, |diary| diary.echoes.push((Instant::now(), took))),
            Err(error) => {
                note(&diary, |diary| diary.failures.push((Instant::now(), format!("echo: {error:#}"))));
                let again = async {
                    let mut again = Terminal::attach(&learner, &session, "1").await?;
                    again.type_in(b"\x15").await?;
                    again.settle().await?;
                    anyhow::Ok(again)
                };
                match again.await {
                    Ok(again) => terminal = again,
                    Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                }
            }
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

async fn start_on(starters: Vec<Learner>, diary: Arc<Mutex<Diary>>, closing: Arc<AtomicBool>) {
    for learner in starters.iter().cycle() {
        if closing.load(Ordering::Relaxed) {
            return;
        }
        match start_once(learner).await {
            Ok(took) => note(&diary, |diary| diary.starts.push((Instant::now(), took))),
            Err(error) => {
                note(&diary, |diary| diary.failures.push((Instant::now(), format!("start: {error:#}"))));
            }
        }
        tokio::time::sleep(BETWEEN_STARTS).await;
    }
}

/// Starts a lab, and ends it again; how long it was until the terminals could be used.
async fn start_once(learner: &Learner) -> Result<Duration> {
    let began = Instant::now();
    let session = learner.start_or_find_session(COLD).await?;
    let started = learner.wait_until_running(&session, STARTED_WITHIN).await;
    let took = began.elapsed();
    learner.end_session(&session).await.context("it could not be ended")?;
    started.map(|()| took)
}

fn note(diary: &Mutex<Diary>, change: impl FnOnce(&mut Diary)) {
    change(&mut diary.lock().unwrap_or_else(PoisonError::into_inner));
}
