//! One stream, one connection to a port of the workbench.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lectern_api::agent::Reply;
use lectern_link::{LinkError, Messages};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::TcpStream;

/// How long connecting may take: on one machine it takes no time at all, or never ends.
const WITHIN: Duration = Duration::from_secs(5);
/// How much is copied at a time, in bytes.
const PIECE: usize = 32 * 1024;

/// Connects and passes bytes on until both directions have ended.
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
    // ends early where one side breaks off, which concerns the two sides only
    let _ = copy_bidirectional_with_sizes(&mut stream, &mut connection, PIECE, PIECE).await;
    Ok(())
}

async fn connect(port: u16) -> io::Result<TcpStream> {
    let connecting = async {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
            // some programs listen on one of the two only
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
