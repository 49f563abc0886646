//! Checking whether a part works.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

const LIMIT: Duration = Duration::from_secs(3);

/// A check that a working part passes.
#[derive(Debug, Clone)]
pub(crate) enum Probe {
    /// The part accepts TCP connections.
    Tcp(SocketAddr),
    /// The part accepts connections on a Unix socket.
    Unix(PathBuf),
    /// The part answers a GET without TLS with status 200.
    Http { address: SocketAddr, path: &'static str },
}

impl Probe {
    pub(crate) fn http(port: u16, path: &'static str) -> Self {
        Self::Http { address: (Ipv4Addr::LOCALHOST, port).into(), path }
    }

    pub(crate) fn tcp(address: Ipv4Addr, port: u16) -> Self {
        Self::Tcp((address, port).into())
    }

    /// Returns whether the part passes the check within three seconds.
    pub(crate) async fn succeeds(&self) -> bool {
        let asked = async {
            match self {
                Self::Tcp(address) => TcpStream::connect(address).await.is_ok(),
                Self::Unix(path) => UnixStream::connect(path).await.is_ok(),
                Self::Http { address, path } => answers_ok(*address, path).await.unwrap_or(false),
            }
        };
        tokio::time::timeout(LIMIT, asked).await.unwrap_or(false)
    }
}

async fn answers_ok(address: SocketAddr, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(head.ends_with(b" 200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn server_that_answers(answer: &'static str) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("listener");
        let address = listener.local_addr().expect("address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("connection");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        address
    }

    #[tokio::test]
    async fn only_a_200_counts_as_healthy() {
        let address = server_that_answers("HTTP/1.1 200 OK\r\n\r\nok").await;
        assert!(Probe::Http { address, path: "/healthz" }.succeeds().await);
        let address = server_that_answers("HTTP/1.1 500 Internal Server Error\r\n\r\n").await;
        assert!(!Probe::Http { address, path: "/healthz" }.succeeds().await);
    }

    #[tokio::test]
    async fn a_socket_that_nobody_serves_is_not_healthy() {
        assert!(!Probe::Unix("/nonexistent/socket".into()).succeeds().await);
    }
}
