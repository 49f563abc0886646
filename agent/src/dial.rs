//! Connections to ports of the workbench, one per stream.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lectern_api::agent::Reply;
use lectern_link::{LinkError, Messages};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;

/// The time limit for connecting: on the same machine, it succeeds at once or never.
const WITHIN: Duration = Duration::from_secs(5);
/// The size of the copy buffers, in bytes.
const PIECE: usize = 32 * 1024;

/// Connects, and forwards bytes until both directions have ended.
pub async fn dial(mut messages: Messages, port: u16) -> Result<(), LinkError> {
    let mut connection = match connect(port).await {
        Ok(connection) => connection,
        Err(error) => {
            let message = match error.kind() {
                io::ErrorKind::ConnectionRefused => {
                    format!("nothing listens on port {port} of the workbench")
                }
                _ => format!("port {port} of the workbench cannot be reached: {error}"),
            };
            return messages.send(&Reply::Failed { message }).await;
        }
    };
    messages.send(&Reply::Done).await?;
    let mut stream = messages.into_stream();
    // fails if one side breaks the connection, which only concerns the two sides
    let _ = copy_bidirectional_with_sizes(&mut stream, &mut connection, PIECE, PIECE).await;
    Ok(())
}

async fn connect(port: u16) -> io::Result<TcpStream> {
    let connecting = async {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            // some programs listen on only one of the two addresses
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.map_err(|_| error)
            }
            connected => connected,
        }
    };
    let connection =
        tokio::time::timeout(WITHIN, connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))?;
    connection.set_nodelay(true)?;
    Ok(connection)
}
