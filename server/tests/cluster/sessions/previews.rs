//! Web applications of a session through the real server, the link, the agent and, for Ingress objects, the cluster's
//! services.

use std::time::Duration;

use lectern_api::ids::SessionId;
use lectern_api::sessions::PreviewGrant;
use reqwest::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{real, run_lab, until, write_lab};
use crate::support::client::Client;
use crate::support::{TestApp, in_time, run_with};

const SPEC: &str = "  session:
    ingresses:
    - {name: app, port: 8080}
    - {name: late, port: 8081}
    - {name: byname, host: site.$(session_namespace).svc, port: 80}
    objects:
    - apiVersion: v1
      kind: Pod
      metadata: {name: site, labels: {app: site}}
      spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: httpd}]}
    - apiVersion: v1
      kind: Service
      metadata: {name: site}
      spec: {selector: {app: site}, ports: [{name: web, port: 80}]}
    - apiVersion: networking.k8s.io/v1
      kind: Ingress
      metadata: {name: site}
      spec:
        rules:
        - host: site-$(session_namespace).$(ingress_domain)
          http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: site, port: {name: web}}}}]}
";

/// Answers on a port, a process for each connection.
const APP: &str = r#"use strict; use IO::Socket::INET; $SIG{CHLD} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die;
while (1) {
  my $c = $listener->accept or next;
  next if fork;
  binmode $c;
  while (1) {
    my ($head, $b) = ('', '');
    while ($head !~ /\r\n\r\n$/) { sysread($c, $b, 1) or exit; $head .= $b }
    my ($method, $path) = $head =~ /^(\S+) (\S+)/;
    my ($length) = $head =~ /content-length: (\d+)/i;
    if ($path eq '/socket') {
      syswrite $c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";
      while (sysread($c, $b, 4096)) { syswrite $c, $b }
      exit;
    } elsif ($path eq '/upload') {
      my $left = $length; my $sum = 0;
      while ($left > 0) { my $n = sysread($c, $b, $left > 65536 ? 65536 : $left) or exit; $left -= $n; $sum += unpack('%32C*', $b) }
      my $text = "$length $sum";
      syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: " . length($text) . "\r\n\r\n$text";
    } elsif ($path eq '/redirect') {
      my ($host) = $head =~ /host: ([^:\r]+)/i;
      syswrite $c, "HTTP/1.1 302 Found\r\nLocation: http://$host/next\r\nSet-Cookie: sid=1; Domain=localhost\r\nContent-Length: 0\r\n\r\n";
    } elsif ($path eq '/events') {
      syswrite $c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: first\n\n";
      sleep 600;
    } else {
      syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: " . length($head) . "\r\n\r\n$head";
    }
  }
}
"#;

/// An application's origin in a browser that has been let in.
struct Origin<'a> {
    app: &'a TestApp,
    host: String,
    cookie: String,
    http: reqwest::Client,
}

impl<'a> Origin<'a> {
    async fn open(app: &'a TestApp, learner: &Client, session: SessionId, host: &str) -> Self {
        let asked = json!({"url": format!("http://{host}/")});
        let grants = format!("/api/v1/sessions/{session}/preview-grants");
        let grant: PreviewGrant = learner.post(&grants, &asked).await.expect(201).json();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client can be built");
        let address = grant.url.strip_prefix("http://").and_then(|address| address.split_once('/'));
        let (place, path) = address.expect("an address with a path");
        let entered = http.get(format!("{}/{path}", app.base)).header(HOST, place).send().await;
        let entered = entered.expect("the server answers");
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        let set = entered.headers()[SET_COOKIE].to_str().expect("a cookie is text");
        let cookie = set.split(';').next().unwrap_or_default().to_owned();
        Self { app, host: place.to_owned(), cookie, http }
    }

    fn request(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.app.base))
            .header(HOST, &self.host)
            .header(COOKIE, format!("{}; lectern=secret; mine=1", self.cookie))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(reqwest::Method::GET, path).send().await.expect("the server answers")
    }

    async fn answers(&self) -> bool {
        self.get("/").await.status() == StatusCode::OK
    }
}

