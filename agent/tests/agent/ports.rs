//! Ports of the workbench, through the link.

use std::time::Duration;

use lectern_link::LinkError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::TestAgent;

#[tokio::test]
async fn each_dialled_port_is_a_connection_whose_directions_end_on_their_own() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut served = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (mut connection, _) = listener.accept().await.unwrap();
            served.spawn(async move {
                let mut asked = vec![];
                // to the end of what the other side sends, and only then an answer
                connection.read_to_end(&mut asked).await.unwrap();
                asked.reverse();
                connection.write_all(&asked).await.unwrap();
            });
        }
        served.join_all().await;
    });
    let asking = (0..3u8).map(|n| {
        let link = link.clone();
        async move {
            let mut stream = link.dial(port).await.unwrap();
            let question: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8 ^ n).collect();
            stream.write_all(&question).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = vec![];
            stream.read_to_end(&mut answer).await.unwrap();
            answer.reverse();
            assert!(answer == question, "{} bytes", answer.len());
        }
    });
    tokio::time::timeout(Duration::from_secs(20), futures::future::join_all(asking)).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_port_on_which_nothing_listens_is_refused_in_words() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let refused = link.dial(port).await.err();
    let words = format!("nothing listens on port {port}");
    assert!(
        matches!(refused, Some(LinkError::Refused(ref message)) if message.contains(&words)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn another_host_is_reached_as_a_program_in_the_workbench_would_or_the_reason_is_said() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.write_all(b"hello").await.unwrap();
    });
    let mut answer = String::new();
    link.connect_to("localhost", port).await.unwrap().read_to_string(&mut answer).await.unwrap();
    answering.await.unwrap();
    assert_eq!(answer, "hello");
    for (host, words) in
        [("127.0.0.1", "nothing listens on port"), ("no-such-host.invalid", "cannot be reached")]
    {
        let refused = link.connect_to(host, port).await.err();
        assert!(
            matches!(refused, Some(LinkError::Refused(ref message)) if message.contains(words) && message.contains(host)),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_the_server_gives_up_is_closed_in_the_workbench() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = link.dial(listener.local_addr().unwrap().port()).await.unwrap();
    let (mut connection, _) = listener.accept().await.unwrap();
    drop(stream);
    let read = tokio::time::timeout(Duration::from_secs(5), connection.read(&mut [0; 8])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
}

#[tokio::test]
async fn a_link_that_is_asked_for_too_much_says_so_and_lives() {
    let agent = TestAgent::start();
    let link = agent.link().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = vec![];
        loop {
            open.push(listener.accept().await.unwrap());
        }
    });
    let mut open = vec![];
    let refused = loop {
        match link.dial(port).await {
            Ok(stream) => open.push(stream),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, LinkError::TooManyStreams), "{refused}");
    assert_eq!(open.len(), 256);
    open.truncate(200);
    link.dial(port).await.expect("there is a place again");
}
