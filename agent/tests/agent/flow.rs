//! The flow of output: nothing is lost, no viewer waits for another, an interrupt passes at once.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lectern_api::terminal::{
    AttachRequest, LEAST_WINDOW_BYTES, MAX_PAYLOAD_BYTES, RING_BYTES, TerminalFrame, ViewerFrame,
    WINDOW_BYTES,
};

use crate::support::{TestAgent, Viewer, attach_request, until};

/// Returns the process with this command line in the agent's home.
fn process(agent: &TestAgent, command_line: &str) -> Option<PathBuf> {
    let home = agent.home.path().canonicalize().ok()?;
    std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).find(|process| {
        std::fs::read_to_string(process.join("cmdline")).is_ok_and(|line| line == command_line)
            && std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == home)
    })
}

#[tokio::test]
async fn a_viewer_that_comes_back_with_an_offset_misses_nothing() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut first = Viewer::attach(&link, "1", None).await;
    first.type_in("echo one-$((1+1))\r").await;
    first.read_until("one-2").await;
    let (offset, mut whole) = (first.next_offset, first.text.clone());
    drop(first);
    let mut away = Viewer::attach(&link, "1", None).await;
    away.type_in("seq 100000; echo two-$((1+2))\r").await;
    away.read_until("two-3").await;
    // over another connection, as after a restart of the server
    let link = agent.link().await;
    let mut again = Viewer::attach(&link, "1", Some(offset)).await;
    assert_eq!(again.next_offset, offset);
    again.read_until("two-3").await;
    whole.extend(&again.text);
    let len = whole.len().min(away.text.len());
    assert!(len > 500_000 && whole[..len] == away.text[..len], "{} {}", whole.len(), away.text.len());
    assert_eq!(again.gaps, 0);
}

#[tokio::test]
async fn an_offset_from_before_a_restart_is_never_taken_for_one_of_after_it() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("echo before-$((1+1))\r").await;
    viewer.read_until("before-2").await;
    let (old, began, home) = (viewer.next_offset, viewer.began, agent.home.clone());
    agent.end().await;
    let agent = TestAgent::start_in(home, &[]);
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", Some(old)).await;
    assert!(viewer.next_offset > old, "{old} {}", viewer.next_offset);
    let text = viewer.read_until("$ ").await;
    assert!(began.is_some() && viewer.began > began, "{began:?} {:?}", viewer.began);
    assert!(text.starts_with("$ "), "all that there is, and not what follows an offset: {text:?}");
}

#[tokio::test]
async fn an_interrupt_passes_within_50_ms_while_yes_floods() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    // a viewer that never acknowledges must not hold up the others
    let _stalled = link.attach(attach_request("1")).await.unwrap();
    let mut took = vec![];
    for round in 0..5 {
        viewer.type_in("yes flood\r").await;
        let flooded = viewer.text.len() + 2_000_000;
        while viewer.text.len() < flooded {
            viewer.next().await;
        }
        let yes = process(&agent, "yes\0flood\0").expect("yes runs");
        let pressed = Instant::now();
        viewer.type_in("\x03").await;
        let ended = async {
            while yes.exists() {
                tokio::task::yield_now().await;
            }
            pressed.elapsed()
        };
        took.push(ended.await);
        let prompt = format!("prompt-{round}-{}", round * round);
        viewer.type_in(&format!("echo prompt-{round}-$(({round}*{round}))\r")).await;
        viewer.read_until(&prompt).await;
        println!("the prompt was seen {:?} after the interrupt", pressed.elapsed());
    }
    took.sort();
    println!("an interrupt under a flood ended the program after {took:?}");
    // the median, because other tests use the same processors
    assert!(took[2] < Duration::from_millis(50), "{took:?}");
}

#[tokio::test]
async fn all_of_a_long_listing_reaches_a_viewer_that_keeps_up() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("PS1=; seq 1500000; echo all-$((3*3))\r").await;
    let text = viewer.read_until("all-9").await;
    let numbers = text.lines().filter_map(|line| line.trim().parse::<u32>().ok());
    assert!(numbers.eq(1..=1_500_000));
    assert_eq!(viewer.gaps, 0);
}

#[tokio::test]
async fn a_stalled_viewer_holds_up_nobody_else() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    let stalled = link.attach(attach_request("1")).await.unwrap();
    let started = Instant::now();
    viewer.type_in("seq 1000000; echo all-$((3*3))\r").await;
    viewer.read_until("all-9").await;
    let beside = started.elapsed();
    // as the only viewer, it holds up the shell for a moment only
    drop(viewer);
    let (mut output, mut input) = stalled.split();
    input.send(&ViewerFrame::Input(b"seq 1000000; touch finished\r".to_vec()).encode()).await.unwrap();
    until("the shell goes on without a viewer that keeps up", || agent.path("finished").exists()).await;
    println!("beside a stalled viewer {beside:?}, with no other {:?}", started.elapsed());
    // when it starts to acknowledge, it gets what the ring still holds
    let mut seen = vec![];
    while !seen.ends_with(b"1000000\r\n$ ") {
        let frame = output.next().await.unwrap().unwrap();
        if let TerminalFrame::Output { offset, bytes } = TerminalFrame::decode(&frame).unwrap() {
            let offset = offset + bytes.len() as u64;
            seen.extend(bytes);
            input.send(&ViewerFrame::Ack { offset }.encode()).await.unwrap();
        }
    }
}

