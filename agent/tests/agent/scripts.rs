//! Set-up scripts, and links to something that is not a proper agent.

use std::collections::BTreeMap;
use std::time::Duration;

use lectern_api::agent::{PROTOCOLS, Reply, Request};
use lectern_link::{Incoming, Link, LinkError, Messages};

use crate::support::{TestAgent, Viewer};

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
    let set_up = Request::SetUp {
        scripts: vec![script.display().to_string()],
        timeout_secs: 5,
        script_timeout_secs: None,
    };
    for _ in 0..2 {
        let reply = link.request(set_up.clone()).await.unwrap();
        assert!(
            matches!(reply, Reply::Ran { passed: true, ref output, ref env, .. }
                if output == "hello" && env["COLOUR"] == "dark green"),
            "{reply:?}"
        );
    }
    assert_eq!(std::fs::read_to_string(agent.path("count")).unwrap(), "ran\n");
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("echo \"<$COLOUR><$PLACE>\"\r").await;
    viewer.read_until("<dark green><here>").await;
}

#[tokio::test]
async fn what_a_set_up_script_starts_in_the_background_goes_on() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let script = agent.path("set-up.sh");
    let beating = "(while sleep 0.1; do echo beat >> beats; done) >/dev/null 2>&1 </dev/null &\n";
    std::fs::write(&script, beating).unwrap();
    let set_up = Request::SetUp {
        scripts: vec![script.display().to_string()],
        timeout_secs: 5,
        script_timeout_secs: None,
    };
    let reply = link.request(set_up).await.unwrap();
    assert!(matches!(reply, Reply::Ran { passed: true, .. }), "{reply:?}");
    let beats = || std::fs::read_to_string(agent.path("beats")).unwrap_or_default().lines().count();
    let so_far = beats();
    let goes_on = async {
        while beats() < so_far + 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), goes_on).await.expect("it goes on");
}

#[tokio::test]
async fn a_set_up_script_that_fails_or_hangs_is_named_with_its_output_and_the_next_one_runs() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let mut scripts = vec![];
    for (name, text) in [
        ("1.sh", "echo one step; echo 'no such tool: frobnicate' >&2; exit 3\n"),
        ("2.sh", "echo waiting; sleep 60 & sleep 60\n"),
        ("3.sh", "echo 'COLOUR=green' >> $WORKSHOP_ENV; echo third\n"),
    ] {
        std::fs::write(agent.path(name), text).unwrap();
        scripts.push(agent.path(name).display().to_string());
    }
    scripts.insert(2, agent.path("missing.sh").display().to_string());
    let request = Request::SetUp { scripts: scripts.clone(), timeout_secs: 60, script_timeout_secs: Some(1) };
    let Reply::Ran { passed, status, output, env, failures, .. } = link.request(request).await.unwrap()
    else {
        panic!("the scripts did not run");
    };
    assert_eq!((passed, status), (false, Some(3)));
    assert!(output.ends_with("third"), "{output}");
    assert_eq!(env["COLOUR"], "green");
    let told: Vec<_> = failures.iter().map(|one| (&one.script, one.status, one.timed_out_secs)).collect();
    assert_eq!(
        told,
        [(&scripts[0], Some(3), None), (&scripts[1], None, Some(1)), (&scripts[2], Some(127), None)]
    );
    assert_eq!(failures[0].output, "one step\nno such tool: frobnicate");
    assert!(failures[1].output.starts_with("waiting\n"), "{failures:?}");
}

#[tokio::test]
async fn an_agent_of_another_protocol_is_refused_with_a_clear_message() {
    let (server, agent) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let mut incoming = Incoming::accept(agent);
        let mut messages = Messages::new(incoming.next().await.unwrap());
        let _: Option<Request> = messages.receive().await.unwrap();
        let hello = Reply::Hello {
            protocol: PROTOCOLS.newest + 1,
            protocols: None,
            version: "9".into(),
            boot_id: "x".into(),
        };
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
    assert!(link.request(Request::hello(PROTOCOLS)).await.is_err());
}
