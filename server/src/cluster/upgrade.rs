//! WebSockets to the API server with small buffers: kube's own take a quarter of a megabyte each, and every session has
//! one.

use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
};
use http::header::{SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use kube::client::{Body, UpgradeConnectionError};
use kube::core::Status;
use kube::{Client, Error};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The versions of the remote command protocol, and whether they can signal the end of standard input.
const PROTOCOLS: [(&str, bool); 2] = [("v5.channel.k8s.io", true), ("v4.channel.k8s.io", false)];
/// How much is read at a time, in bytes: the content of one TLS record.
const READ_BYTES: usize = 16 * 1024;

/// A WebSocket to the API server.
pub(super) struct Socket {
    pub(super) stream: WebSocketStream<TokioIo<Upgraded>>,
    /// Whether the protocol can signal the end of standard input.
    pub(super) closes_stdin: bool,
}

/// Sends a request and upgrades its connection to a WebSocket.
pub(super) async fn open(client: &Client, request: Request<Vec<u8>>) -> Result<Socket, Error> {
    let key = generate_key();
    let (mut parts, body) = request.into_parts();
    ask_for_upgrade(&mut parts.headers, &key)?;
    let response = client.send(Request::from_parts(parts, Body::from(body))).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(response).await);
    }
    let closes_stdin = check(response.headers(), &key).map_err(Error::UpgradeConnection)?;
    let upgraded = hyper::upgrade::on(response)
        .await
        .map_err(|error| Error::UpgradeConnection(UpgradeConnectionError::GetPendingUpgrade(error)))?;
    // every write is flushed at once, so a write buffer would be useless
    let config = WebSocketConfig::default().read_buffer_size(READ_BYTES).write_buffer_size(0);
    let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await;
    Ok(Socket { stream, closes_stdin })
}

fn ask_for_upgrade(headers: &mut HeaderMap, key: &str) -> Result<(), Error> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| Error::HttpError(error.into()));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(SEC_WEBSOCKET_KEY, value(key)?);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, value(&PROTOCOLS.map(|(name, _)| name).join(", "))?);
    Ok(())
}

/// Checks the answer to an upgrade. Returns whether the protocol that the API server chose can signal the end of
/// standard input.
fn check(headers: &HeaderMap, key: &str) -> Result<bool, UpgradeConnectionError> {
    let value = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if !value(UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return Err(UpgradeConnectionError::MissingUpgradeWebSocketHeader);
    }
    if value(SEC_WEBSOCKET_ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_str()) {
        return Err(UpgradeConnectionError::SecWebSocketAcceptKeyMismatch);
    }
    PROTOCOLS
        .into_iter()
        .find(|(name, _)| value(SEC_WEBSOCKET_PROTOCOL) == Some(name))
        .map(|(_, closes_stdin)| closes_stdin)
        .ok_or(UpgradeConnectionError::SecWebSocketProtocolMismatch)
}

/// Converts the answer of an API server, or of a proxy in front of it, that does not upgrade.
async fn refusal(response: Response<Body>) -> Error {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status));
    }
    let text = match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return error,
    };
    let status = serde_json::from_slice::<Status>(&text).unwrap_or_else(|_| {
        Status::failure(String::from_utf8_lossy(&text).trim(), "not an answer of the API server")
            .with_code(status.as_u16())
    });
    Error::Api(status.boxed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_our_key_in_a_protocol_we_speak_is_an_upgrade() {
        let mut headers = HeaderMap::new();
        assert!(check(&headers, "key").is_err());
        headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&derive_accept_key(b"key")).unwrap());
        assert!(matches!(check(&headers, "key"), Err(UpgradeConnectionError::SecWebSocketProtocolMismatch)));
        for (name, closes_stdin) in PROTOCOLS {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
            assert_eq!(check(&headers, "key").unwrap(), closes_stdin);
        }
        assert!(matches!(
            check(&headers, "other"),
            Err(UpgradeConnectionError::SecWebSocketAcceptKeyMismatch)
        ));
    }

    #[tokio::test]
    async fn a_refusal_keeps_the_words_of_the_api_server() {
        let refused = |code: u16, body: &str| {
            let body = Body::from(body.as_bytes().to_vec());
            refusal(Response::builder().status(code).body(body).unwrap())
        };
        let json = r#"{"kind":"Status","status":"Failure","message":"pods \"x\" not found","code":404}"#;
        let Error::Api(status) = refused(404, json).await else { panic!("no API error") };
        assert_eq!((status.code, status.message.as_str()), (404, "pods \"x\" not found"));
        let Error::Api(status) = refused(502, "bad gateway\n").await else { panic!("no API error") };
        assert_eq!((status.code, status.message.as_str()), (502, "bad gateway"));
        assert!(matches!(refused(204, "").await, Error::UpgradeConnection(_)));
    }
}
