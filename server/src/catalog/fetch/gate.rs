//! The way out for what lab authors name: a proxy on loopback that connects to public addresses only, whatever names
//! resolve to and wherever servers redirect. Git, the registry's client and the web client all go through it.
//!
//! If the operator has named a proxy in the environment, that one decides instead.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use url::Url;

use super::web::is_inner;
use super::{FETCH_TIME, FetchError};

/// The largest request head, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// How long connecting to one address may take.
const CONNECT_TIME: Duration = Duration::from_secs(20);
/// The variables that name the operator's proxy.
const PROXIES: &[&str] = &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// The gate. Clones share it.
#[derive(Clone)]
pub(in crate::catalog) struct Gate(Arc<Inner>);

struct Inner {
    /// The hosts in private networks that the operator allows.
    inner_hosts: Vec<String>,
    has_proxy: bool,
    door: OnceCell<Door>,
}

/// The running proxy. It ends when this is dropped.
struct Door {
    address: String,
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gate {
    /// Creates a gate that also lets through to these hosts.
    pub fn new(inner_hosts: &[String]) -> Self {
        let has_proxy = !crate::config::environment(PROXIES).is_empty();
        let inner_hosts = inner_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self(Arc::new(Inner { inner_hosts, has_proxy, door: OnceCell::new() }))
    }

    /// Returns whether connections go through the gate: they do unless the operator has named a proxy.
    pub fn is_used(&self) -> bool {
        !self.0.has_proxy
    }

    /// Checks the host of an address before anything is asked, so that its author learns why it is refused.
    pub async fn check(&self, host: &str) -> Result<(), FetchError> {
        let host = host.trim_matches(['[', ']']);
        let refused = || FetchError::Inner { host: host.to_owned() };
        if self.0.has_proxy || self.0.allows(host) {
            return Ok(());
        }
        // a name that does not resolve fails where it is asked
        let found = tokio::net::lookup_host((host, 0)).await;
        let is_inside = found.is_ok_and(|mut found| found.any(|address| is_inner(address.ip())));
        if is_inside { Err(refused()) } else { Ok(()) }
    }

    /// Returns the address of the proxy, which is started if necessary. Returns `None` if the operator has named one.
    pub async fn address(&self) -> Result<Option<&str>, FetchError> {
        if self.0.has_proxy {
            return Ok(None);
        }
        let door = self.0.door.get_or_try_init(|| async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = format!("http://{}", listener.local_addr()?);
            // the task must not keep the gate alive
            let hosts = self.0.inner_hosts.clone();
            let inner = Arc::new(Inner { inner_hosts: hosts, has_proxy: false, door: OnceCell::new() });
            Ok(Door { address, task: tokio::spawn(serve(listener, inner)) })
        });
        door.await.map(|door| Some(door.address.as_str())).map_err(FetchError::Gate)
    }
}

impl Inner {
    fn allows(&self, host: &str) -> bool {
        self.inner_hosts.contains(&host.to_ascii_lowercase())
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let host = host.trim_matches(['[', ']']);
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        if !self.allows(host) && found.iter().any(|address| is_inner(address.ip())) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "an inner address"));
        }
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in found {
            match tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(failure)
    }
}

async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let inner = inner.clone();
                connections.spawn(async move {
                    // a connection that breaks is its client's to report
                    let _ = tokio::time::timeout(FETCH_TIME, pass(client, &inner)).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Passes one connection on.
async fn pass(mut client: TcpStream, inner: &Inner) -> io::Result<()> {
    let (head, rest) = read_head(&mut client).await?;
    let Some((host, port, begin)) = target(&head) else {
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    };
    let mut server = match inner.connect(&host, port).await {
        Ok(server) => server,
        Err(error) => {
            let status = match error.kind() {
                io::ErrorKind::PermissionDenied => "403 Forbidden",
                _ => "502 Bad Gateway",
            };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            return client.write_all(answer.as_bytes()).await;
        }
    };
    match begin {
        Some(begin) => server.write_all(begin.as_bytes()).await?,
        None => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
    }
    server.write_all(&rest).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// Reads the head of a request, and what came with it.
async fn read_head(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            let head = String::from_utf8(bytes).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            return Ok((head, rest));
        }
        if bytes.len() > HEAD_BYTES || client.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// Returns where a request leads, and for one that is not a tunnel the head to send there.
fn target(head: &str) -> Option<(String, u16, Option<String>)> {
    let (first, headers) = head.split_once("\r\n")?;
    let mut words = first.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if method == "CONNECT" {
        let (host, port) = target.rsplit_once(':')?;
        return Some((host.to_owned(), port.parse().ok()?, None));
    }
    let url = Url::parse(target).ok().filter(|url| url.scheme() == "http")?;
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut begin = format!("{method} {path} {version}\r\n");
    for header in headers.lines().filter(|line| !line.is_empty()) {
        let name = header.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if !matches!(name.as_str(), "connection" | "proxy-connection" | "keep-alive") {
            begin.push_str(header);
            begin.push_str("\r\n");
        }
    }
    // the next request may be for another host
    begin.push_str("Connection: close\r\n\r\n");
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?, Some(begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every connection with these words.
    async fn server(words: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let _ = socket.read(&mut request).await;
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{words}", words.len());
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    async fn asked(gate: &Gate, request: &str) -> String {
        let address = gate.address().await.unwrap().unwrap().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    fn gate(hosts: &[&str]) -> Gate {
        let inner_hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Gate(Arc::new(Inner { inner_hosts, has_proxy: false, door: OnceCell::new() }))
    }

    #[tokio::test]
    async fn nothing_passes_to_an_inner_address_under_any_name_unless_the_operator_says_so() {
        let port = server("secret").await;
        let closed = gate(&["other.example"]);
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
            let tunnel = format!("CONNECT {host}:{port} HTTP/1.1\r\n\r\n");
            let plain = format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n");
            for request in [tunnel, plain] {
                assert!(asked(&closed, &request).await.starts_with("HTTP/1.1 403"), "{request}");
            }
            assert!(matches!(closed.check(host).await, Err(FetchError::Inner { .. })), "{host}");
        }
        let open = gate(&["LOCALHOST".to_ascii_lowercase().as_str()]);
        assert!(open.check("localhost").await.is_ok());
        let plain = format!("GET http://localhost:{port}/a?b HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(asked(&open, &plain).await.ends_with("secret"));
        let tunnel = format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n");
        assert!(asked(&open, &tunnel).await.starts_with("HTTP/1.1 200"));
    }

    #[test]
    fn a_request_goes_on_as_to_a_server_and_its_connection_ends_with_it() {
        let head = "GET http://a.example:81/x?y=1#z HTTP/1.1\r\nHost: a.example:81\r\nProxy-Connection: keep-alive\r\nConnection: keep-alive\r\n\r\n";
        let (host, port, begin) = target(head).unwrap();
        assert_eq!((host.as_str(), port), ("a.example", 81));
        assert_eq!(begin.unwrap(), "GET /x?y=1 HTTP/1.1\r\nHost: a.example:81\r\nConnection: close\r\n\r\n");
        for other in ["GET /x HTTP/1.1\r\n\r\n", "GET file:///etc/passwd HTTP/1.1\r\n\r\n", "x\r\n\r\n"] {
            assert_eq!(target(other), None, "{other}");
        }
    }
}
