//! Short pages on applications' origins, for people who see no application. They run no script, load nothing, and those that
//! may be better soon load themselves again.

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use maud::{DOCTYPE, PreEscaped, html};

/// After how many seconds a page tries again.
const AGAIN_SECS: u32 = 2;

const STYLE: &str = "html{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1.5rem}\
h1{font-size:1.25rem;margin:0 0 .5rem}p{margin:.5rem 0}.why{opacity:.75}";

/// A page, or the same in one line for whoever reads no pages.
pub(super) struct Page {
    status: StatusCode,
    title: &'static str,
    text: String,
    why: Option<String>,
    tries_again: bool,
}

impl Page {
    fn new(status: StatusCode, title: &'static str, text: &str) -> Self {
        Self { status, title, text: text.to_owned(), why: None, tries_again: false }
    }

    /// The application does not run, or not yet.
    pub(super) fn not_up(reason: &str) -> Self {
        Self {
            why: Some(reason.to_owned()),
            tries_again: true,
            ..Self::new(
                StatusCode::BAD_GATEWAY,
                "The application is not running yet",
                "This page tries again by itself, and shows the application as soon as it answers.",
            )
        }
    }

    /// No Ingress and no definition names this address.
    pub(super) fn nothing() -> Self {
        Self {
            tries_again: true,
            ..Self::new(
                StatusCode::NOT_FOUND,
                "Nothing is published here yet",
                "No Ingress of this lab has a rule for this address. This page tries again by itself.",
            )
        }
    }

    /// Something else is wrong.
    pub(super) fn failed(status: StatusCode, reason: &str) -> Self {
        Self {
            why: Some(reason.to_owned()),
            ..Self::new(status, "The application cannot be shown", "Reload this page to try again.")
        }
    }

    /// The grant was used, or its time is over.
    pub(super) fn used_up() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This link has been used",
            "Such a link opens an application once and within a minute. Open the application from your lab again.",
        )
    }

    /// No cookie allows this application.
    pub(super) fn not_admitted() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Open this application from your lab",
            "Only the person who runs the lab sees it, while they are signed in and the lab runs.",
        )
    }

    /// No application has this port.
    pub(super) fn unknown() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "No application is here",
            "Open the application from your lab again.",
        )
    }

    /// The answer of an error on Lectern's own address, for somebody who followed a link.
    pub(super) fn of_lectern(status: StatusCode, reason: &str) -> Self {
        Self::new(status, "The application cannot be opened", reason)
    }

    /// Builds the answer.
    pub(super) fn response(self, req: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        response.insert_header((header::REFERRER_POLICY, "no-referrer"));
        if self.tries_again {
            response.insert_header((header::RETRY_AFTER, AGAIN_SECS.to_string()));
        }
        let reads_pages = matches!(*req.method(), Method::GET | Method::HEAD)
            && req
                .headers()
                .get(header::ACCEPT)
                .is_some_and(|accept| accept.to_str().unwrap_or_default().contains("text/html"));
        if !reads_pages {
            let why = self.why.map(|why| format!(" ({why})")).unwrap_or_default();
            return response.content_type("text/plain; charset=utf-8").body(format!("{}{why}\n", self.title));
        }
        let nonce = format!("{:032x}", rand::random::<u128>());
        let policy =
            format!("default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'");
        response.insert_header((header::CONTENT_SECURITY_POLICY, policy));
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    @if self.tries_again { meta http-equiv="refresh" content=(AGAIN_SECS); }
                    title { (self.title) }
                    style nonce=(nonce) { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        h1 { (self.title) }
                        p { (self.text) }
                        @if let Some(why) = &self.why { p.why { "The reason: " (why) "." } }
                    }
                }
            }
        };
        response.content_type("text/html; charset=utf-8").body(page.into_string())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    use super::*;

    #[actix_web::test]
    async fn a_page_says_why_tries_again_and_runs_nothing() {
        let req = TestRequest::get().insert_header((header::ACCEPT, "text/html,*/*")).to_http_request();
        let response = Page::not_up("nothing listens on port 8080 of <b>").response(&req);
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        let policy =
            response.headers().get(header::CONTENT_SECURITY_POLICY).unwrap().to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        let body = to_bytes(response.into_body()).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        for wanted in ["http-equiv=\"refresh\" content=\"2\"", "port 8080 of &lt;b&gt;", "lang=\"en\""] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert!(!text.contains("<script"));
    }

    #[actix_web::test]
    async fn a_program_gets_one_line() {
        let req = TestRequest::get().to_http_request();
        let body = to_bytes(Page::not_up("it sleeps").response(&req).into_body()).await.unwrap();
        assert_eq!(&body[..], b"The application is not running yet (it sleeps)\n");
    }
}
