//! Server-sent events: how they are written, and answers that stream them.

use std::convert::Infallible;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use futures::StreamExt as _;
use futures::stream::unfold;
use serde::Serialize;

/// A comment, which pages ignore; it shows proxies that the stream is alive.
pub const HEARTBEAT: &[u8] = b": \n\n";

/// Writes an event with JSON as its data. Returns `None` if the data cannot be written as JSON.
pub fn event(name: &str, data: &impl Serialize) -> Option<Bytes> {
    let json = serde_json::to_string(data).ok()?;
    Some(Bytes::from(format!("event: {name}\ndata: {json}\n\n")))
}

/// Answers with a stream of what `next` returns, until it returns `None`. `state` is passed from call to call.
pub fn respond<S, F>(state: S, next: impl FnMut(S) -> F + 'static) -> HttpResponse
where
    S: 'static,
    F: Future<Output = Option<(Bytes, S)>> + 'static,
{
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // nginx would otherwise buffer the events
        .insert_header(("x-accel-buffering", "no"))
        .streaming(unfold(state, next).map(Ok::<_, Infallible>))
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn a_stream_sends_what_it_is_given_and_ends() {
        let response = respond(0, async |count: u32| {
            (count < 2).then_some(())?;
            Some((event("count", &count)?, count + 1))
        });
        assert_eq!(response.headers().get("content-type").unwrap(), "text/event-stream");
        let body = to_bytes(response.into_body()).await.unwrap();
        assert_eq!(body, "event: count\ndata: 0\n\nevent: count\ndata: 1\n\n");
    }
}
