//! One learner at work: a terminal in which a shell counts, a terminal in which lines are typed and read back, and
//! progress that is reported. Each goes on through every fault, as a browser does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use chrono::Utc;
use lectern_api::ids::{EventId, PageName};
use lectern_api::progress::{Happening, ProgressEvent};
use lectern_api::sessions::Session;
use tokio::task::JoinSet;

use super::ticks::Ticks;
use crate::learner::Learner;
use crate::terminal::Terminal;
use crate::tracker::Tracker;

const BETWEEN_BATCHES: Duration = Duration::from_millis(200);
const BETWEEN_LINES: Duration = Duration::from_millis(150);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How long a counting shell is silent when it does not count.
const SILENCE: Duration = Duration::from_secs(2);
/// How long a typed line may take before it is typed again.
const LINE_WITHIN: Duration = Duration::from_secs(5);
/// How many actions a page of this learner has; the numbers come again and again.
const ACTIONS: u32 = 100;
const PROMPT: &str = "$ ";

/// How far each kind of work is; all of it goes on as long as nothing is stuck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    pub ticks: u64,
    pub lines: u64,
    pub batches: u64,
}

impl Pulse {
    /// Whether each kind of work went on since.
    pub fn is_past(self, earlier: Self) -> bool {
        // one of each may have been under way already
        self.ticks > earlier.ticks + 1 && self.lines > earlier.lines + 1 && self.batches > earlier.batches + 1
    }
}

/// What happened at one desk.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// The ids of all events that were reported and confirmed.
    pub events: Vec<EventId>,
    /// How many batches were sent once more although they had been confirmed.
    pub repeated_batches: u64,
    /// Lines that were typed a second time because the first came to nothing.
    pub typed_again: u64,
    /// Connections of both terminals.
    pub connections: u64,
    /// Workbenches that took another's place, as the counting terminal and the typing terminal noticed.
    pub restarts: [u32; 2],
    /// Bytes that the ring no longer held.
    pub skipped: u64,
    /// Bytes that came twice.
    pub repeated: u64,
    /// Lines of the counting shell.
    pub ticks: Ticks,
    /// New workbenches in which the home directory was as before, and those in which it was not.
    pub homes: [u32; 2],
    /// Answers that no fault explains.
    pub complaints: Vec<String>,
}

/// A learner with a running session.
pub struct Desk {
    pub learner: Learner,
    pub session: Session,
    page: PageName,
    account: Mutex<Account>,
    lines: AtomicU64,
    batches: AtomicU64,
    closing: AtomicBool,
}

impl Desk {
    /// A desk at which nobody works yet.
    pub fn new(learner: Learner, session: Session) -> Result<Arc<Self>> {
        let page = session.pages.first().map_or("introduction", |page| page.name.as_str()).parse()?;
        Ok(Arc::new(Self {
            learner,
            session,
            page,
            account: Mutex::default(),
            lines: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            closing: AtomicBool::new(false),
        }))
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the work is.
    pub fn pulse(&self) -> Pulse {
        Pulse {
            ticks: self.account().ticks.seen,
            lines: self.lines.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
        }
    }

    /// What happened so far.
    pub fn statement(&self) -> Account {
        self.account().clone()
    }

    /// Lets the work come to an end; what is under way is finished.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    fn is_open(&self) -> bool {
        !self.closing.load(Ordering::Relaxed)
    }

    /// Begins all kinds of work.
    pub fn work(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        tasks.spawn(self.clone().count());
        tasks.spawn(self.clone().type_lines());
        tasks.spawn(self.clone().report());
    }

    /// Watches a shell that counts.
    async fn count(self: Arc<Self>) {
        let mut tracker = Tracker::default();
        // which shell was asked to count, and how far the counting was then
        let mut asked = None;
        while self.is_open() {
            let attached = Terminal::attach_with(&self.learner, &self.session, "1", tracker.clone()).await;
            let Ok(mut terminal) = attached else {
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
                continue;
            };
            self.account().connections += 1;
            while self.is_open() {
                let Ok(read) = tokio::time::timeout(SILENCE, terminal.read()).await else {
                    // a shell that was never asked, that is a new one, or that was asked in vain
                    let now = (terminal.tracker.restarts, self.account().ticks.seen);
                    let in_vain = asked.is_none_or(|before: (u32, u64)| before.0 != now.0 || before == now);
                    if in_vain && terminal.type_in(Ticks::COMMAND).await.is_ok() {
                        asked = Some(now);
                    }
                    continue;
                };
                let Ok(bytes) = read else { break };
                let mut account = self.account();
                if terminal.tracker.restarts > account.restarts[0] {
                    account.restarts[0] = terminal.tracker.restarts;
                    account.ticks.restart();
                }
                account.ticks.read(&bytes);
            }
            tracker = terminal.into_tracker();
            self.settle_losses(&mut tracker);
        }
    }

