//! A keystroke's echo through Lectern, in turn with `kubectl exec -it` into the same workbench: both with bash, once
//! with nothing else going on and once beside a terminal that floods.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use lectern_testbed::Kubectl;
use pty_process::Pty;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::timeout;

use super::{PATIENCE, PROMPT, end, one_learner, open_terminal};
use crate::figures::{Figures, Times};
use crate::stage::Stage;
use crate::terminal::Terminal;

/// Between two keystrokes: a quick typist's pause, so that no echo waits for another.
const BETWEEN: Duration = Duration::from_millis(15);
/// How many characters the line takes before it is cleared.
const LINE: usize = 40;
/// Clears the line.
const CTRL_U: &[u8] = b"\x15";
const ECHO_WITHIN: Duration = Duration::from_secs(20);

pub async fn measure(stage: &Stage, keystrokes: usize, figures: &mut Figures) -> Result<()> {
    let (learner, session) = one_learner(stage, "echo").await?;
    let pod = stage.kubectl.find_workbench(stage.server.namespace(), &session.id.to_string()).await?;
    let mut ours = open_terminal(&learner, &session, "1").await?;
    let mut theirs = ExecTerminal::open(&stage.kubectl, stage.server.namespace(), &pod).await?;

    let (idle_ours, idle_theirs) = compare(&mut ours, &mut theirs, keystrokes).await?;
    report(figures, "echo", &idle_ours, &idle_theirs);

    let mut neighbour = open_terminal(&learner, &session, "2").await?;
    neighbour.type_in(b"yes\r").await?;
    let flooded = tokio::select! {
        compared = compare(&mut ours, &mut theirs, keystrokes) => compared,
        broke = neighbour.watch() => Err(broke.context("the flooding terminal broke")),
    };
    let (flood_ours, flood_theirs) = flooded?;
    report(figures, "echo_flood", &flood_ours, &flood_theirs);
    figures.count("echo_flood_bytes", neighbour.tracker.received);
    end(&learner, &session).await
}

fn report(figures: &mut Figures, prefix: &str, ours: &Times, theirs: &Times) {
    for percent in [50, 95, 99] {
        let over = ours.percentile(percent) - theirs.percentile(percent);
        figures.add(format!("{prefix}_over_kubectl_p{percent}_ms"), over);
    }
    figures.add_times(&format!("{prefix}_ours"), ours);
    figures.add_times(&format!("{prefix}_kubectl"), theirs);
}

async fn compare(ours: &mut Terminal, theirs: &mut ExecTerminal, count: usize) -> Result<(Times, Times)> {
    let (mut by_us, mut by_them) = (Times::default(), Times::default());
    for stroke in 1..=count {
        let began = Instant::now();
        ours.type_in(b"x").await?;
        ours.wait_for("x", ECHO_WITHIN).await?;
        by_us.push(began.elapsed());
        tokio::time::sleep(BETWEEN).await;
        let began = Instant::now();
        theirs.type_in(b"x").await?;
        theirs.wait_for(b"x").await?;
        by_them.push(began.elapsed());
        tokio::time::sleep(BETWEEN).await;
        if stroke % LINE == 0 {
            ours.type_in(CTRL_U).await?;
            theirs.type_in(CTRL_U).await?;
            ours.settle().await?;
            theirs.settle().await?;
        }
        if stroke % 200 == 0 {
            println!(
                "echo {stroke}/{count}: p50 {:.2} ms, kubectl {:.2} ms",
                by_us.percentile(50),
                by_them.percentile(50)
            );
        }
    }
    Ok((by_us, by_them))
}

/// `kubectl exec -it` on a terminal of its own.
struct ExecTerminal {
    pty: Pty,
    _child: Child,
}

impl ExecTerminal {
    async fn open(kubectl: &Kubectl, namespace: &str, pod: &str) -> Result<Self> {
        let (pty, child) = kubectl.run_on_terminal(&["exec", "-it", "-n", namespace, pod, "--", "bash"])?;
        let mut terminal = Self { pty, _child: child };
        timeout(PATIENCE, terminal.wait_for(PROMPT.as_bytes()))
            .await
            .context("kubectl exec shows no prompt")??;
        terminal.settle().await?;
        Ok(terminal)
    }

    async fn type_in(&mut self, keys: &[u8]) -> Result<()> {
        Ok(self.pty.write_all(keys).await?)
    }

    async fn read(&mut self) -> Result<Vec<u8>> {
        let mut piece = vec![0; 4096];
        let len = self.pty.read(&mut piece).await?;
        if len == 0 {
            bail!("kubectl exec ended");
        }
        piece.truncate(len);
        Ok(piece)
    }

    async fn wait_for(&mut self, text: &[u8]) -> Result<()> {
        let wait = async {
            let mut seen = vec![];
            while memchr::memmem::find(&seen, text).is_none() {
                seen.extend(self.read().await?);
            }
            Ok(())
        };
        timeout(ECHO_WITHIN, wait).await.context("kubectl exec shows no echo")?
    }

    async fn settle(&mut self) -> Result<()> {
        while let Ok(piece) = timeout(Duration::from_millis(100), self.read()).await {
            piece?;
        }
        Ok(())
    }
}
