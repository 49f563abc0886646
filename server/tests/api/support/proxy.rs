//! A way to the database that a test can cut.

use sqlx::postgres::PgConnectOptions;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

use super::environment::server_url;

/// Passes connections on to the real Postgres.
pub struct Proxy {
    pub port: u16,
    passing: Option<tokio::task::JoinHandle<()>>,
}

impl Proxy {
    /// Opens a port.
    pub async fn open() -> Self {
        let mut proxy = Self { port: 0, passing: None };
        proxy.mend().await;
        proxy
    }

    /// Ends all connections and takes no new ones.
    pub async fn cut(&mut self) {
        if let Some(passing) = self.passing.take() {
            passing.abort();
            // resolves when the task, and so the port, is gone
            let _ = passing.await;
        }
    }

    /// Passes connections on again, on the same port.
    pub async fn mend(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("the port is still free");
        self.port = listener.local_addr().expect("a bound listener has an address").port();
        self.passing = Some(tokio::spawn(async move {
            // dropping the set ends what it holds
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass(client));
            }
        }));
    }
}

async fn pass(mut client: TcpStream) {
    let server: PgConnectOptions = server_url().as_str().parse().expect("a database URL");
    // how it ends concerns the two ends only
    let _ = match server.get_socket() {
        Some(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", server.get_port()));
            let mut socket = UnixStream::connect(path).await.expect("Postgres answers");
            copy_bidirectional(&mut client, &mut socket).await
        }
        None => {
            let address = (server.get_host(), server.get_port());
            let mut socket = TcpStream::connect(address).await.expect("Postgres answers");
            copy_bidirectional(&mut client, &mut socket).await
        }
    };
}