#[test]
fn an_application_in_the_workbench_is_reached_as_if_the_browser_were_beside_it() {
    run_with(real(), async |app| {
        let _reconciling = app.reconcile();
        let start = "#!/bin/sh\nnohup perl /opt/workshop/app.pl 8080 >/dev/null 2>&1 </dev/null &\n";
        write_lab(app, "web-lab", SPEC, &[("workshop/app.pl", APP), ("workshop/setup.d/1-start.sh", start)]);
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, "web-lab").await;
        assert_eq!(session.notices, []);
        let host = |name: &str| format!("{name}-{}.localhost", session.namespace);
        let origin = Origin::open(app, &ada, session.id, &host("app")).await;
        until("the application answers", async || origin.answers().await).await;

        let request = origin.get("/a%20b?c=d").await.text().await.unwrap();
        let has = |line: &str| {
            assert!(request.lines().any(|one| one.eq_ignore_ascii_case(line)), "{line}: {request}");
        };
        has("GET /a%20b?c=d HTTP/1.1");
        has(&format!("host: {}", origin.host));
        has(&format!("x-forwarded-host: {}", origin.host));
        has("x-forwarded-proto: http");
        has("x-forwarded-for: 127.0.0.1");
        has("cookie: mine=1");
        assert!(!request.contains("secret") && !request.contains("lectern-preview"), "{request}");

        let moved = origin.get("/redirect").await;
        assert_eq!(moved.headers()[LOCATION], format!("http://{}/next", origin.host));
        assert_eq!(moved.headers()[SET_COOKIE], "sid=1");

        let mut events = origin.get("/events").await;
        assert_eq!(events.headers()[CONTENT_TYPE], "text/event-stream");
        let first = in_time("the first event", events.chunk()).await.unwrap().unwrap();
        assert_eq!(&first[..], b"data: first\n\n");
        drop(events);

        // far above what Lectern itself takes
        let body = vec![3_u8; 200 << 20];
        let sent = origin.request(reqwest::Method::POST, "/upload").body(body).send();
        let sent =
            tokio::time::timeout(Duration::from_secs(300), sent).await.expect("uploaded in time").unwrap();
        assert_eq!(sent.text().await.unwrap(), format!("{} {}", 200 << 20, 3 * (200 << 20)));

        let mut socket = TcpStream::connect(app.base.trim_start_matches("http://")).await.unwrap();
        let ask = format!(
            "GET /socket HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {}\r\n\r\n",
            origin.host, origin.cookie
        );
        socket.write_all(ask.as_bytes()).await.unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(in_time("the upgrade", socket.read_u8()).await.unwrap()));
        }
        assert!(
            head.starts_with("HTTP/1.1 101") && head.to_lowercase().contains("upgrade: websocket"),
            "{head}"
        );
        socket.write_all(b"\x82\x05hello").await.unwrap();
        let mut echo = [0; 7];
        in_time("the echo", socket.read_exact(&mut echo)).await.unwrap();
        assert_eq!(&echo, b"\x82\x05hello");

        // one that does not run yet says why and is tried again
        let late = Origin::open(app, &ada, session.id, &host("late")).await;
        let page =
            late.request(reqwest::Method::GET, "/").header("accept", "text/html").send().await.unwrap();
        assert_eq!(page.status(), StatusCode::BAD_GATEWAY);
        let page = page.text().await.unwrap();
        assert!(
            page.contains("nothing listens on port 8081") && page.contains("http-equiv=\"refresh\""),
            "{page}"
        );

        // what runs in the session's namespace: by the lab's word, and by an Ingress
        for name in ["byname", "site"] {
            let site = Origin::open(app, &ada, session.id, &host(name)).await;
            until(&format!("{name} answers"), async || site.answers().await).await;
        }
        super::end(&ada, session.id).await;
        until("the preview is over", async || origin.get("/").await.status() == StatusCode::UNAUTHORIZED)
            .await;
        let mut rest = vec![];
        in_time("the end of the socket", socket.read_to_end(&mut rest)).await.unwrap_or_default();
    });
}
