//! A link to an agent that is its learner's, not ours.

use std::time::Duration;

use lectern_api::agent::{PROTOCOL, Reply, Request};

use crate::{AttachWish, Incoming, Link, LinkError, Messages};

/// An agent that says hello and to all else what `answer` gives, if anything.
async fn link_to(answer: impl Fn() -> Option<Reply> + Send + 'static) -> Link {
    let (server, agent) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let mut incoming = Incoming::accept(agent);
        let mut kept = vec![];
        while let Some(stream) = incoming.next().await {
            let mut messages = Messages::new(stream);
            let reply = match messages.receive().await {
                Ok(Some(Request::Hello { .. })) => {
                    Some(Reply::Hello { protocol: PROTOCOL, version: "9".into(), boot_id: "x".into() })
                }
                _ => answer(),
            };
            if let Some(reply) = reply {
                messages.send(&reply).await.unwrap();
            }
            kept.push(messages);
        }
    });
    Link::connect(server).await.unwrap()
}

fn attach() -> AttachWish {
    let terminal = "1".parse().unwrap();
    AttachWish { terminal, offset: None, cols: 80, rows: 24, can_type: true, window_bytes: 1024 }
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
            link.dial(80).await.map(drop),
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
