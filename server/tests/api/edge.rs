//! What every request passes: its encoding, its time, the name that it asks for; and what every answer carries.

use std::time::{Duration, Instant};

use lectern_api::identity::{Role, SignInLink};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::client::{Client, send};
use crate::support::{Setting, in_time, run, run_with};

/// 64 MiB of one letter, as brotli.
const BOMB: &str = "cbffff3ff825c2e2b14020f7fe8fffff7ff04b00c4611180eefd1fffffffe0970088c30200ddfb3ffeffffc12f01108705\
     00baf77ffcffff835f02200e0b0074effff8ffff07bf04401c1600e8defff1ffff0f7e0980382c00d0bdffcbffff3ffc1200715800a07bff07";

#[test]
fn a_compressed_body_is_refused_before_it_is_read() {
    run(async |app| {
        let bomb = hex::decode(BOMB).unwrap();
        let (nobody, teacher) = (app.browser(), app.instructor("teacher").await);
        for encoding in ["br", "gzip", "deflate", "zstd", "identity, br", "BR"] {
            for (browser, path) in [(&nobody, "/api/v1/logins"), (&teacher, "/api/v1/classes")] {
                let request = browser
                    .request(Method::POST, path)
                    .header("content-type", "application/json")
                    .header("content-encoding", encoding)
                    .body(bomb.clone());
                send(request).await.problem(415, "encoded_body");
            }
        }
        let plain = teacher.request(Method::POST, "/api/v1/classes").header("content-encoding", "identity");
        send(plain.json(&json!({"name": "Mondays"}))).await.expect(201);
    });
}

#[test]
fn a_body_that_comes_too_slowly_is_given_up() {
    run(async |app| {
        let host = app.base.strip_prefix("http://").unwrap();
        let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
        let head = format!(
            "POST /api/v1/logins HTTP/1.1\r\nhost: {host}\r\norigin: {}\r\ncontent-type: application/json\r\n\
             content-length: 400\r\n\r\n{{",
            app.base
        );
        socket.write_all(head.as_bytes()).await.unwrap();
        let (mut reading, mut writing) = socket.split();
        let began = Instant::now();
        let mut answer = String::new();
        let dripping = async {
            loop {
                tokio::time::sleep(Duration::from_millis(500)).await;
                if writing.write_all(b" ").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        tokio::select! {
            read = in_time("the answer", reading.read_to_string(&mut answer)) => {
                // how the connection ends after the answer is of no matter
                let _ = read;
            }
            () = dripping => {}
        }
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("slow_body"), "{answer}");
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    });
}

#[test]
fn every_answer_carries_what_a_browser_shall_forbid() {
    run(async |app| {
        let ada = app.learner("ada").await;
        for path in ["/healthz", "/readyz", "/api/v1/me", "/api/v1/nothing", "/labs", "/no/such.file"] {
            let answer = ada.get(path).await;
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
            ] {
                assert_eq!(answer.headers[name], value, "{path}: {name}");
            }
            assert!(answer.headers["permissions-policy"].to_str().unwrap().contains("camera=()"));
            assert!(!answer.headers.contains_key("strict-transport-security"));
            if path.starts_with("/api/") {
                assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
            }
        }
        // what a handler says itself stays
        let picture = ada.get("/api/v1/labs/shell-basics/files/picture.svg").await.expect(200);
        assert_eq!(picture.headers["cache-control"], "private, max-age=60");
        let refused =
            send(app.browser().request(Method::POST, "/api/v1/logins").header("content-encoding", "br"));
        assert_eq!(refused.await.expect(415).headers["x-content-type-options"], "nosniff");
    });
    let https = Setting { public_url: Some("https://lab.example"), ..Setting::default() };
    run_with(https, async |app| {
        let answer = app.browser().get("/api/v1/me").await.expect(401);
        assert_eq!(answer.headers["strict-transport-security"], "max-age=31536000");
    });
}

#[test]
fn pages_speak_to_this_server_only_and_show_foreign_pictures_where_the_operator_says_so() {
    for external_pictures in [false, true] {
        run_with(Setting { external_pictures, ..Setting::default() }, async |app| {
            let policy = app.services.edge.headers.content_security_policy.to_str().unwrap().to_owned();
            let part = |name: &str| {
                let part = policy.split(';').find(|part| part.trim().starts_with(name));
                part.unwrap().trim().to_owned()
            };
            assert_eq!(part("connect-src"), "connect-src 'self'");
            let pictures =
                if external_pictures { "img-src 'self' data: https:" } else { "img-src 'self' data:" };
            assert_eq!(part("img-src"), pictures);
            let page = app.browser().get("/classes").await;
            if page.status == 200 {
                assert_eq!(page.headers["content-security-policy"].to_str().unwrap(), policy);
            }
        });
    }
}

/// Asks under another name.
async fn ask_as(browser: &Client, host: &str, path: &str) -> crate::support::client::Answer {
    send(browser.request(Method::GET, path).header("host", host)).await
}

#[test]
fn a_request_that_names_a_foreign_host_is_refused() {
    let setting = Setting { allowed_hosts: &["labs.example"], ..Setting::default() };
    run_with(setting, async |app| {
        let ada = app.learner("ada").await;
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"] {
            ask_as(&ada, host, "/api/v1/me").await.problem(421, "foreign_host");
            ask_as(&ada, host, "/").await.problem(421, "foreign_host");
            // a probe names what it likes
            ask_as(&ada, host, "/healthz").await.expect(200);
        }
        for host in ["localhost:1", "127.0.0.1", "192.168.7.7:8080", "labs.example"] {
            ask_as(&ada, host, "/api/v1/me").await.expect(200);
        }
    });
}

#[test]
fn an_admins_link_names_the_host_that_was_asked_for_and_never_a_forwarded_one() {
    run(async |app| {
        let (admin, ada) = (app.person("root", Role::Admin).await, app.add_user("ada", Role::Learner).await);
        let request = admin
            .request(Method::POST, &format!("/api/v1/users/{ada}/sign-in-links"))
            .header("x-forwarded-host", "evil.example")
            .header("forwarded", "host=evil.example");
        let made: SignInLink = send(request).await.expect(201).json();
        assert!(made.url.starts_with(&format!("{}/sign-in#", app.base)), "it leads elsewhere");
    });
}

#[test]
fn who_sends_too_many_requests_waits_and_nobody_else_does() {
    let setting = Setting { trusted_proxies: &["127.0.0.0/8"], ..Setting::default() };
    run_with(setting, async |app| {
        let (mut ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        ada.forwarded_for = Some("198.51.100.1".to_owned());
        let refused = in_time("a refusal", async {
            loop {
                let many = futures::future::join_all((0..12).map(|_| ada.delete("/api/v1/nothing"))).await;
                if let Some(answer) = many.into_iter().find(|answer| answer.status == 429) {
                    return answer;
                }
            }
        })
        .await;
        assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() < 60);
        refused.problem(429, "too_many_requests");
        eve.get("/api/v1/me").await.expect(200);
        // nor those who share her address and are not signed in
        app.browser_at("198.51.100.1").get("/api/v1/me").await.expect(401);
    });
}
