//! The server's side of files: archives, single files, listings and changes; and checks, which are sent with files.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lectern_api::agent::{MAX_FILE_BYTES, MAX_FRAME_BYTES, Reply, Request};
use lectern_api::files::{FileChange, FileEntry};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::client::{Link, clipped};
use crate::messages::Messages;
use crate::{LinkError, STEP_WITHIN, within};

impl Link {
    /// Sends a tar archive, which the agent unpacks below `directory`.
    ///
    /// # Errors
    /// Fails if the archive cannot be read or unpacked, or the connection breaks.
    pub async fn put_files(&self, directory: &str, archive: impl AsyncRead + Unpin) -> Result<(), LinkError> {
        self.send_content(&Request::PutFiles { directory: directory.to_owned() }, archive)
            .await?
            .receive_done()
            .await
    }

    /// Writes a file of the workbench, completely or not at all.
    ///
    /// # Errors
    /// Fails if the content cannot be read or the file cannot be written, or the connection breaks.
    pub async fn upload(
        &self,
        path: &str,
        mode: u32,
        content: impl AsyncRead + Unpin,
    ) -> Result<(), LinkError> {
        self.send_content(&Request::Upload { path: path.to_owned(), mode }, content)
            .await?
            .receive_done()
            .await
    }

    /// Sends a [`Request::RunCheck`] with the lab's files as a tar archive, and waits up to `limit` for the result. A
    /// [`Reply::Failed`] is not an error here.
    ///
    /// # Errors
    /// Fails if the archive cannot be read, no answer arrives within the limit, or the connection breaks.
    pub async fn run_check(
        &self,
        request: &Request,
        archive: impl AsyncRead + Unpin,
        limit: Duration,
    ) -> Result<Reply, LinkError> {
        let mut messages = self.send_content(request, archive).await?;
        within(limit, messages.receive()).await?.map(clipped).ok_or(LinkError::Closed)
    }

    /// Sends a request and its content in pieces. The answer follows on the returned stream.
    pub(crate) async fn send_content(
        &self,
        request: &Request,
        mut content: impl AsyncRead + Unpin,
    ) -> Result<Messages, LinkError> {
        let mut messages = self.begin(request).await?;
        let mut piece = BytesMut::with_capacity(MAX_FRAME_BYTES);
        while content.read_buf(&mut piece).await? > 0 {
            within(STEP_WITHIN, messages.send_piece(&piece)).await?;
            piece.clear();
        }
        within(STEP_WITHIN, messages.end_pieces()).await?;
        Ok(messages)
    }

    /// Lists a folder. Returns its entries, and whether the folder has more than these.
    ///
    /// # Errors
    /// Fails if the folder cannot be listed, or the connection breaks.
    pub async fn list_files(&self, path: &str) -> Result<(Vec<FileEntry>, bool), LinkError> {
        let mut messages = self.begin(&Request::ListFiles { path: path.to_owned() }).await?;
        match messages.receive_reply().await? {
            Reply::Entries { entries, is_cut } => Ok((entries, is_cut)),
            _ => Err(LinkError::Unexpected),
        }
    }

    /// Reads a file of up to `max_bytes`.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is longer, or the connection breaks.
    pub async fn read_file(&self, path: &str, max_bytes: u64) -> Result<(FileEntry, Bytes), LinkError> {
        let max_bytes = max_bytes.min(MAX_FILE_BYTES);
        let mut messages = self.begin(&Request::ReadFile { path: path.to_owned() }).await?;
        let Reply::File(entry) = messages.receive_reply().await? else {
            return Err(LinkError::Unexpected);
        };
        let too_long = || LinkError::Refused(format!("{path} is longer than {max_bytes} bytes"));
        if entry.size_bytes > max_bytes {
            return Err(too_long());
        }
        let mut content = BytesMut::new();
        while let Some(piece) = within(STEP_WITHIN, messages.receive_piece()).await? {
            // a file may grow while it is read, and an agent is not to be trusted
            if (content.len() + piece.len()) as u64 > max_bytes {
                return Err(too_long());
            }
            content.extend_from_slice(&piece);
        }
        messages.receive_done().await?;
        Ok((entry, content.freeze()))
    }

    /// Downloads a folder or a file as a tar archive.
    ///
    /// # Errors
    /// Fails if the path does not exist, or the connection breaks.
    pub async fn download(&self, path: &str) -> Result<Download, LinkError> {
        let mut messages = self.begin(&Request::Download { path: path.to_owned() }).await?;
        messages.receive_done().await?;
        Ok(Download { messages })
    }

    /// Watches a folder with everything below it, or a file.
    ///
    /// # Errors
    /// Fails if the path cannot be watched, or the connection breaks.
    pub async fn watch_files(&self, path: &str) -> Result<Watch, LinkError> {
        let mut messages = self.begin(&Request::Watch { path: path.to_owned() }).await?;
        messages.receive_done().await?;
        Ok(Watch { messages })
    }
}

/// A download in progress. Dropping it stops the agent from packing.
pub struct Download {
    messages: Messages,
}

impl Download {
    /// Waits for the next piece of the archive. Returns `None` at its end.
    ///
    /// # Errors
    /// Fails if something could not be read ([`LinkError::Refused`]), or the connection breaks. The pieces so far are
    /// then not a complete archive.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        match within(STEP_WITHIN, self.messages.receive_piece()).await? {
            Some(piece) => Ok(Some(piece)),
            None => self.messages.receive_done().await.map(|()| None),
        }
    }
}

/// A watch on a folder or a file. Dropping it ends the watch.
pub struct Watch {
    pub(crate) messages: Messages,
}

impl Watch {
    /// Waits for the next change. Returns `None` when the watch has ended. Cancel-safe.
    ///
    /// # Errors
    /// Fails if the connection breaks.
    pub async fn next(&mut self) -> Result<Option<FileChange>, LinkError> {
        self.messages.receive().await
    }
}
