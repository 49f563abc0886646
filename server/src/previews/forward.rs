//! Passing one request on to an application, and its answer back. Nothing is kept: bodies stream in both directions, for
//! as long as they last.

use std::error::Error as _;
use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;

use super::cookies::CookieRules;
use super::headers::{self, Origin};
use super::{Pass, PreviewError, Previews};

/// A request's body.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// The browser that sends a request.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub address: IpAddr,
    /// The port of its application, if applications differ by port.
    pub port: Option<u16>,
}

/// An application's answer.
pub enum Answer {
    Response(Response<Incoming>),
    /// From here on, both sides send what they like.
    Upgraded(HeaderMap, TokioIo<Upgraded>),
}

impl Previews {
    /// Returns how cookies are treated on an application's origin.
    #[must_use]
    pub(crate) fn cookie_rules(&self, host: &str, port: Option<u16>) -> CookieRules {
        CookieRules::of(self.site(), host, port)
    }

    /// Passes a request on, and returns what the application answers.
    ///
    /// # Errors
    /// [`PreviewError::NotUp`], [`PreviewError::Nothing`], [`PreviewError::TooMany`], [`PreviewError::BadAnswer`], …
    pub async fn forward(
        &self,
        pass: &Pass,
        visitor: &Visitor,
        request: Request<Body>,
    ) -> Result<Answer, PreviewError> {
        let upstream = self.upstream(&pass.row);
        let target = upstream.find_target(&pass.app, request.uri().path()).await?;
        let cookies = self.cookie_rules(&pass.app.host, visitor.port);
        let (mut head, body) = request.into_parts();
        let host =
            head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        let upgrades = headers::is_upgrade(&head.headers);
        let origin = Origin { client: visitor.address, scheme: self.site().scheme(), cookies: &cookies };
        head.headers = headers::for_app(head.headers, &origin);
        head.uri = at(target, &head.uri)?;
        head.version = http::Version::HTTP_11;
        head.extensions = http::Extensions::default();
        let answered = upstream.client().request(Request::from_parts(head, body)).await;
        let mut response = answered.map_err(explain)?;
        let relocate = |location: &str| {
            headers::relocated(location, &pass.app.host, &format!("{}://{}", self.site().scheme(), host?))
        };
        let own = headers::for_browser(std::mem::take(response.headers_mut()), &cookies, relocate);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            if !upgrades {
                return Err(PreviewError::BadAnswer(
                    "it changed to another protocol without being asked".to_owned(),
                ));
            }
            let upgraded = hyper::upgrade::on(response).await;
            let upgraded = upgraded.map_err(|error| PreviewError::BadAnswer(error.to_string()))?;
            return Ok(Answer::Upgraded(own, TokioIo::new(upgraded)));
        }
        *response.headers_mut() = own;
        Ok(Answer::Response(response))
    }
}

/// Returns the address of a request at its target.
fn at(target: Uri, asked: &Uri) -> Result<Uri, PreviewError> {
    let mut parts = target.into_parts();
    parts.path_and_query = asked.path_and_query().cloned();
    Uri::from_parts(parts).map_err(|error| PreviewError::BadAnswer(error.to_string()))
}

/// Finds the reason of a failed request: our own, if the connection could not be opened.
fn explain(error: hyper_util::client::legacy::Error) -> PreviewError {
    let mut reason = error.to_string();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(one) = cause {
        if let Some(own) = one.downcast_ref::<PreviewError>() {
            return match own {
                PreviewError::NotUp(reason) => PreviewError::NotUp(reason.clone()),
                PreviewError::BadAnswer(reason) => PreviewError::BadAnswer(reason.clone()),
                PreviewError::TooMany => PreviewError::TooMany,
                other => PreviewError::NotUp(crate::report::chain(other)),
            };
        }
        reason = one.to_string();
        cause = one.source();
    }
    PreviewError::BadAnswer(reason)
}

/// Returns a body of nothing.
#[must_use]
pub fn empty() -> Body {
    http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync()
}