/// Returns how many bytes arrive within a moment without being acknowledged.
async fn unacknowledged(output: &mut lectern_link::FrameStream) -> u64 {
    let mut got = 0;
    while let Ok(frame) = tokio::time::timeout(Duration::from_millis(300), output.next()).await {
        if let TerminalFrame::Output { bytes, .. } = TerminalFrame::decode(&frame.unwrap().unwrap()).unwrap()
        {
            got += bytes.len() as u64;
        }
    }
    got
}

#[tokio::test]
async fn a_viewer_that_does_not_acknowledge_gets_no_more_than_its_window() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("head -c 3000000 /dev/zero | tr '\\0' x; echo all-$((3*3))\r").await;
    viewer.read_until("all-9").await;
    let beyond = MAX_PAYLOAD_BYTES as u64;
    for (asked, window) in [(u32::MAX, WINDOW_BYTES), (65_536, 65_536), (0, 65_536)] {
        let request =
            AttachRequest { offset: Some(0), can_type: false, window_bytes: asked, ..attach_request("1") };
        let attached = link.attach(request).await.unwrap();
        // the ring no longer holds the first byte: the view begins with the oldest one that it holds
        assert!(attached.offset > 0 && attached.end - attached.offset <= RING_BYTES as u64);
        let (mut output, mut input) = attached.split();
        let got = unacknowledged(&mut output).await;
        assert!((window..window + beyond).contains(&got), "{got} of {window}");
        // what was never sent cannot have been shown, so this is ignored
        input.send(&ViewerFrame::Ack { offset: u64::MAX }.encode()).await.unwrap();
        assert_eq!(unacknowledged(&mut output).await, 0);
    }
}

#[tokio::test]
async fn while_somebody_types_a_flood_in_another_terminal_keeps_little_under_way() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut flooded = Viewer::attach(&link, "1", None).await;
    flooded.type_in("head -c 3000000 /dev/zero | tr '\\0' x; echo all-$((3*3))\r").await;
    flooded.read_until("all-9").await;
    let mut typing = Viewer::attach(&link, "2", None).await;
    typing.read_until("$ ").await;
    typing.type_in("x").await;
    typing.read_until("$ x").await;
    let request = AttachRequest { offset: Some(0), can_type: false, ..attach_request("1") };
    let (mut output, _input) = link.attach(request).await.unwrap().split();
    let got = unacknowledged(&mut output).await;
    let beyond = MAX_PAYLOAD_BYTES as u64;
    assert!((LEAST_WINDOW_BYTES..LEAST_WINDOW_BYTES + beyond).contains(&got), "{got}");
}

#[tokio::test]
async fn a_viewer_that_speaks_nonsense_is_let_go_and_nobody_else_is() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    for nonsense in [&[][..], &[7], &[1, 0], &[2, 0, 0], &vec![0; MAX_PAYLOAD_BYTES + 2]] {
        let (mut output, mut input) = link.attach(attach_request("1")).await.unwrap().split();
        input.send(nonsense).await.unwrap();
        let ended = async { while let Ok(Some(_)) = output.next().await {} };
        tokio::time::timeout(Duration::from_secs(5), ended).await.expect("it is let go");
    }
    viewer.type_in("echo still-$((1+1))\r").await;
    viewer.read_until("still-2").await;
}

/// Prints figures, and asserts a minimum that any build on any machine exceeds.
#[tokio::test]
async fn one_terminal_carries_many_megabytes_a_second_and_echoes_at_once() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("stty -opost; echo r-$((1+1))\r").await;
    viewer.read_until("r-2").await;
    viewer.text.clear();
    let megabytes = 100;
    let started = Instant::now();
    viewer.type_in(&format!("head -c {megabytes}000000 /dev/zero; echo all-$((3*3))\r")).await;
    let mut got = 0;
    while !viewer.text.ends_with(b"all-9\n$ ") {
        viewer.next().await;
        if viewer.text.len() > 1_000_000 {
            got += viewer.text.len() - 1000;
            viewer.text.drain(..viewer.text.len() - 1000);
        }
    }
    got += viewer.text.len();
    let rate = f64::from(megabytes) / started.elapsed().as_secs_f64();
    assert!(got > 99_999_000 && viewer.gaps == 0, "{got} bytes, {} gaps", viewer.gaps);

    viewer.type_in("stty opost; cat > /dev/null\r").await;
    viewer.read_until("> /dev/null").await;
    let mut echoes = vec![];
    for key in (b'a'..=b'z').cycle().take(300) {
        let before = viewer.text.len();
        let started = Instant::now();
        viewer.send(&ViewerFrame::Input(vec![key])).await;
        while viewer.text.len() == before {
            viewer.next().await;
        }
        echoes.push(started.elapsed());
    }
    echoes.sort();
    println!("{rate:.0} MB/s; echo p50 {:?}, p95 {:?}, p99 {:?}", echoes[150], echoes[285], echoes[297]);
    assert!(rate > 5.0, "{rate} MB/s");
    assert!(echoes[150] < Duration::from_millis(20), "{:?}", echoes[150]);
}
