//! Sending failed requests to the API server again: a policy for tower's retry layer.

use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header};
use kube::client::Body;
use tower::BoxError;
use tower::retry::Policy;

use super::schedule::Schedule;

/// The longest pause that the API server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The pauses if the API server does not ask for one.
const SCHEDULE: Schedule = Schedule::growing(Duration::from_millis(100), 2.0, LONGEST_PAUSE).at_most(4);

/// Sends requests again that may safely be sent twice, when the API server is busy, restarting or briefly unreachable.
/// Reads, server-side apply and deletes are such requests; upgrades to a stream and posts are not.
#[derive(Clone, Debug, Default)]
pub(super) struct RetryPolicy {
    retries: usize,
}

impl RetryPolicy {
    /// Returns the pause before the next retry; `None` if there have been enough.
    fn pause(&self, retry_after: Option<Duration>) -> Option<Duration> {
        let own = SCHEDULE.pauses().nth(self.retries)?;
        // some jitter, so that thirty starts that failed together are not retried together
        let jitter = Duration::from_millis(u64::from(rand::random::<u8>() % 50));
        Some(retry_after.unwrap_or(own).min(LONGEST_PAUSE) + jitter)
    }
}

impl<Res> Policy<Request<Body>, Response<Res>, BoxError> for RetryPolicy {
    type Future = tokio::time::Sleep;

    fn retry(
        &mut self,
        request: &mut Request<Body>,
        result: &mut Result<Response<Res>, BoxError>,
    ) -> Option<Self::Future> {
        let retry_after = match result {
            Ok(response) if is_transient(response.status()) => response
                .headers()
                .get(header::RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.parse().ok())
                .map(Duration::from_secs),
            Ok(_) => return None,
            Err(_) => None,
        };
        let pause = self.pause(retry_after)?;
        self.retries += 1;
        tracing::debug!(
            http.method = %request.method(), http.path = request.uri().path(), retry = self.retries,
            "sending a request to the API server again"
        );
        Some(tokio::time::sleep(pause))
    }

    fn clone_request(&mut self, request: &Request<Body>) -> Option<Request<Body>> {
        if !may_be_sent_twice(request) {
            return None;
        }
        let body = request.body().try_clone()?;
        let mut clone = Request::new(body);
        *clone.method_mut() = request.method().clone();
        *clone.uri_mut() = request.uri().clone();
        *clone.version_mut() = request.version();
        *clone.headers_mut() = request.headers().clone();
        *clone.extensions_mut() = request.extensions().clone();
        Some(clone)
    }
}

fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

fn may_be_sent_twice<B>(request: &Request<B>) -> bool {
    if request.headers().contains_key(header::UPGRADE) {
        return false;
    }
    match *request.method() {
        Method::GET | Method::HEAD | Method::DELETE | Method::PUT => true,
        Method::PATCH => request
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/apply-patch")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, name: header::HeaderName, value: &'static str) -> Request<()> {
        Request::builder().method(method).header(name, value).body(()).unwrap()
    }

    #[test]
    fn applies_are_sent_again_but_posts_merges_and_streams_are_not() {
        let kind = header::CONTENT_TYPE;
        assert!(may_be_sent_twice(&request(Method::PATCH, kind.clone(), "application/apply-patch+yaml")));
        assert!(!may_be_sent_twice(&request(Method::PATCH, kind.clone(), "application/merge-patch+json")));
        assert!(!may_be_sent_twice(&request(Method::POST, kind, "application/json")));
        assert!(!may_be_sent_twice(&request(Method::GET, header::UPGRADE, "websocket")));
    }

    #[tokio::test]
    async fn a_busy_server_is_asked_again_a_few_times_only() {
        let mut policy = RetryPolicy::default();
        let mut asked = 0;
        loop {
            let mut request = Request::new(Body::empty());
            let mut busy = Ok(Response::builder().status(429).header("retry-after", "1").body(()).unwrap());
            if policy.retry(&mut request, &mut busy).is_none() {
                break;
            }
            asked += 1;
        }
        assert_eq!(asked, 4);
        let mut forbidden = Ok(Response::builder().status(403).body(()).unwrap());
        assert!(RetryPolicy::default().retry(&mut Request::new(Body::empty()), &mut forbidden).is_none());
    }

    #[test]
    fn a_server_cannot_make_us_wait_for_ever() {
        let pause = RetryPolicy::default().pause(Some(Duration::from_secs(86_400)));
        assert!(pause.unwrap() < Duration::from_secs(6));
    }
}
