//! How the agent starts and ends, and how it is reached.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream as StdStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lectern_link::Link;
use rand::RngExt as _;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::support::{TestAgent, Viewer, sleeps, until};

#[tokio::test]
async fn shells_are_hung_up_on_when_the_workbench_ends() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("trap 'echo bye > farewell' EXIT; echo set-$((1+1))\r").await;
    viewer.read_until("set-2").await;
    let farewell = agent.path("farewell");
    let home = agent.home.clone();
    let status = agent.end().await;
    assert!(status.success(), "{status}");
    assert_eq!(std::fs::read_to_string(farewell).unwrap(), "bye\n");
    drop(home);
    tokio::time::timeout(Duration::from_secs(5), link.closed()).await.expect("the link ends with it");
}

#[tokio::test]
async fn process_1_reaps_orphans_and_ends_cleanly_on_a_signal() {
    let agent = TestAgent::start_as_process_1(Arc::new(tempfile::tempdir().unwrap()));
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.read_until("$ ").await;
    // the signal mask of process 1 does not affect the shells
    let marker = format!("{}.7", 1000 + agent.pid());
    viewer.type_in(&format!("sleep {marker}; echo interrupted-$((1+1))\r")).await;
    // before that, an interrupt would reach the shell that is about to start it, and be lost
    until("it sleeps", || sleeps(&marker) > 0).await;
    viewer.type_in("\x03").await;
    viewer.type_in("echo here-$((1+1))\r").await;
    viewer.read_until("here-2").await;
    // an orphan that exits by itself leaves no zombie
    viewer.type_in("(setsid sh -c 'exec sleep 0.2' &); trap 'echo bye > farewell' EXIT\r").await;
    viewer.type_in("while pgrep -x sleep; do :; done; ps -e -o stat= | grep -c Z; echo no-$((1+1))\r").await;
    let seen = viewer.read_until("no-2").await;
    assert!(seen.contains("\n0\r\nno-2"), "{seen}");
    // and one that continues is asked to exit after the shells
    viewer
        .type_in(
            "(setsid sh -c 'trap \"touch asked; exit\" TERM; touch waits; while :; do sleep 0.05; done' &)\r",
        )
        .await;
    until("the orphan waits", || agent.path("waits").exists()).await;
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", agent.pid())).unwrap();
    let process_1 = nix::unistd::Pid::from_raw(children.trim().parse().unwrap());
    nix::sys::signal::kill(process_1, nix::sys::signal::Signal::SIGTERM).unwrap();
    tokio::time::timeout(Duration::from_secs(5), link.closed()).await.expect("the link ends with it");
    until("the shell heard of the end", || agent.path("farewell").exists()).await;
    until("the orphan was asked to end", || agent.path("asked").exists()).await;
}

#[tokio::test]
async fn nothing_is_handed_to_a_process_that_listens_in_the_agents_place() {
    let name = SocketAddr::from_abstract_name("lectern-agent").unwrap();
    let impostor = UnixListener::bind_addr(&name).unwrap();
    let listening = std::thread::spawn(move || {
        let (mut stream, _) = impostor.accept().unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        got
    });
    let attach = Command::new(env!("CARGO_BIN_EXE_lectern-agent"))
        .arg("attach")
        .stdin(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&attach.stderr).into_owned();
    assert!(!attach.status.success() && said.contains("in place of the agent"), "{said}");
    assert_eq!(listening.join().unwrap(), b"", "it was offered something");
}

#[tokio::test]
async fn who_runs_as_the_learner_cannot_look_into_the_agent() {
    let home = tempfile::tempdir().unwrap();
    // a copy, because another user may have no access to the target folder; `cp` makes it, because a program that is open
    // for writing in this process could be inherited by another test's child and could then not be executed
    let program = home.path().join("lectern-agent");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_lectern-agent")).arg(&program).status().unwrap();
    assert!(copied.success());
    let mut command = Command::new(&program);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(home.path(), Some(1001), Some(1001)).unwrap();
        command.uid(1001).gid(1001);
    }
    let socket = home.path().join("agent.sock");
    let mut agent =
        command.arg("serve").arg("--socket").arg(&socket).env("HOME", home.path()).spawn().unwrap();
    until("it listens", || socket.exists()).await;
    // these belong to root if a process is closed to its own user
    for file in ["environ", "mem", "maps", "fd"] {
        let about = std::fs::metadata(format!("/proc/{}/{file}", agent.id())).unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&about), 0, "{file}");
    }
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[tokio::test]
async fn standard_input_and_output_that_are_no_pipes_are_copied() {
    let agent = TestAgent::start();
    let (near, far) = StdStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let mut attach = agent
        .attach_command()
        .stdin(Stdio::from(OwnedFd::from(far.try_clone().unwrap())))
        .stdout(Stdio::from(OwnedFd::from(far)))
        .spawn()
        .unwrap();
    let link = Link::connect(UnixStream::from_std(near).unwrap()).await.unwrap();
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("seq 100000; echo all-$((3*3))\r").await;
    viewer.read_until("all-9").await;
    drop((viewer, link));
    let ended = tokio::time::timeout(Duration::from_secs(5), attach.wait()).await;
    assert!(matches!(ended, Ok(Ok(_))), "it ends with its input: {ended:?}");
}

#[tokio::test]
async fn a_process_that_lent_its_pipes_ends_with_the_link_and_the_link_with_it() {
    let agent = TestAgent::start();
    for killed in [false, true] {
        let mut attach = agent.attach_command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let io = tokio::io::join(attach.stdout.take().unwrap(), attach.stdin.take().unwrap());
        let link = Link::connect(io).await.unwrap();
        let _viewer = Viewer::attach(&link, "1", None).await;
        if killed {
            attach.start_kill().unwrap();
            tokio::time::timeout(Duration::from_secs(5), link.closed()).await.expect("the link ends");
        } else {
            drop((_viewer, link));
        }
        tokio::time::timeout(Duration::from_secs(5), attach.wait()).await.expect("the process ends").unwrap();
    }
}

#[tokio::test]
async fn bytes_that_mean_nothing_harm_nobody() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    let socket = agent.path("run/agent.sock");
    for round in 0..100 {
        let mut stream = UnixStream::connect(&socket).await.unwrap();
        let mut bytes = vec![0; rand::rng().random_range(1..2000)];
        rand::rng().fill(&mut bytes[..]);
        if round % 2 == 0 {
            // a header of the multiplexer that is nearly right
            let kind = rand::rng().random_range(0..5);
            bytes.splice(..0, [0, 0, kind, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9]);
        }
        // fails if the agent has closed the connection
        let _ = stream.write_all(&bytes).await;
    }
    viewer.type_in("echo still-$((1+1))\r").await;
    viewer.read_until("still-2").await;
}

#[test]
fn a_copy_of_the_agent_can_be_put_into_another_image() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bin");
    let agent = env!("CARGO_BIN_EXE_lectern-agent");
    for _ in 0..2 {
        let status = Command::new(agent).arg("install").arg(&place).status().unwrap();
        assert!(status.success());
    }
    let copy = Command::new(place.join("lectern-agent")).arg("--version").output().unwrap();
    let own = Command::new(agent).arg("--version").output().unwrap();
    assert!(copy.status.success() && copy.stdout == own.stdout);
    assert_eq!(std::fs::read_dir(&place).unwrap().count(), 1);
    let nowhere = Command::new(agent).args(["install", "/proc/nowhere"]).output().unwrap();
    assert!(!nowhere.status.success() && String::from_utf8_lossy(&nowhere.stderr).contains("/proc/nowhere"));
}
