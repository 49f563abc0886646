//! Terminals: shells, sizes, names and input.

use std::sync::Arc;

use lectern_api::terminal::{AttachRequest, MAX_PAYLOAD_BYTES, TerminalFrame, ViewerFrame};
use lectern_link::LinkError;
use sha2::{Digest, Sha256};

use crate::support::{TestAgent, Viewer, attach_request};

#[tokio::test]
async fn a_paste_of_a_megabyte_arrives_whole() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    let lines: String = (0..20_000).map(|n| format!("{n:051}\n")).collect();
    assert!(lines.len() > 1_000_000);
    viewer.type_in("stty -echo; echo ready-$((1+1)); cat > pasted; echo written-$((2*3))\r").await;
    viewer.read_until("ready-2").await;
    for piece in lines.as_bytes().chunks(MAX_PAYLOAD_BYTES) {
        viewer.send(&ViewerFrame::Input(piece.to_vec())).await;
    }
    viewer.type_in("\x04").await;
    viewer.read_until("written-6").await;
    let written = std::fs::read(agent.path("pasted")).unwrap();
    assert_eq!(Sha256::digest(&written), Sha256::digest(lines.as_bytes()), "{} bytes", written.len());
}

#[tokio::test]
async fn a_paste_that_is_echoed_arrives_whole_however_much_it_prints() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    let lines: String = (0..20_000).map(|n| format!("{n:051}\n")).collect();
    viewer.type_in("cat > pasted; echo written-$((2*3))\r").await;
    // acknowledgements follow all of it on the same stream
    for piece in lines.as_bytes().chunks(MAX_PAYLOAD_BYTES) {
        viewer.send(&ViewerFrame::Input(piece.to_vec())).await;
    }
    viewer.type_in("\x04").await;
    viewer.read_until("written-6").await;
    assert_eq!(std::fs::read_to_string(agent.path("pasted")).unwrap().len(), lines.len());
}

/// Types lines as the browser types a block's: each followed by Enter, with its tabs quoted.
fn keys(lines: &str) -> String {
    lines.replace('\t', "\x16\t").replace('\n', "\r")
}

#[tokio::test]
async fn a_here_document_with_tabs_arrives_byte_for_byte_in_every_shell() {
    let mut text = String::new();
    for number in 0.. {
        let line = format!("\tline {number}:\t\t$HOME `x` 'y' \t!\n");
        if text.len() + line.len() > 5_000 {
            break;
        }
        text.push_str(&line);
    }
    text.push_str(&format!("{}\n", "x".repeat(5_090 - text.len())));
    assert_eq!(text.len(), 5_091);
    for shell in ["/bin/bash", "/bin/sh"] {
        let home = Arc::new(tempfile::tempdir().unwrap());
        let agent = TestAgent::start_in(home, &[("SHELL", shell), ("PS1", "$ ")]);
        // something that a tab would be completed to
        std::fs::write(agent.path("line"), "").unwrap();
        let link = agent.link().await;
        let mut viewer = Viewer::attach(&link, "1", None).await;
        viewer.read_until("$ ").await;
        viewer.type_in(&keys(&format!("cat > written << 'END'\n{text}END\n"))).await;
        viewer.type_in("echo written-$((2*3))\r").await;
        viewer.read_until("written-6").await;
        assert_eq!(std::fs::read_to_string(agent.path("written")).unwrap(), text, "{shell}");
    }
}

#[tokio::test]
async fn a_program_that_reads_lines_gets_tabs_without_their_quotes() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    viewer.type_in(&keys("cat > written\na\tb\n\tc\n")).await;
    viewer.read_until("c\r\n").await;
    viewer.type_in("\x04").await;
    viewer.type_in("echo written-$((2*3))\r").await;
    viewer.read_until("written-6").await;
    assert_eq!(std::fs::read_to_string(agent.path("written")).unwrap(), "a\tb\n\tc\n");
}

