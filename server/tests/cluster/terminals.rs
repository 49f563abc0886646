//! Terminals through the cluster: the same link as the server's, over a real exec.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use lectern_api::terminal::{AttachRequest, TerminalFrame, ViewerFrame, WINDOW_BYTES};
use lectern_link::{FrameSink, FrameStream, Link};
use lectern_server::cluster::{SessionSpec, WorkbenchSpec};

use crate::harness::{Installation, PATIENCE, quiet, spec, with_installation};

/// A viewer of a terminal that acknowledges all it gets.
struct Viewer {
    input: FrameSink,
    output: FrameStream,
    next_offset: Option<u64>,
    gaps: u32,
}

impl Viewer {
    async fn attach(link: &Link, offset: Option<u64>) -> Result<Self> {
        let request = AttachRequest {
            terminal: "1".parse()?,
            offset,
            cols: 80,
            rows: 24,
            can_type: true,
            window_bytes: u32::try_from(WINDOW_BYTES)?,
        };
        let (output, input) = link.attach(request).await?.split();
        Ok(Self { input, output, next_offset: offset, gaps: 0 })
    }

    async fn type_in(&mut self, text: &str) -> Result<()> {
        Ok(self.input.send(&ViewerFrame::Input(text.as_bytes().to_vec()).encode()).await?)
    }

    async fn next(&mut self) -> Result<Vec<u8>> {
        let frame = tokio::time::timeout(PATIENCE, self.output.next()).await.context("no output comes")??;
        let TerminalFrame::Output { offset, bytes } =
            TerminalFrame::decode(&frame.context("the terminal ended")?)?
        else {
            return Ok(vec![]);
        };
        self.gaps += u32::from(self.next_offset.is_some_and(|next| next != offset));
        let offset = offset + bytes.len() as u64;
        self.next_offset = Some(offset);
        self.input.send(&ViewerFrame::Ack { offset }.encode()).await?;
        Ok(bytes)
    }

    /// Reads until this comes; all there was.
    async fn read_until(&mut self, wanted: &str) -> Result<Vec<u8>> {
        let mut seen = vec![];
        let mut looked_at: usize = 0;
        while !seen[looked_at..].windows(wanted.len()).any(|window| window == wanted.as_bytes()) {
            looked_at = seen.len().saturating_sub(wanted.len());
            seen.extend(self.next().await?);
        }
        Ok(seen)
    }
}

async fn start(t: &Installation, spec: &SessionSpec) -> Result<Link> {
    t.cluster.provision(spec, &quiet).await?;
    Ok(t.cluster.start_agent(&spec.names, PATIENCE, &quiet, Link::connect).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_loses_nothing_on_its_way_through_the_cluster() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        let link = start(t, &spec).await?;
        let mut viewer = Viewer::attach(&link, None).await?;
        viewer.type_in("bind 'set enable-bracketed-paste off'; PS1='$ '; echo set-$((1+1))\r").await?;
        viewer.read_until("set-2\r\n$ ").await?;

        let mut echoes = vec![];
        for _ in 0..100 {
            let pressed = Instant::now();
            viewer.type_in("x").await?;
            while !viewer.next().await?.contains(&b'x') {}
            echoes.push(pressed.elapsed());
        }
        echoes.sort();
        viewer.type_in("\x15").await?;

        // the letter stands in no line that is typed
        let megabytes = 100_u32;
        let began = Instant::now();
        viewer
            .type_in(&format!("head -c {megabytes}000000 /dev/zero | tr '\\0' '\\171'; echo all-$((3*3))\r"))
            .await?;
        let seen = viewer.read_until("all-9\r\n").await?;
        let rate = f64::from(megabytes) / began.elapsed().as_secs_f64();
        let shown = seen.iter().filter(|byte| **byte == b'y').count();
        println!("echo p50 {:?}, p99 {:?}; {rate:.1} MB/s", echoes[50], echoes[98]);
        ensure!(
            shown == megabytes as usize * 1_000_000 && viewer.gaps == 0,
            "{shown} bytes, {} gaps",
            viewer.gaps
        );

        // the connection goes, and the next one continues where it ended
        let offset = viewer.next_offset;
        drop((viewer, link));
        let link = Link::connect(t.cluster.open_agent(&spec.names).await?).await?;
        let mut viewer = Viewer::attach(&link, offset).await?;
        viewer.type_in("echo again-$((4+4))\r").await?;
        viewer.read_until("again-8").await?;
        ensure!(viewer.gaps == 0, "something was lost between two connections");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_no_more_than_a_shell_becomes_a_workbench() -> Result<()> {
    with_installation(async |t| {
        let mut spec = spec();
        let image = Some("docker.io/library/bash:latest".to_owned());
        spec.workbench = WorkbenchSpec { image, ..WorkbenchSpec::default() };
        let link = start(t, &spec).await?;
        let mut viewer = Viewer::attach(&link, None).await?;
        viewer.type_in("id -u; pwd; touch ~/mine && echo home-$((1+1)); touch /opt/lectern/bin/x\r").await?;
        let seen = String::from_utf8(viewer.read_until("home-2").await?)?;
        ensure!(seen.contains("1001") && seen.contains("/home/learner"), "{seen}");
        viewer.read_until("Read-only file system").await?;
        // what it is asked for besides terminals works as in ours
        tokio::time::timeout(Duration::from_secs(10), link.upload("work/file", 0o644, &b"content"[..]))
            .await??;
        ensure!(link.read_file("work/file", 100).await?.1 == "content", "another content");
        Ok(())
    })
    .await
}
