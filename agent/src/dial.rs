//! Connections to ports of the workbench and of what it reaches, one per stream.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lectern_api::agent::Reply;
use lectern_link::{LinkError, Messages};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;

/// The time limit for connecting: within a cluster, it succeeds soon or never.
const WITHIN: Duration = Duration::from_secs(5);
/// The size of the copy buffers, in bytes.
const PIECE: usize = 32 * 1024;

/// Connects to a port of the workbench, and forwards bytes until both directions have ended.
pub async fn dial(messages: Messages, port: u16) -> Result<(), LinkError> {
    let connecting = async {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            // some programs listen on only one of the two addresses
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.map_err(|_| error)
            }
            connected => connected,
        }
    };
    let connected = in_time(connecting).await;
    forward(messages, connected, |error| match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("nothing listens on port {port} of the workbench"),
        _ => format!("port {port} of the workbench cannot be reached: {error}"),
    })
    .await
}

/// The same for a port of another host. This process has the network of the workbench, and its bounds.
pub async fn connect_to(messages: Messages, host: &str, port: u16) -> Result<(), LinkError> {
    let connected = in_time(TcpStream::connect((host, port))).await;
    forward(messages, connected, |error| match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("nothing listens on port {port} of {host}"),
        io::ErrorKind::TimedOut => format!("{host} does not answer on port {port}"),
        _ => format!("port {port} of {host} cannot be reached: {error}"),
    })
    .await
}

async fn in_time(connecting: impl Future<Output = io::Result<TcpStream>>) -> io::Result<TcpStream> {
    let connection =
        tokio::time::timeout(WITHIN, connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
    connection.set_nodelay(true)?;
    Ok(connection)
}

async fn forward(
    mut messages: Messages,
    connected: io::Result<TcpStream>,
    explain: impl Fn(&io::Error) -> String,
) -> Result<(), LinkError> {
    let mut connection = match connected {
        Ok(connection) => connection,
        Err(error) => return messages.send(&Reply::Failed { message: explain(&error) }).await,
    };
    messages.send(&Reply::Done).await?;
    let mut stream = messages.into_stream();
    // fails if one side breaks the connection, which only concerns the two sides
    let _ = copy_bidirectional_with_sizes(&mut stream, &mut connection, PIECE, PIECE).await;
    Ok(())
}
