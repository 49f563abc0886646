//! Checks and set-up scripts.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use lectern_api::agent::{PROTOCOL, Reply, Request};
use lectern_link::{Incoming, Link, LinkError, Messages};

use crate::support::{TestAgent, Viewer, sleeps, until};

/// Where the checks lie, from the home that a test's agent has.
const TESTS: &str = "workshop/examiner/tests";

fn write_check(agent: &TestAgent, name: &str, text: &str) {
    let folder = agent.path(TESTS);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), text).unwrap();
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn wish(name: &str, timeout_secs: u32, retries: u32) -> Request {
    Request::RunCheck {
        name: name.parse().unwrap(),
        args: vec!["argument".into()],
        stdin: "{\"a\":1}".into(),
        timeout_secs,
        retries,
        delay_secs: 0,
    }
}

async fn check(link: &Link, name: &str, timeout_secs: u32) -> Reply {
    link.request(wish(name, timeout_secs, 0)).await.unwrap()
}

#[tokio::test]
async fn a_check_that_fails_is_tried_again_until_it_passes_or_has_no_try_left() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    write_check(&agent, "third", "#!/bin/bash\necho x >> tries\n[ $(wc -l < tries) -ge 3 ]\n");
    for (retries, wanted, tries) in [(1, false, 2), (5, true, 3), (0, true, 4)] {
        let reply = link.request(wish("third", 5, retries)).await.unwrap();
        assert!(matches!(reply, Reply::Ran { passed, .. } if passed == wanted), "{reply:?}");
        assert_eq!(std::fs::read_to_string(agent.path("tries")).unwrap().lines().count(), tries);
    }
    let absent = link.request(wish("absent", 5, u32::MAX)).await.unwrap();
    assert!(matches!(absent, Reply::Failed { .. }), "{absent:?}");
}

#[tokio::test]
async fn a_check_whose_result_nobody_waits_for_is_ended_with_all_that_it_started() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let marker = format!("{}.25", 700 + agent.pid());
    write_check(&agent, "endless", &format!("#!/bin/bash\nsleep {marker} & touch begun; sleep {marker}\n"));
    {
        let asking = link.request(wish("endless", 600, 0));
        tokio::pin!(asking);
        tokio::select! {
            reply = &mut asking => panic!("{reply:?}"),
            () = until("it begins", || agent.path("begun").exists()) => {}
        }
    }
    until("it ends", || sleeps(&marker) == 0).await;
}

#[tokio::test]
async fn a_check_gets_arguments_and_input_and_both_its_outputs_are_kept_in_order() {
    let agent = TestAgent::start();
    write_check(&agent, "c", "#!/bin/bash\necho \"one $1\"\necho two >&2\ncat\necho\npwd\nexit 4\n");
    let reply = check(&agent.link().await, "c", 5).await;
    let Reply::Ran { passed, status, output, .. } = reply else { panic!("{reply:?}") };
    let home = agent.home.path().canonicalize().unwrap();
    assert_eq!(output, format!("one argument\ntwo\n{{\"a\":1}}\n{}", home.display()));
    assert_eq!((passed, status), (false, Some(4)));
}

#[tokio::test]
async fn a_check_that_takes_too_long_is_killed_with_all_that_it_started() {
    let agent = TestAgent::start();
    let marker = format!("{}.5", 600 + agent.pid());
    write_check(&agent, "slow", &format!("#!/bin/bash\nsleep {marker} & sleep {marker}\n"));
    let started = Instant::now();
    let reply = check(&agent.link().await, "slow", 1).await;
    assert!(
        matches!(reply, Reply::Ran { passed: false, status: None, ref output, .. } if output.contains("time limit")),
        "{reply:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(4));
    // what was killed is gone a moment later
    until("all of it ends", || sleeps(&marker) == 0).await;
}

#[tokio::test]
async fn a_check_that_is_not_there_or_not_executable_says_so() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    write_check(&agent, "plain", "echo x");
    std::fs::set_permissions(agent.path(TESTS).join("plain"), std::fs::Permissions::from_mode(0o644))
        .unwrap();
    for (name, wanted) in [("absent", "does not exist"), ("plain", "not executable")] {
        let reply = check(&link, name, 5).await;
        assert!(matches!(reply, Reply::Failed { ref message } if message.contains(wanted)), "{reply:?}");
    }
}

#[tokio::test]
async fn set_up_scripts_run_once_and_their_variables_reach_shells() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let script = agent.path("set-up.sh");
    std::fs::write(&script, "echo ran >> count\necho 'COLOUR=\"dark green\"' >> $WORKSHOP_ENV\necho hello\n")
        .unwrap();
    let env = BTreeMap::from([("PLACE".to_owned(), "here".to_owned())]);
    let configure = Request::Configure { env, working_dir: "/nowhere".into() };
    assert_eq!(link.request(configure).await.unwrap(), Reply::Done);
    let set_up = Request::SetUp { scripts: vec![script.display().to_string()], timeout_secs: 5 };
    for _ in 0..2 {
        let reply = link.request(set_up.clone()).await.unwrap();
        assert!(
            matches!(reply, Reply::Ran { passed: true, ref output, .. } if output == "hello"),
            "{reply:?}"
        );
    }
    assert_eq!(std::fs::read_to_string(agent.path("count")).unwrap(), "ran\n");
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("echo \"<$COLOUR><$PLACE>\"\r").await;
    viewer.read_until("<dark green><here>").await;
}

#[tokio::test]
async fn an_agent_of_another_protocol_is_refused_with_a_clear_message() {
    let (server, agent) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let mut incoming = Incoming::accept(agent);
        let mut messages = Messages::new(incoming.next().await.unwrap());
        let _: Option<Request> = messages.receive().await.unwrap();
        let hello = Reply::Hello { protocol: PROTOCOL + 1, version: "9".into(), boot_id: "x".into() };
        messages.send(&hello).await.unwrap();
        incoming.next().await;
    });
    let error = Link::connect(server).await.unwrap_err();
    assert!(matches!(error, LinkError::OtherProtocol { .. }), "{error}");
    assert!(error.to_string().contains("use the workbench image of this release"));
}

#[tokio::test]
async fn a_link_whose_agent_dies_says_that_it_is_closed() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    assert!(!link.is_closed());
    drop(agent);
    tokio::time::timeout(Duration::from_secs(5), link.closed()).await.unwrap();
    assert!(link.request(Request::Hello { protocol: PROTOCOL }).await.is_err());
}