#[tokio::test]
async fn an_interrupt_ends_the_wait_for_a_line_that_nobody_reads() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("stty -echo; echo ready-$((1+1)); sleep 1000\r").await;
    viewer.read_until("ready-2").await;
    viewer.type_in(&keys("one\ntouch\tpasted\n")).await;
    viewer.type_in("\x03").await;
    viewer.type_in("echo went-$((2+2))\r").await;
    viewer.read_until("went-4").await;
    assert!(!agent.path("pasted").exists());
}

#[tokio::test]
async fn an_interrupt_overtakes_a_paste_that_nobody_reads() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("stty -echo; echo ready-$((1+1)); sleep 1000\r").await;
    viewer.read_until("ready-2").await;
    for piece in "touch pasted\n".repeat(50_000).as_bytes().chunks(MAX_PAYLOAD_BYTES) {
        viewer.send(&ViewerFrame::Input(piece.to_vec())).await;
    }
    viewer.type_in("\x03").await;
    viewer.type_in("echo went-$((2+2))\r").await;
    viewer.read_until("went-4").await;
    // what was pasted before the interrupt is discarded
    assert!(!agent.path("pasted").exists());
}

#[tokio::test]
async fn a_shell_that_ends_is_followed_by_another_in_the_same_folder() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    viewer.type_in("mkdir deep && cd deep\r").await;
    // shells that exit at once count as failed, and the third waits for a key
    viewer.type_in("sleep 1.1; echo slept-$((1+1))\r").await;
    viewer.read_until("slept-2").await;
    viewer.type_in("exit 3\r").await;
    viewer.read_until("ended with status 3").await;
    viewer.type_in("echo in-$(basename $PWD)\r").await;
    viewer.read_until("in-deep").await;
}

#[tokio::test]
async fn what_a_shell_prints_last_is_shown_however_much_it_is() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("exec sh -c 'seq 200000; echo the-$((5*5))'\r").await;
    let text = viewer.read_until("ended with status 0").await;
    assert!(text.contains("\n200000\r\nthe-25\r\n"), "… {:?}", &text[text.len() - 300..]);
    assert_eq!(viewer.gaps, 0);
}

#[tokio::test]
async fn the_terminal_takes_the_size_of_its_smallest_viewer_that_may_type() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut large = Viewer::attach(&link, "1", None).await;
    large.send(&ViewerFrame::Resize { cols: 120, rows: 40 }).await;
    large.read_until("$ ").await;
    let small = link.attach(AttachRequest { cols: 60, rows: 50, ..attach_request("1") }).await.unwrap();
    let _watcher = link
        .attach(AttachRequest { cols: 10, rows: 10, can_type: false, ..attach_request("1") })
        .await
        .unwrap();
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
async fn who_only_watches_sees_all_and_types_nothing() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut typist = Viewer::attach(&link, "1", None).await;
    let (output, input) =
        link.attach(AttachRequest { can_type: false, ..attach_request("1") }).await.unwrap().split();
    let mut watcher = Viewer::of(output, input);
    watcher.type_in("touch typed\r").await;
    typist.type_in("echo seen-$((3+3))\r").await;
    watcher.read_until("seen-6").await;
    assert!(!agent.path("typed").exists());
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
async fn a_workbench_has_no_more_terminals_than_its_limit() {
    let agent =
        TestAgent::start_in(std::sync::Arc::new(tempfile::tempdir().unwrap()), &[("SHELL", "/bin/cat")]);
    let link = agent.link().await;
    let mut open = vec![];
    for n in 0..lectern_api::agent::MAX_TERMINALS {
        open.push(link.attach(attach_request(&format!("t{n}"))).await.unwrap());
    }
    let refused = link.attach(attach_request("more")).await.err();
    assert!(
        matches!(refused, Some(LinkError::Refused(ref words)) if words.contains("128 terminals")),
        "{refused:?}"
    );
    // existing terminals can still be attached to
    link.attach(attach_request("t0")).await.unwrap();
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

#[tokio::test]
async fn an_image_without_bash_gets_the_shell_that_it_has() {
    let home = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let agent = TestAgent::start_in(home, &[("SHELL", "/no/such/shell")]);
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("echo shell-$((4+4))\r").await;
    viewer.read_until("shell-8").await;
}