    /// Types numbered lines and reads them back.
    async fn type_lines(self: Arc<Self>) {
        let mut tracker = Tracker::default();
        let token = format!("{:08x}", rand::random::<u32>());
        let (mut homes_known, mut number, mut tries) = (None, 1_u64, 0_u64);
        while self.is_open() {
            let attached = Terminal::attach_with(&self.learner, &self.session, "2", tracker.clone()).await;
            let Ok(mut terminal) = attached else {
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
                continue;
            };
            self.account().connections += 1;
            let mut work = async || -> Result<()> {
                terminal.settle().await?;
                while self.is_open() {
                    let restarts = terminal.tracker.restarts;
                    self.account().restarts[1] = restarts;
                    if homes_known != Some(restarts) {
                        self.look_after_home(&mut terminal, &token, homes_known.is_none()).await?;
                        homes_known = Some(restarts);
                    }
                    // what an earlier try left on the line goes first
                    let keys = format!("\x15echo \"re\"\"ad-{number}.\"\r");
                    terminal.type_in(keys.as_bytes()).await?;
                    self.account().typed_again += u64::from(tries > 0);
                    tries += 1;
                    if terminal.wait_for(&format!("read-{number}."), LINE_WITHIN).await.is_ok() {
                        (number, tries) = (number + 1, 0);
                        self.lines.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(BETWEEN_LINES).await;
                    } else {
                        return Ok(());
                    }
                }
                Ok(())
            };
            // whatever broke the socket, the next one goes on
            drop(work().await);
            tracker = terminal.into_tracker();
            self.settle_losses(&mut tracker);
        }
    }

    /// Leaves something in the home directory, or looks whether it is still there.
    async fn look_after_home(&self, terminal: &mut Terminal, token: &str, first: bool) -> Result<()> {
        if first {
            return leave_in_home(terminal, token).await;
        }
        terminal.type_in(b"\x15cat ~/proof; echo 'look''ed'\r").await?;
        let found = terminal.wait_for(&format!("proof-{token}"), LINE_WITHIN).await.is_ok();
        self.account().homes[usize::from(!found)] += 1;
        // the next workbench shall have something to lose
        if found { Ok(()) } else { leave_in_home(terminal, token).await }
    }

    fn settle_losses(&self, tracker: &mut Tracker) {
        let mut account = self.account();
        account.skipped += std::mem::take(&mut tracker.skipped);
        account.repeated += std::mem::take(&mut tracker.repeated);
    }

    /// Reports progress; each batch until it is confirmed, and now and then once more.
    async fn report(self: Arc<Self>) {
        let mut action = 0;
        for batch in 1_u64.. {
            if !self.is_open() {
                return;
            }
            let events: Vec<ProgressEvent> = (0..1 + batch % 3)
                .map(|place| {
                    action = (action + 1) % ACTIONS;
                    let what = if place == 0 && batch % 4 == 0 {
                        Happening::PageViewed
                    } else {
                        Happening::ActionRun { action }
                    };
                    ProgressEvent { id: EventId::new(), at: Utc::now(), page: self.page.clone(), what }
                })
                .collect();
            self.report_until_confirmed(&events).await;
            if batch % 5 == 0 {
                // the answer might have been lost on its way
                self.report_until_confirmed(&events).await;
                self.account().repeated_batches += 1;
            }
            self.account().events.extend(events.iter().map(|event| event.id));
            self.batches.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(BETWEEN_BATCHES).await;
        }
    }

    async fn report_until_confirmed(&self, events: &[ProgressEvent]) {
        while let Err(error) = self.learner.record_events(&self.session, events).await {
            let status = error.downcast_ref::<reqwest::Error>().and_then(reqwest::Error::status);
            if let Some(status) = status.filter(reqwest::StatusCode::is_client_error) {
                self.account().complaints.push(format!("progress was refused with {status}: {error:#}"));
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
    }

    /// Waits for the first prompt, so that what follows is typed into a shell.
    pub async fn take_seat(&self, patience: Duration) -> Result<()> {
        self.learner.wait_until_running(&self.session, patience).await?;
        for name in ["1", "2"] {
            let mut terminal = Terminal::attach(&self.learner, &self.session, name).await?;
            terminal.wait_for(PROMPT, patience).await?;
            terminal.detach().await?;
        }
        Ok(())
    }
}

async fn leave_in_home(terminal: &mut Terminal, token: &str) -> Result<()> {
    let keys = format!("\x15echo 'pro''of-{token}' > ~/proof; sync; echo 'le''ft'\r");
    terminal.type_in(keys.as_bytes()).await?;
    terminal.wait_for("left", LINE_WITHIN).await.map(drop)
}
