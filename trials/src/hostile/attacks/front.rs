//! At the server's door: what anybody, or a learner's browser, can send.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Utc;
use futures::future::join_all;
use lectern_api::ids::{EventId, PageName};
use lectern_api::progress::{Happening, ProgressEvent};
use reqwest::{Client, Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::Outcome;
use crate::hostile::mallory::{Mallory, counted, in_words};
use crate::stage::COLD;
use crate::terminal::Terminal;

/// 64 MiB of blanks, as brotli packs them.
const BOMB: &str = "cbffff3ff82540e2b14020f7fe8fffff7ff04b00c4611180eefd1fffffffe0970088c30200ddfb3ffeffffc12f01\
    10870500baf77ffcffff835f02200e0b0074effff8ffff07bf04401c1600e8defff1ffff0f7e0980382c00d0bdffcbffff3ffc120071\
    5800a07bff07";
const PASSWORD: &str = "correct horse battery staple";
/// How long the right person may have to try again after such an attack.
const IN_WITHIN: Duration = Duration::from_secs(90);

fn browser(cookies: bool) -> Result<Client> {
    Ok(Client::builder().no_proxy().cookie_store(cookies).timeout(Duration::from_secs(60)).build()?)
}

/// Request bodies that grow when they are inflated.
pub async fn bombs(mallory: &Mallory) -> Result<Outcome> {
    let (http, url) = (browser(false)?, format!("{}/api/v1/logins", mallory.learner.base()));
    let bomb = (0..BOMB.len()).step_by(2).map(|at| u8::from_str_radix(&BOMB[at..at + 2], 16));
    let bomb = bomb.collect::<Result<Vec<u8>, _>>()?;
    let sent = join_all((0..100).map(|_| {
        http.post(&url)
            .header("origin", mallory.learner.base())
            .header("content-type", "application/json")
            .header("content-encoding", "br")
            .body(bomb.clone())
            .send()
    }));
    let statuses = counted(sent.await.into_iter().map(|answer| answer.map_or(0, |a| a.status().as_u16())));
    let refused = statuses.keys().all(|status| matches!(status, 415 | 429));
    Ok(Outcome::of(refused, in_words(&statuses)))
}

/// A thousand guesses at once; then the person whose name it is comes back, and a classmate comes for the first time.
pub async fn sign_ins(mallory: &Mallory) -> Result<Outcome> {
    let number = rand::random::<u32>();
    let names = [format!("victim-{number}"), format!("classmate-{number}")];
    for name in &names {
        let new = json!({ "username": name, "display_name": name, "role": "learner", "password": PASSWORD });
        let status = mallory.admin.status(Method::POST, "/users", Some(new)).await?;
        anyhow::ensure!(status == StatusCode::CREATED, "the account {name} was not made: {status}");
    }
    let victim = browser(true)?;
    sign_in(&victim, mallory, &names[0], PASSWORD, IN_WITHIN).await.context("before the attack")?;

    let attacker = browser(false)?;
    let guesses = join_all((0..1000).map(|guess| {
        let body = json!({ "method": "password", "username": &names[0], "password": format!("guess number {guess}") });
        attempt(&attacker, mallory, body)
    }));
    let statuses = counted(guesses.await);
    let compared = statuses.get(&401).copied().unwrap_or_default();
    let back = sign_in(&victim, mallory, &names[0], PASSWORD, IN_WITHIN).await;
    let new = sign_in(&browser(true)?, mallory, &names[1], PASSWORD, IN_WITHIN).await;
    let words = |who: &str, outcome: &Result<Duration>| match outcome {
        Ok(took) => format!("{who} was in after {:.1} s", took.as_secs_f64()),
        Err(error) => format!("{who} was not let in: {error:#}"),
    };
    // ten are compared, and a few that were under way
    let held = compared <= 15 && statuses.keys().all(|status| *status != 201) && back.is_ok() && new.is_ok();
    Ok(Outcome::of(
        held,
        format!(
            "{}; {}; {}",
            in_words(&statuses),
            words("the person themselves", &back),
            words("a classmate", &new)
        ),
    ))
}

async fn attempt(http: &Client, mallory: &Mallory, body: serde_json::Value) -> u16 {
    let base = mallory.learner.base();
    let sent = http.post(format!("{base}/api/v1/logins")).header("origin", base).json(&body).send().await;
    sent.map_or(0, |answer| answer.status().as_u16())
}

/// Signs in, and waits as long as the server asks for it.
async fn sign_in(
    http: &Client,
    mallory: &Mallory,
    name: &str,
    password: &str,
    patience: Duration,
) -> Result<Duration> {
    let began = Instant::now();
    loop {
        let status =
            attempt(http, mallory, json!({ "method": "password", "username": name, "password": password }))
                .await;
        match status {
            201 => return Ok(began.elapsed()),
            0 | 429 | 503 if began.elapsed() < patience => tokio::time::sleep(Duration::from_secs(1)).await,
            _ => anyhow::bail!("answered {status}"),
        }
    }
}

/// Bodies that never come to their end.
pub async fn slow_bodies(mallory: &Mallory) -> Result<Outcome> {
    const LONGEST: Duration = Duration::from_secs(60);
    let address = mallory.learner.base().trim_start_matches("http://").to_owned();
    let drips = join_all((0..200).map(|_| drip(&address, LONGEST))).await;
    let open = drips.iter().filter(|drip| drip.is_none()).count();
    let longest = drips.iter().flatten().max().copied().unwrap_or_default();
    Ok(Outcome::of(
        open == 0,
        format!(
            "{open} of 200 were still open after {} s; the others at most {:.0} s",
            LONGEST.as_secs(),
            longest.as_secs_f64()
        ),
    ))
}

/// Sends a byte a second; after how long the server had enough, `None` if it never had.
async fn drip(address: &str, longest: Duration) -> Option<Duration> {
    let began = Instant::now();
    let mut socket = TcpStream::connect(address).await.ok()?;
    let head = format!(
        "POST /api/v1/logins HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\n\
         content-type: application/json\r\ncontent-length: 100000\r\n\r\n"
    );
    if socket.write_all(head.as_bytes()).await.is_err() {
        return Some(began.elapsed());
    }
    let mut answer = [0; 512];
    while began.elapsed() < longest {
        match timeout(Duration::from_secs(1), socket.read(&mut answer)).await {
            Ok(_) => return Some(began.elapsed()),
            Err(_) if socket.write_all(b" ").await.is_err() => return Some(began.elapsed()),
            Err(_) => {}
        }
    }
    None
}

/// As many sockets and streams as they can get.
pub async fn sockets(mallory: &Mallory) -> Result<Outcome> {
    let sockets = join_all((0..200).map(|_| Terminal::attach(&mallory.learner, &mallory.session, "2"))).await;
    let sockets: Vec<Terminal> = sockets.into_iter().filter_map(Result::ok).collect();
    let path = format!("/sessions/{}/events", mallory.session.id);
    let streams = join_all((0..200).map(|_| mallory.learner.open(&path))).await;
    let streams: Vec<reqwest::Response> = streams.into_iter().filter_map(Result::ok).collect();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let (terminals, events) = (sockets.len(), streams.len());
    drop((sockets, streams));
    Ok(Outcome::of(
        terminals <= 128 && events <= 32,
        format!("{terminals} of 200 sockets and {events} of 200 streams were open at once"),
    ))
}

/// A namespace, two pods and a volume for every click.
pub async fn churn(mallory: &Mallory) -> Result<Outcome> {
    let learner =
        mallory.admin.make_learners(&format!("churner-{}", rand::random::<u32>()), 1).await?.remove(0);
    let began = Instant::now();
    let mut statuses = vec![];
    while statuses.len() < 300 && began.elapsed() < Duration::from_secs(90) {
        let status = learner.status(Method::POST, "/sessions", Some(json!({ "lab": COLD }))).await?;
        statuses.push(status.as_u16());
        if status.is_success()
            && let Ok(session) = learner.start_or_find_session(COLD).await
        {
            let _ = learner.end_session(&session).await;
        }
    }
    let statuses = counted(statuses);
    let started = statuses.get(&201).copied().unwrap_or_default();
    Ok(Outcome::of(started <= 60, in_words(&statuses)))
}

/// Far more events than anybody's work makes.
pub async fn events(mallory: &Mallory) -> Result<Outcome> {
    let page: PageName =
        mallory.session.pages.first().context("the lab has no page")?.name.as_str().parse()?;
    let path = format!("/sessions/{}/progress-events", mallory.session.id);
    let call = async |number: u32| {
        let events: Vec<ProgressEvent> = (0..200)
            .map(|place| ProgressEvent {
                id: EventId::new(),
                at: Utc::now(),
                page: page.clone(),
                what: Happening::ActionRun { action: number * 200 + place },
            })
            .collect();
        let body = serde_json::to_value(events)?;
        anyhow::Ok(mallory.learner.status(Method::POST, &path, Some(body)).await?.as_u16())
    };
    let (mut statuses, began) = (vec![], Instant::now());
    for batch in 0..100 {
        let sent = join_all((0..10).map(|place| call(batch * 10 + place))).await;
        statuses.extend(sent.into_iter().map(|status| status.unwrap_or(0)));
        if began.elapsed() > Duration::from_secs(60) {
            break;
        }
    }
    let calls = statuses.len();
    let accepted = statuses.iter().filter(|status| **status < 300 && **status > 0).count();
    Ok(Outcome::of(
        accepted <= 150,
        format!(
            "{accepted} of {calls} calls with 200 events each were taken; {}",
            in_words(&counted(statuses))
        ),
    ))
}
