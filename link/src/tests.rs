//! Links to agents that are not to be trusted, and to agents of other releases.

use std::time::Duration;

use lectern_api::agent::{PROTOCOLS, ProtocolRange, Reply, Request};
use lectern_api::terminal::AttachRequest;

use crate::{Incoming, Link, LinkError, Messages};

/// Connects a server that speaks `spoken` to an agent that answers a hello with `hello`, and any other request with what
/// `answer` returns, if anything.
async fn connect(
    spoken: ProtocolRange,
    hello: Reply,
    answer: impl Fn() -> Option<Reply> + Send + 'static,
) -> Result<Link, LinkError> {
    let (server, agent) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let mut incoming = Incoming::accept(agent);
        let mut kept = vec![];
        while let Some(stream) = incoming.next().await {
            let mut messages = Messages::new(stream);
            let reply = match messages.receive().await {
                Ok(Some(Request::Hello { .. })) => Some(hello.clone()),
                _ => answer(),
            };
            if let Some(reply) = reply {
                messages.send(&reply).await.unwrap();
            }
            kept.push(messages);
        }
    });
    Link::connect_speaking(spoken, server).await
}

/// A link to an agent of this release.
async fn link_to(answer: impl Fn() -> Option<Reply> + Send + 'static) -> Link {
    connect(PROTOCOLS, Reply::hello(PROTOCOLS, PROTOCOLS, "9", "x"), answer).await.unwrap()
}

fn attach() -> AttachRequest {
    let terminal = "1".parse().unwrap();
    AttachRequest { terminal, offset: None, cols: 80, rows: 24, can_type: true, window_bytes: 1024 }
}

/// A server and an agent that answers every attach; returns the version that they share.
async fn attach_between(server: ProtocolRange, hello: Reply) -> u32 {
    let attached = || Some(Reply::Attached { offset: 5, end: 7 });
    let link = connect(server, hello, attached).await.unwrap();
    let terminal = link.attach(attach()).await.unwrap();
    assert_eq!((terminal.offset, terminal.end), (5, 7));
    link.protocol()
}

fn range(oldest: u32, newest: u32) -> ProtocolRange {
    ProtocolRange { oldest, newest }
}

/// The hello of an agent from before agents named ranges.
fn single(protocol: u32) -> Reply {
    Reply::Hello { protocol, protocols: None, version: "0.1.0".into(), boot_id: "x".into() }
}

#[tokio::test]
async fn terminals_work_with_an_agent_that_is_one_version_older() {
    assert_eq!(attach_between(range(3, 4), single(3)).await, 3);
    let hello = Reply::hello(range(2, 3), range(3, 4), "1", "x");
    assert_eq!(attach_between(range(3, 4), hello).await, 3);
}

#[tokio::test]
async fn terminals_work_with_an_agent_that_is_one_version_newer() {
    let hello = Reply::hello(range(3, 4), PROTOCOLS, "1", "x");
    assert_eq!(attach_between(PROTOCOLS, hello).await, PROTOCOLS.newest);
    let hello = Reply::hello(range(4, 5), range(3, 4), "1", "x");
    assert_eq!(attach_between(range(3, 4), hello).await, 4);
}

#[tokio::test]
async fn an_agent_of_an_earlier_release_is_not_asked_for_what_it_does_not_know() {
    let link = connect(PROTOCOLS, single(3), || Some(Reply::Done)).await.unwrap();
    assert!(matches!(link.connect_to("web", 80).await.map(drop), Err(LinkError::TooOld)));
    link.dial(80).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_shares_no_version_is_refused_with_both_ranges() {
    for (server, hello, message) in [
        (range(3, 4), single(2), "speaks protocol 2 and this server 3 to 4;"),
        (range(3, 3), single(4), "speaks protocol 4 and this server 3;"),
        (
            range(3, 4),
            Reply::hello(range(5, 6), range(3, 4), "1", "x"),
            "speaks protocol 5 to 6 and this server 3 to 4;",
        ),
    ] {
        let error = connect(server, hello, || None).await.unwrap_err();
        assert!(matches!(error, LinkError::OtherProtocol { .. }), "{error:?}");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[tokio::test]
async fn an_agent_that_never_answers_holds_no_request_for_ever() {
    let link = link_to(|| None).await;
    let write = Request::WriteFile { path: "x".into(), content: String::new(), mode: 0o600 };
    let archive = vec![0_u8; 8 * 1024 * 1024];
    let answers = async {
        [
            link.request(write.clone()).await.map(drop),
            link.put_files("x", archive.as_slice()).await,
            link.upload("x", 0o600, &b"x"[..]).await,
            link.list_files("x").await.map(drop),
            link.read_file("x", 9).await.map(drop),
            link.download("x").await.map(drop),
            link.watch_files("x").await.map(drop),
            link.find_file("x").await.map(drop),
            link.open_file("x").await.map(drop),
            link.put_file("x", None, &b"x"[..]).await.map(drop),
            link.dial(80).await.map(drop),
            link.connect_to("x", 80).await.map(drop),
            link.attach(attach()).await.map(drop),
            link.run_check(&write, &b""[..], Duration::from_millis(10)).await.map(drop),
        ]
    };
    let answers = tokio::time::timeout(Duration::from_secs(60), answers).await.expect("all of them end");
    for (number, answer) in answers.into_iter().enumerate() {
        assert!(matches!(answer, Err(LinkError::NoAnswer(_))), "{number}: {answer:?}");
    }
    assert!(!link.is_closed());
}

#[tokio::test]
async fn of_what_an_agent_says_no_more_is_kept_than_an_honest_one_needs() {
    let link = link_to(|| Some(Reply::Failed { message: "é".repeat(200_000) })).await;
    let reply = link.request(Request::ListFiles { path: "x".into() }).await.unwrap();
    assert!(matches!(reply, Reply::Failed { ref message } if message.len() < 1100));
    let error = link.dial(80).await.map(drop).unwrap_err();
    assert!(error.to_string().len() < 1100);
}

#[tokio::test]
async fn an_older_agent_is_asked_for_nothing_that_it_does_not_know() {
    let link = connect(range(3, 4), single(3), || panic!("it was asked")).await.unwrap();
    let answers = [
        link.find_file("x").await.map(drop),
        link.open_file("x").await.map(drop),
        link.put_file("x", None, &b"x"[..]).await.map(drop),
        link.watch_folders(vec!["x".into()]).await.map(drop),
        link.search_files("x", "y", true).await.map(drop),
    ];
    for answer in answers {
        assert!(matches!(answer, Err(LinkError::TooOld)), "{answer:?}");
    }
}
