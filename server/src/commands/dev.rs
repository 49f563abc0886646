//! `lectern dev`: previews a lab's pages while its author writes them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use lectern_server::catalog::draft::Draft;
use lectern_server::http::preview;

/// Flags of `lectern dev`.
#[derive(Args)]
pub struct DevArgs {
    /// Folder of the lab.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
}

/// Runs `lectern dev`.
pub async fn run(args: DevArgs) -> anyhow::Result<()> {
    let draft = Draft::open(&args.path)?;
    let listener = super::serve::bind(args.listen)?;
    println!("Preview of {} at http://{}", draft.folder().display(), listener.local_addr()?);
    println!("The page reloads when you save. Press Ctrl-C to stop.");
    preview::serve(draft, listener, super::stop_signal()).await?;
    Ok(())
}
