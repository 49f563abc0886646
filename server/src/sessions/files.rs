//! The files of a running session, as its learner may work on them: the agent runs with their rights.

use lectern_api::agent::{Expected, FileRefusal, FileRequest};
use lectern_api::files::{FileMatches, FileStatus, FolderListing};
use lectern_api::ids::{SessionId, UserId};
use lectern_link::{Download, FileContent, Link, LinkError, Watch};
use tokio::io::AsyncRead;

use super::{SessionError, Workbenches, find_owned};

/// Why something could not be done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFailure {
    pub reason: FileRefusal,
    /// What failed and why, in a sentence for the learner.
    pub message: String,
}

fn failure(error: LinkError) -> SessionError {
    match error {
        LinkError::File { reason, message } => SessionError::File(FileFailure { reason, message }),
        LinkError::Refused(message) => {
            SessionError::File(FileFailure { reason: FileRefusal::Other, message })
        }
        LinkError::TooOld => SessionError::OlderWorkbench,
        LinkError::TooManyStreams => SessionError::TooMuchAtOnce,
        error => SessionError::Workbench(error),
    }
}

/// All of these fail with [`SessionError::UnknownSession`], [`SessionError::NotRunning`], [`SessionError::File`],
/// [`SessionError::OlderWorkbench`] or [`SessionError::Workbench`].
impl Workbenches {
    async fn files(&self, user: UserId, id: SessionId) -> Result<Link, SessionError> {
        let row = self.find_running(user, id).await?;
        self.link(&row).await
    }

    /// Checks that the person may still use this session's files. An open tab is no activity: files change by themselves.
    ///
    /// # Errors
    /// [`SessionError::UnknownSession`], [`SessionError::NotRunning`].
    pub async fn check_file_access(&self, user: UserId, id: SessionId) -> Result<(), SessionError> {
        let row = find_owned(&self.pool, user, id).await?;
        if row.is_running() { Ok(()) } else { Err(SessionError::NotRunning) }
    }

    /// Describes a file or folder.
    ///
    /// # Errors
    /// See above.
    pub async fn find_file(
        &self,
        user: UserId,
        id: SessionId,
        path: &str,
    ) -> Result<FileStatus, SessionError> {
        self.files(user, id).await?.find_file(path).await.map_err(failure)
    }

    /// Lists a folder.
    ///
    /// # Errors
    /// See above.
    pub async fn list_folder(
        &self,
        user: UserId,
        id: SessionId,
        path: &str,
    ) -> Result<FolderListing, SessionError> {
        self.files(user, id).await?.list_folder(path).await.map_err(failure)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// See above.
    pub async fn open_file(
        &self,
        user: UserId,
        id: SessionId,
        path: &str,
    ) -> Result<(FileStatus, FileContent), SessionError> {
        self.files(user, id).await?.open_file(path).await.map_err(failure)
    }

    /// Begins to pack a folder or a file. Returns what it is, and the archive.
    ///
    /// # Errors
    /// See above.
    pub async fn pack_files(
        &self,
        user: UserId,
        id: SessionId,
        path: &str,
    ) -> Result<(FileStatus, Download), SessionError> {
        let link = self.files(user, id).await?;
        let found = link.find_file(path).await.map_err(failure)?;
        let archive = link.download(&found.path).await.map_err(failure)?;
        Ok((found, archive))
    }

    /// Writes a file if what is there is what is expected.
    ///
    /// # Errors
    /// See above.
    pub async fn write_file(
        &self,
        user: UserId,
        id: SessionId,
        path: &str,
        expected: Option<Expected>,
        content: impl AsyncRead + Unpin,
    ) -> Result<FileStatus, SessionError> {
        self.files(user, id).await?.put_file(path, expected, content).await.map_err(failure)
    }

    /// Creates a folder and those above it.
    ///
    /// # Errors
    /// See above.
    pub async fn make_folder(
        &self,
        user: UserId,
        id: SessionId,
        path: &str,
    ) -> Result<FileStatus, SessionError> {
        self.files(user, id).await?.make_folder(path).await.map_err(failure)
    }

    /// Moves, copies or deletes.
    ///
    /// # Errors
    /// See above.
    pub async fn change_files(
        &self,
        user: UserId,
        id: SessionId,
        request: FileRequest,
    ) -> Result<(), SessionError> {
        self.files(user, id).await?.change_files(request).await.map_err(failure)
    }

    /// Finds a text in the files below a folder.
    ///
    /// # Errors
    /// See above.
    pub async fn search_files(
        &self,
        user: UserId,
        id: SessionId,
        (path, text, match_case): (&str, &str, bool),
    ) -> Result<FileMatches, SessionError> {
        self.files(user, id).await?.search_files(path, text, match_case).await.map_err(failure)
    }

    /// Watches the entries of folders.
    ///
    /// # Errors
    /// See above.
    pub async fn watch_folders(
        &self,
        user: UserId,
        id: SessionId,
        paths: Vec<String>,
    ) -> Result<Watch, SessionError> {
        self.files(user, id).await?.watch_folders(paths).await.map_err(failure)
    }
}
