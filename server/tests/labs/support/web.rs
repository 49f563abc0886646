//! A web server on loopback: an archive with the marks that web servers give files, and git's smart protocol.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Query, get, post, to};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// What the server has and what it was asked.
#[derive(Default)]
pub struct Shown {
    /// What it answers, whatever the address.
    pub body: Vec<u8>,
    /// The mark of that.
    pub etag: Option<&'static str>,
    /// Answered instead, where it is set.
    pub status: Option<u16>,
    /// The password that it asks for.
    pub password: Option<&'static str>,
    /// The repository behind `/repository`.
    pub repository: Option<PathBuf>,
    /// How often the whole body was sent.
    pub sent: usize,
}

type Shared = Data<Mutex<Shown>>;

/// The server; it ends with the test.
pub struct Web {
    pub base: String,
    shown: Arc<Mutex<Shown>>,
    handle: actix_web::dev::ServerHandle,
}

impl Web {
    pub fn start(shown: Shown) -> Self {
        let shown = Arc::new(Mutex::new(shown));
        let data = Data::from(shown.clone());
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/repository/info/refs", get().to(advertise))
                .route("/repository/git-upload-pack", post().to(upload_pack))
                .default_service(to(answer))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("a free port");
        let base = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { base, shown, handle }
    }

    /// What it has, to look at or change.
    pub fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().expect("no other test panicked")
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

/// What stands in the way of an answer: a wrong password, or a fault that the test wants.
fn refusal(shown: &Shown, req: &HttpRequest) -> Option<HttpResponse> {
    if let Some(status) = shown.status {
        return Some(HttpResponse::build(StatusCode::from_u16(status).expect("a status")).body("no"));
    }
    let sent = req.headers().get("authorization").map(|sent| sent.to_str().expect("text").to_owned());
    let wanted = shown.password.map(|password| {
        use base64::Engine as _;
        format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("ada:{password}")))
    });
    (sent != wanted).then(|| {
        HttpResponse::Unauthorized().insert_header(("www-authenticate", "Basic realm=\"labs\"")).finish()
    })
}

async fn answer(shown: Shared, req: HttpRequest) -> HttpResponse {
    let mut shown = shown.lock().expect("no other test panicked");
    if let Some(refusal) = refusal(&shown, &req) {
        return refusal;
    }
    let asked = req.headers().get("if-none-match").map(|etag| etag.to_str().expect("text"));
    if shown.etag.is_some() && asked == shown.etag {
        return HttpResponse::NotModified().finish();
    }
    shown.sent += 1;
    let mut response = HttpResponse::Ok();
    if let Some(etag) = shown.etag {
        response.insert_header(("etag", etag));
    }
    response.body(shown.body.clone())
}

fn git(shown: &Shared, req: &HttpRequest) -> Result<Command, Box<HttpResponse>> {
    let shown = shown.lock().expect("no other test panicked");
    if let Some(refusal) = refusal(&shown, req) {
        return Err(Box::new(refusal));
    }
    let mut command = Command::new("git");
    command.args(["upload-pack", "--stateless-rpc"]);
    if let Some(version) = req.headers().get("git-protocol") {
        command.env("GIT_PROTOCOL", version.to_str().expect("text"));
    }
    if req.method() == "GET" {
        command.arg("--advertise-refs");
    }
    command.arg(shown.repository.as_ref().expect("a repository"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Ok(command)
}

async fn advertise(shown: Shared, req: HttpRequest, query: Query<HashMap<String, String>>) -> HttpResponse {
    assert_eq!(query["service"], "git-upload-pack");
    let mut command = match git(&shown, &req) {
        Ok(command) => command,
        Err(refusal) => return *refusal,
    };
    let output = command.output().await.expect("git can be started");
    let mut body = b"001e# service=git-upload-pack\n0000".to_vec();
    body.extend(output.stdout);
    HttpResponse::Ok().content_type("application/x-git-upload-pack-advertisement").body(body)
}

async fn upload_pack(shown: Shared, req: HttpRequest, body: Bytes) -> HttpResponse {
    let mut command = match git(&shown, &req) {
        Ok(command) => command,
        Err(refusal) => return *refusal,
    };
    let mut child = command.spawn().expect("git can be started");
    child.stdin.take().expect("its input").write_all(&body).await.expect("git reads");
    let output = child.wait_with_output().await.expect("git ends");
    HttpResponse::Ok().content_type("application/x-git-upload-pack-result").body(output.stdout)
}
