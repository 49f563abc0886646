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
    let set_up = Request::SetUp { scripts: vec![script.display().to_string()], timeout_secs: 5 };
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
