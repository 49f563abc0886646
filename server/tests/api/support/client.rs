//! A browser: cookies, the CSRF token, and the origin that browsers send.

use std::sync::Arc;

use lectern_api::identity::{Me, SignIn};
use lectern_api::ids::UserId;
use lectern_api::problem::Problem;
use reqwest::cookie::{CookieStore as _, Jar};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// One browser. Clones share its cookies.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    jar: Arc<Jar>,
    pub base: String,
    /// What a proxy says of where it comes from.
    pub forwarded_for: Option<String>,
    /// Who is signed in.
    pub me: Option<Me>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub request: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    /// Asserts the status.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{} answered {}", self.request, self.body);
        self
    }

    /// Reads the body of an answer that succeeded.
    pub fn json<T: DeserializeOwned>(self) -> T {
        assert!(self.status.is_success(), "{} answered {}: {}", self.request, self.status, self.body);
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{} answered {}: {error}", self.request, self.body))
    }

    /// Asserts that it is a problem with this status and code, as RFC 9457 wants it.
    pub fn problem(self, status: u16, code: &str) -> Problem {
        let answer = self.expect(status);
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.request);
        let problem: Problem = serde_json::from_str(&answer.body)
            .unwrap_or_else(|error| panic!("{} answered {}: {error}", answer.request, answer.body));
        assert_eq!((problem.status, problem.code.as_str()), (status, code), "{}: {problem}", answer.request);
        assert_eq!(problem.kind, "about:blank");
        assert!(!problem.detail.is_empty(), "{problem:?}");
        problem
    }
}

impl Client {
    /// Without cookies.
    pub fn new(base: &str) -> Self {
        let jar = Arc::new(Jar::default());
        let http = reqwest::Client::builder()
            .cookie_provider(jar.clone())
            .no_proxy()
            .build()
            .expect("a client can be built");
        Self { http, jar, base: base.to_owned(), forwarded_for: None, me: None }
    }

    /// A request as this server's own page sends it: with its origin and, once signed in, the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.bare_request(method, path).header("origin", &self.base);
        if let Some(address) = &self.forwarded_for {
            request = request.header("x-forwarded-for", address);
        }
        match &self.me {
            Some(me) => request.header("x-csrf-token", &me.csrf_token),
            None => request,
        }
    }

    /// A request with the cookies and nothing else.
    pub fn bare_request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &impl Serialize) -> Answer {
        send(self.request(Method::POST, path).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &impl Serialize) -> Answer {
        send(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn patch(&self, path: &str, body: &impl Serialize) -> Answer {
        send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Sends a body with a deletion.
    pub async fn delete_with(&self, path: &str, body: &impl Serialize) -> Answer {
        send(self.request(Method::DELETE, path).json(body)).await
    }

    /// Keeps a cookie as if this server had set it.
    pub fn keep_cookie(&self, cookie: &str) {
        self.jar.add_cookie_str(cookie, &self.base.parse().expect("a URL"));
    }

    pub async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// Signs in and keeps what the page keeps.
    pub async fn sign_in(&mut self, sign_in: &SignIn) -> Answer {
        let answer = self.post("/api/v1/logins", sign_in).await;
        if answer.status == StatusCode::CREATED {
            self.me = serde_json::from_str(&answer.body).ok();
        }
        answer
    }

    /// The login's cookie, as the header's value.
    pub fn cookie(&self) -> String {
        self.cookie_named("lectern").expect("a browser that is signed in")
    }

    /// A cookie as it is sent, with its name.
    pub fn cookie_named(&self, name: &str) -> Option<String> {
        let url = self.base.parse().expect("a URL");
        let cookies = self.jar.cookies(&url)?;
        let cookies = cookies.to_str().expect("a cookie is text");
        cookies.split("; ").find(|cookie| cookie.split('=').next() == Some(name)).map(str::to_owned)
    }

    /// The signed-in person's id.
    pub fn id(&self) -> UserId {
        self.me.as_ref().expect("somebody is signed in").user.id
    }
}

/// Sends a request and reads the whole answer.
pub async fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.expect("a request that can be sent");
    let name = format!("{} {}", request.method(), request.url().path());
    let response = client.execute(request).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.text().await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    Answer { request: name, status, headers, body }
}
