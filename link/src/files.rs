//! The server's side of files: archives up and down, single files, changes; and checks, which come with files.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use lectern_api::agent::{MAX_FILE_BYTES, MAX_FRAME_BYTES, Reply, Request};
use lectern_api::files::{FileChange, FileEntry};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::client::{Link, clipped};
use crate::messages::Messages;
use crate::{LinkError, STEP_WITHIN, within};

impl Link {
    /// Sends a tar archive, to be unpacked below `directory`.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where the agent could not unpack it, or the connection's or the archive's.
    pub async fn put_files(&self, directory: &str, archive: impl AsyncRead + Unpin) -> Result<(), LinkError> {
        self.send_content(&Request::PutFiles { directory: directory.to_owned() }, archive)
            .await?
            .receive_done()
            .await
    }

    /// Writes a file, whole or not at all.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where the agent could not write it, or the connection's or the content's.
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

    /// Runs a check with the lab's files, a tar archive; see [`Request::RunCheck`]. `limit` is for the run.
    ///
    /// # Errors
    /// [`LinkError::NoAnswer`], or the connection's or the archive's. A [`Reply::Failed`] is no error here.
    pub async fn run_check(
        &self,
        request: &Request,
        archive: impl AsyncRead + Unpin,
        limit: Duration,
    ) -> Result<Reply, LinkError> {
        let mut messages = self.send_content(request, archive).await?;
        within(limit, messages.receive()).await?.map(clipped).ok_or(LinkError::Closed)
    }

    /// Sends a request and its content, in pieces; what follows is the answer.
    async fn send_content(
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

    /// What a folder holds, and whether there is more than is listed.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where the agent could not list it, or the connection's.
    pub async fn list_files(&self, path: &str) -> Result<(Vec<FileEntry>, bool), LinkError> {
        let mut messages = self.begin(&Request::ListFiles { path: path.to_owned() }).await?;
        match messages.receive_reply().await? {
            Reply::Entries { entries, is_cut } => Ok((entries, is_cut)),
            _ => Err(LinkError::Unexpected),
        }
    }

    /// A file of up to `most` bytes.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where the agent could not read it or it is longer, or the connection's.
    pub async fn read_file(&self, path: &str, most: u64) -> Result<(FileEntry, Bytes), LinkError> {
        let most = most.min(MAX_FILE_BYTES);
        let mut messages = self.begin(&Request::ReadFile { path: path.to_owned() }).await?;
        let Reply::File(entry) = messages.receive_reply().await? else {
            return Err(LinkError::Unexpected);
        };
        let too_long = || LinkError::Refused(format!("{path} is longer than {most} bytes"));
        if entry.size_bytes > most {
            return Err(too_long());
        }
        let mut content = BytesMut::new();
        while let Some(piece) = within(STEP_WITHIN, messages.receive_piece()).await? {
            // a file may grow while it is read, and an agent may be anybody's
            if (content.len() + piece.len()) as u64 > most {
                return Err(too_long());
            }
            content.extend_from_slice(&piece);
        }
        messages.receive_done().await?;
        Ok((entry, content.freeze()))
    }

    /// A folder or a file as a tar archive.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where there is no such thing, or the connection's.
    pub async fn download(&self, path: &str) -> Result<Download, LinkError> {
        let mut messages = self.begin(&Request::Download { path: path.to_owned() }).await?;
        messages.receive_done().await?;
        Ok(Download { messages })
    }

    /// Follows what changes below a folder, or of a file.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where it cannot be watched, or the connection's.
    pub async fn watch_files(&self, path: &str) -> Result<Watch, LinkError> {
        let mut messages = self.begin(&Request::Watch { path: path.to_owned() }).await?;
        messages.receive_done().await?;
        Ok(Watch { messages })
    }
}

/// An archive on its way. Dropping it stops the packing.
pub struct Download {
    messages: Messages,
}

impl Download {
    /// The next piece of the archive; none when it is whole.
    ///
    /// # Errors
    /// [`LinkError::Refused`] where something could not be read: what came so far is no whole archive. Or the
    /// connection's.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        match within(STEP_WITHIN, self.messages.receive_piece()).await? {
            Some(piece) => Ok(Some(piece)),
            None => self.messages.receive_done().await.map(|()| None),
        }
    }
}

/// Changes as they happen. Dropping it ends the watch.
pub struct Watch {
    messages: Messages,
}

impl Watch {
    /// The next change; none when the watch is over. May be given up and called again.
    ///
    /// # Errors
    /// The connection's.
    pub async fn next(&mut self) -> Result<Option<FileChange>, LinkError> {
        self.messages.receive().await
    }
}
