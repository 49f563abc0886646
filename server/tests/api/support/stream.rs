//! Reading server-sent events.

use serde::de::DeserializeOwned;

use super::client::Client;
use super::in_time;

/// An open stream.
pub struct EventStream {
    response: reqwest::Response,
    unread: String,
}

impl EventStream {
    /// Opens a stream, which must succeed.
    pub async fn open(client: &Client, path: &str) -> Self {
        let response = client.request(reqwest::Method::GET, path).send().await.expect("the server answers");
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: String::new() }
    }

    /// The next event of this name, within the time that tests allow.
    pub async fn next<T: DeserializeOwned>(&mut self, name: &str) -> T {
        in_time(&format!("the event {name}"), async {
            loop {
                if let Some((event, rest)) = self.unread.split_once("\n\n") {
                    let data = event
                        .strip_prefix(&format!("event: {name}\ndata: "))
                        .map(|data| serde_json::from_str(data).expect("an event of the expected form"));
                    self.unread = rest.to_owned();
                    match data {
                        Some(data) => return data,
                        None => continue,
                    }
                }
                let piece = self.response.chunk().await.expect("the stream can be read");
                let piece = piece.expect("the stream goes on");
                self.unread.push_str(std::str::from_utf8(&piece).expect("events are text"));
            }
        })
        .await
    }

    /// Reads until this text comes, or the stream's end if none is wanted.
    pub async fn read_until(&mut self, text: Option<&str>) {
        in_time("what the stream was to bring", async {
            loop {
                if text.is_some_and(|text| self.unread.contains(text)) {
                    return;
                }
                match self.response.chunk().await {
                    Ok(Some(piece)) => {
                        self.unread.push_str(std::str::from_utf8(&piece).expect("events are text"));
                    }
                    Ok(None) => match text {
                        Some(text) => panic!("the stream ended before {text:?}"),
                        None => return,
                    },
                    Err(error) => panic!("the stream cannot be read: {error}"),
                }
            }
        })
        .await;
    }

    /// Waits for an event of which this is true.
    pub async fn wait_for<T: DeserializeOwned>(&mut self, name: &str, wanted: impl Fn(&T) -> bool) -> T {
        in_time(&format!("the right event {name}"), async {
            loop {
                let event = self.next(name).await;
                if wanted(&event) {
                    return event;
                }
            }
        })
        .await
    }

    /// Waits until the server ends the stream.
    pub async fn ended(&mut self) {
        in_time("the stream's end", async {
            // an error is an end, too
            while let Ok(Some(_)) = self.response.chunk().await {}
        })
        .await;
    }
}
