//! The server's side of the learner's files: what the editor and the files tab ask for.

use bytes::Bytes;
use lectern_api::agent::{Expected, FILES_SINCE, FileReply, FileRequest, Reply, Request};
use lectern_api::files::{FileMatches, FileStatus, FolderListing};
use tokio::io::AsyncRead;

use crate::client::Link;
use crate::files::Watch;
use crate::messages::Messages;
use crate::{LinkError, STEP_WITHIN, within};

impl Link {
    /// Describes a file or folder.
    ///
    /// # Errors
    /// Fails if it cannot be reached ([`LinkError::File`]), the agent is too old ([`LinkError::TooOld`]), or the
    /// connection breaks.
    pub async fn find_file(&self, path: &str) -> Result<FileStatus, LinkError> {
        status(self.ask_for_files(FileRequest::Stat { path: path.to_owned() }).await?)
    }

    /// Lists a folder.
    ///
    /// # Errors
    /// Like [`Self::find_file`].
    pub async fn list_folder(&self, path: &str) -> Result<FolderListing, LinkError> {
        match self.ask_for_files(FileRequest::List { path: path.to_owned() }).await? {
            FileReply::Entries { path, entries, is_cut } => Ok(FolderListing { path, entries, is_cut }),
            _ => Err(LinkError::Unexpected),
        }
    }

    /// Opens a file. Its content follows piece by piece.
    ///
    /// # Errors
    /// Like [`Self::find_file`].
    pub async fn open_file(&self, path: &str) -> Result<(FileStatus, FileContent), LinkError> {
        let mut messages = self.begin_files(FileRequest::Read { path: path.to_owned() }).await?;
        let found = status(receive(&mut messages).await?)?;
        Ok((found, FileContent { messages }))
    }

    /// Writes a file, completely or not at all, if what is there is what is expected. Returns what it is then.
    ///
    /// # Errors
    /// Like [`Self::find_file`]; also if the content cannot be read ([`LinkError::Io`]).
    pub async fn put_file(
        &self,
        path: &str,
        expected: Option<Expected>,
        content: impl AsyncRead + Unpin,
    ) -> Result<FileStatus, LinkError> {
        self.check_files()?;
        let request = Request::Files(FileRequest::Put { path: path.to_owned(), expected });
        status(receive(&mut self.send_content(&request, content).await?).await?)
    }

    /// Creates a folder and those above it.
    ///
    /// # Errors
    /// Like [`Self::find_file`].
    pub async fn make_folder(&self, path: &str) -> Result<FileStatus, LinkError> {
        status(self.ask_for_files(FileRequest::MakeFolder { path: path.to_owned() }).await?)
    }

    /// Moves, copies or deletes.
    ///
    /// # Errors
    /// Like [`Self::find_file`].
    pub async fn change_files(&self, request: FileRequest) -> Result<(), LinkError> {
        match self.ask_for_files(request).await? {
            FileReply::Done => Ok(()),
            _ => Err(LinkError::Unexpected),
        }
    }

    /// Finds a text in the files below a folder.
    ///
    /// # Errors
    /// Like [`Self::find_file`].
    pub async fn search_files(
        &self,
        path: &str,
        text: &str,
        match_case: bool,
    ) -> Result<FileMatches, LinkError> {
        let request = FileRequest::Search { path: path.to_owned(), text: text.to_owned(), match_case };
        match self.ask_for_files(request).await? {
            FileReply::Matches { matches, is_cut } => Ok(FileMatches { matches, is_cut }),
            _ => Err(LinkError::Unexpected),
        }
    }

    /// Watches the entries of folders, but not what is below these.
    ///
    /// # Errors
    /// Like [`Self::find_file`].
    pub async fn watch_folders(&self, paths: Vec<String>) -> Result<Watch, LinkError> {
        let mut messages = self.begin_files(FileRequest::Watch { paths }).await?;
        match receive(&mut messages).await? {
            FileReply::Done => Ok(Watch { messages }),
            _ => Err(LinkError::Unexpected),
        }
    }

    fn check_files(&self) -> Result<(), LinkError> {
        if self.protocol() < FILES_SINCE { Err(LinkError::TooOld) } else { Ok(()) }
    }

    async fn begin_files(&self, request: FileRequest) -> Result<Messages, LinkError> {
        self.check_files()?;
        self.begin(&Request::Files(request)).await
    }

    async fn ask_for_files(&self, request: FileRequest) -> Result<FileReply, LinkError> {
        receive(&mut self.begin_files(request).await?).await
    }
}

async fn receive(messages: &mut Messages) -> Result<FileReply, LinkError> {
    match messages.receive_reply().await? {
        Reply::Files(reply) => Ok(reply),
        _ => Err(LinkError::Unexpected),
    }
}

fn status(reply: FileReply) -> Result<FileStatus, LinkError> {
    match reply {
        FileReply::Found { path, entry, revision } => Ok(FileStatus { path, entry, revision }),
        _ => Err(LinkError::Unexpected),
    }
}

/// The content of a file that is being read. Dropping it stops the agent from reading.
pub struct FileContent {
    messages: Messages,
}

impl FileContent {
    /// Waits for the next piece. Returns `None` at the end.
    ///
    /// # Errors
    /// Fails if the file could not be read to its end ([`LinkError::File`]), or the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Bytes>, LinkError> {
        match within(STEP_WITHIN, self.messages.receive_piece()).await? {
            Some(piece) => Ok(Some(piece)),
            None => match receive(&mut self.messages).await? {
                FileReply::Done => Ok(None),
                _ => Err(LinkError::Unexpected),
            },
        }
    }
}
