//! The preview of a lab for its author: its pages in the workspace's layout, reloaded after each save. It needs
//! neither a database nor a cluster and has no sign-in: it serves only the machine that it runs on.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Bytes, Data, Path, get};
use actix_web::{App, HttpResponse, HttpServer};
use tokio::sync::watch;
use url::{Host, Url};

use super::labs;
use super::sse::{HEARTBEAT, respond};
use crate::catalog::draft::{Draft, DraftState, preview_variables};
use crate::catalog::read_asset;
use lectern_content::RenderOptions;

mod actions;
mod page;

/// The interval between heartbeats on a stream without changes.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// The path below which the files beside the pages are served.
const FILES: &str = "/files";

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The workspace's own styles and the preview's. They are compiled in, because the web app may not have been built.
const STYLE: &str = concat!(
    include_str!("../../../web/styles/base.css"),
    include_str!("../../../web/styles/themes.css"),
    include_str!("../../../web/styles/site.css"),
    include_str!("../../../web/styles/workspace.css"),
    include_str!("../../../web/styles/prose.css"),
    include_str!("../../../web/styles/actions.css"),
    include_str!("preview/preview.css"),
);

/// Serves the preview until `stop` resolves.
pub async fn serve(
    draft: Draft,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let address = listener.local_addr()?;
    let watching = tokio::spawn(draft.clone().watch());
    let draft = Data::new(draft);
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(draft.clone())
            .wrap(from_fn(move |req, next| only_for_this_machine(address, req, next)))
            .route("/", get().to(show_first_page))
            .route("/pages/{name:.+}", get().to(show_page))
            .route(&format!("{FILES}/{{path:.+}}"), get().to(show_file))
            .route("/events", get().to(follow))
            .route("/preview.js", get().to(async || script()))
            .route("/preview.css", get().to(async || style()))
            .route("/favicon.svg", get().to(async || icon()))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let result = tokio::select! {
        result = &mut server => result,
        () = stop => {
            // the server must be polled to stop; it does not wait for the streams, which never end by themselves
            let (result, ()) = tokio::join!(server, handle.stop(false));
            result
        }
    };
    watching.abort();
    result
}

/// Refuses requests that name another host: a site on the web could point its own name at this machine (DNS
/// rebinding) and read a lab that is not published yet.
async fn only_for_this_machine(
    address: SocketAddr,
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let host = req.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    if is_this_machine(host, address) {
        return Ok(next.call(req).await?.map_into_boxed_body());
    }
    let refusal =
        HttpResponse::Forbidden().body("open the preview at the address that `lectern dev` printed\n");
    Ok(req.into_response(refusal))
}

fn is_this_machine(host: &str, address: SocketAddr) -> bool {
    let ip = match Url::parse(&format!("http://{host}"))
        .ok()
        .and_then(|url| url.host().map(|host| host.to_owned()))
    {
        Some(Host::Domain(name)) => return name == "localhost",
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        None => return false,
    };
    // an IP address cannot be rebound
    ip == address.ip()
        || address.ip().is_unspecified()
        || address.ip().is_loopback() && std::net::IpAddr::is_loopback(&ip)
}

async fn show_first_page(draft: Data<Draft>) -> HttpResponse {
    let state = draft.state();
    match state.lab.as_ref().and_then(|lab| lab.pages.first()) {
        Some(first) => {
            HttpResponse::Found().insert_header((header::LOCATION, page::address(&first.name))).finish()
        }
        None => send(HttpResponse::Ok(), page::without_lab(&state)),
    }
}

async fn show_page(draft: Data<Draft>, name: Path<String>) -> HttpResponse {
    let state = draft.state();
    let Some(lab) = &state.lab else { return send(HttpResponse::Ok(), page::without_lab(&state)) };
    let variables = preview_variables(lab);
    match lab.render_page(&name, &variables, &RenderOptions::new(FILES)) {
        Ok(rendered) => send(HttpResponse::Ok(), page::of_lab(&state, lab, &rendered)),
        Err(error) => send(HttpResponse::NotFound(), page::absent(&state, lab, &error.to_string())),
    }
}

async fn show_file(draft: Data<Draft>, path: Path<String>) -> HttpResponse {
    let lab = draft.state().lab.clone();
    let found = match lab {
        Some(lab) => read_asset(&lab, &path).await,
        None => None,
    };
    match found {
        Some(file) => labs::send_file(file, "no-store"),
        None => HttpResponse::NotFound().body("there is no such file beside the lab's pages\n"),
    }
}

/// Sends the browser the version of the lab, now and whenever it changes.
async fn follow(draft: Data<Draft>) -> HttpResponse {
    respond((draft.follow(), true), |(mut states, is_first)| async move {
        let sent = if is_first { changed(&states.borrow_and_update()) } else { wait(&mut states).await? };
        Some((sent, (states, false)))
    })
}

async fn wait(states: &mut watch::Receiver<Arc<DraftState>>) -> Option<Bytes> {
    match tokio::time::timeout(HEARTBEAT_INTERVAL, states.changed()).await {
        Ok(Ok(())) => Some(changed(&states.borrow_and_update())),
        Ok(Err(_)) => None,
        Err(_) => Some(Bytes::from_static(HEARTBEAT)),
    }
}

fn changed(state: &DraftState) -> Bytes {
    Bytes::from(format!("event: changed\ndata: {}\n\n", state.revision))
}

fn send(mut response: actix_web::HttpResponseBuilder, page: maud::Markup) -> HttpResponse {
    response
        .content_type("text/html; charset=utf-8")
        .insert_header(("content-security-policy", CONTENT_SECURITY_POLICY))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("referrer-policy", "no-referrer"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(page.into_string())
}

fn script() -> HttpResponse {
    HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(include_str!("preview/preview.js"))
}

fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(STYLE)
}

fn icon() -> HttpResponse {
    HttpResponse::Ok().content_type("image/svg+xml").body(include_str!("../../../web/favicon.svg"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_own_names_are_answered() {
        let loopback: SocketAddr = "127.0.0.1:8090".parse().unwrap();
        for host in ["127.0.0.1:8090", "localhost:8090", "[::1]:8090", "127.0.0.2"] {
            assert!(is_this_machine(host, loopback), "{host}");
        }
        for host in ["", "evil.example:8090", "localhost.evil.example", "192.168.0.1:8090"] {
            assert!(!is_this_machine(host, loopback), "{host}");
        }
        let everywhere: SocketAddr = "0.0.0.0:8090".parse().unwrap();
        assert!(is_this_machine("192.168.0.1:8090", everywhere));
        assert!(!is_this_machine("evil.example", everywhere));
    }
}
