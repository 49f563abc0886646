//! Terminals: nothing is lost, nobody waits for anybody else.

use std::time::{Duration, Instant};

use lectern_api::terminal::{MAX_PAYLOAD_BYTES, RING_BYTES, TerminalFrame, ViewerFrame, WINDOW_BYTES};
use sha2::{Digest, Sha256};

use crate::support::{TestAgent, Viewer};

#[tokio::test]
async fn a_viewer_that_comes_back_receives_exactly_what_it_missed() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut first = Viewer::attach(&link, "1", None).await;
    first.type_in("echo one-$((1+1))\r").await;
    first.read_until("one-2").await;
    let (offset, before) = (first.next_offset, first.text.clone());
    drop(first);
    let mut away = Viewer::attach(&link, "1", None).await;
    away.type_in("echo two-$((1+2))\r").await;
    away.read_until("two-3").await;
    let link = agent.link().await;
    let mut again = Viewer::attach(&link, "1", Some(offset)).await;
    again.read_until("two-3").await;
    let whole = [before, again.text.clone()].concat();
    assert!(away.text.starts_with(&whole) || whole.starts_with(&away.text));
}

#[tokio::test]
async fn ctrl_c_passes_at_once_while_output_floods_and_nobody_reads() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    // a viewer that never acknowledges, and holds up nobody
    let _stalled = link.attach("1".parse().unwrap(), None, 80, 24, true).await.unwrap();
    viewer.type_in("yes flood; touch interrupted\r").await;
    viewer.read_until("flood\r\nflood").await;
    tokio::time::timeout(Duration::from_secs(5), async {
        while viewer.text.len() < 500_000 {
            viewer.next().await;
        }
    })
    .await
    .expect("the flood goes on beside a viewer that does not read");
    let pid = std::fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let own = std::fs::read_link(entry.path().join("cwd")).ok()? == agent.home.path().canonicalize().ok()?;
        (stat == "yes\0flood\0" && own).then(|| entry.path())
    });
    let pid = pid.expect("yes runs");
    let pressed = Instant::now();
    viewer.type_in("\x03").await;
    while pid.exists() {
        assert!(pressed.elapsed() < Duration::from_secs(2), "yes still runs");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let took = pressed.elapsed();
    println!("ctrl-c under flood ended the program after {took:?}");
    assert!(took < Duration::from_millis(250), "{took:?}");
}

#[tokio::test]
async fn a_megabyte_that_is_pasted_arrives_whole() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    let lines: String = (0..20_000).map(|n| format!("{n:050}\n")).collect();
    viewer.type_in("stty -echo; cat > pasted; echo written-$((2*3))\r").await;
    // until the program reads, the line discipline would echo
    tokio::time::sleep(Duration::from_millis(300)).await;
    for piece in lines.as_bytes().chunks(MAX_PAYLOAD_BYTES) {
        viewer.send(&ViewerFrame::Input(piece.to_vec())).await;
    }
    viewer.type_in("\x04").await;
    viewer.read_until("written-6").await;
    let written = std::fs::read(agent.path("pasted")).unwrap();
    assert_eq!(Sha256::digest(&written), Sha256::digest(lines.as_bytes()), "{} bytes", written.len());
}

#[tokio::test]
async fn a_viewer_that_does_not_acknowledge_gets_no_more_than_its_window() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("head -c 3000000 /dev/zero | tr '\\0' x; echo all-$((3*3))\r").await;
    viewer.read_until("all-9").await;
    let attached = link.attach("1".parse().unwrap(), Some(0), 80, 24, false).await.unwrap();
    // the ring no longer holds the first byte: the view begins with the oldest one that it holds
    assert!(attached.offset > 0 && attached.end - attached.offset <= RING_BYTES as u64);
    let (mut output, _input) = attached.split();
    let mut got = 0u64;
    while let Ok(frame) = tokio::time::timeout(Duration::from_millis(300), output.next()).await {
        if let TerminalFrame::Output { bytes, .. } = TerminalFrame::decode(&frame.unwrap().unwrap()).unwrap() {
            got += bytes.len() as u64;
        }
    }
    assert!((WINDOW_BYTES..WINDOW_BYTES + MAX_PAYLOAD_BYTES as u64).contains(&got), "{got}");
}

#[tokio::test]
async fn a_shell_that_ends_is_followed_by_another_in_the_same_folder() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    viewer.type_in("mkdir deep && cd deep\r").await;
    viewer.type_in("sleep 1; true\r").await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    viewer.type_in("exit 3\r").await;
    viewer.read_until("ended with status 3").await;
    viewer.type_in("echo in-$(basename $PWD)\r").await;
    viewer.read_until("in-deep").await;
}

#[tokio::test]
async fn the_terminal_takes_the_smallest_viewers_size() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut large = Viewer::attach(&link, "1", None).await;
    large.send(&ViewerFrame::Resize { cols: 120, rows: 40 }).await;
    large.read_until("$ ").await;
    let small = link.attach("1".parse().unwrap(), None, 60, 50, true).await.unwrap();
    large.type_in("stty size\r").await;
    large.read_until("40 60").await;
    drop(small);
    let mut size = (0, 0);
    while size != (120, 40) {
        if let TerminalFrame::Size { cols, rows } = large.next().await {
            size = (cols, rows);
        }
    }
}

#[tokio::test]
async fn terminals_of_different_names_are_different_shells() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut one = Viewer::attach(&link, "1", None).await;
    let mut two = Viewer::attach(&link, "2", None).await;
    one.type_in("X=mine; echo set-$X\r").await;
    one.read_until("set-mine").await;
    two.type_in("echo \"<$X>\"\r").await;
    two.read_until("<>").await;
}

#[tokio::test]
async fn bytes_of_one_character_in_two_frames_arrive_as_they_were() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    let typed = "echo 'größe 木'\r".as_bytes();
    for byte in typed {
        viewer.send(&ViewerFrame::Input(vec![*byte])).await;
    }
    viewer.read_until("größe 木\r\n").await;
}
