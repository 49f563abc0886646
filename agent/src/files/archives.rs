//! Packing and unpacking tar archives. This waits for the disk on a thread for that; a bounded queue of pieces connects
//! it to the stream.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use bytes::{Buf, Bytes};
use lectern_api::agent::{MAX_ARCHIVE_BYTES, MAX_FRAME_BYTES, Reply};
use lectern_link::{LinkError, Messages};
use tokio::sync::mpsc;

use super::{failed, named, on_disk, paths};

/// The capacity of the queue between the stream and the disk, in pieces.
const PIECES: usize = 4;

/// Receives an archive and unpacks it below the folder that `find` returns.
pub async fn unpack(
    messages: &mut Messages,
    find: impl FnOnce() -> io::Result<PathBuf> + Send + 'static,
) -> Result<io::Result<()>, LinkError> {
    let (sender, pieces) = mpsc::channel(PIECES);
    let work = on_disk(move || unpack_now(Pieces::new(pieces), &find()?));
    let feed = async {
        loop {
            match messages.receive_piece().await {
                // fails if unpacking has failed; the server sends everything before it reads the answer
                Ok(Some(piece)) => drop(sender.send(Ok(piece)).await),
                Ok(None) => {
                    drop(sender);
                    return Ok(());
                }
                Err(error) => {
                    let _ = sender.send(Err(io::ErrorKind::UnexpectedEof.into())).await;
                    drop(sender);
                    return Err(error);
                }
            }
        }
    };
    let (unpacked, fed) = tokio::join!(work, feed);
    fed.map(|()| unpacked)
}

fn unpack_now(source: impl Read, directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory).map_err(|error| named(&error, directory))?;
    let mut archive = tar::Archive::new(source);
    archive.set_preserve_permissions(true);
    archive.set_overwrite(true);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let unpacked = entry.unpack_in(directory).map_err(|error| named(&error, &path))?;
        if !unpacked {
            let message = format!("{} would be outside {}", path.display(), directory.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(())
}

/// A reader over the received pieces.
struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
    left: u64,
}

impl Pieces {
    fn new(pieces: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { pieces, piece: Bytes::new(), left: MAX_ARCHIVE_BYTES }
    }
}

impl Read for Pieces {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            self.piece = self.pieces.blocking_recv().transpose()?.unwrap_or_default();
            let Some(left) = self.left.checked_sub(self.piece.len() as u64) else {
                let message =
                    format!("the archive is longer than {MAX_ARCHIVE_BYTES} bytes, which is the most");
                return Err(io::Error::other(message));
            };
            self.left = left;
        }
        let len = self.piece.len().min(buf.len());
        self.piece.copy_to_slice(&mut buf[..len]);
        Ok(len)
    }
}

/// Packs a folder or a file and sends it.
pub async fn download(mut messages: Messages, path: String) -> Result<(), LinkError> {
    let found = match on_disk(move || Ok(paths::find(&path)?)).await {
        Ok(found) => found,
        Err(error) => return messages.send(&failed(&error)).await,
    };
    messages.send(&Reply::Done).await?;
    let (sender, mut pieces) = mpsc::channel::<Vec<u8>>(PIECES);
    let work =
        on_disk(move || pack_now(&found, Packed { sender, piece: Vec::new(), left: MAX_ARCHIVE_BYTES }));
    let send = async {
        let sent = async {
            while let Some(piece) = pieces.recv().await {
                messages.send_piece(&piece).await?;
            }
            Ok::<_, LinkError>(())
        };
        let sent = sent.await;
        // if the stream ends early, packing stops
        pieces.close();
        sent
    };
    let (packed, sent) = tokio::join!(work, send);
    sent?;
    messages.end_pieces().await?;
    messages.send(&packed.map_or_else(|error| failed(&error), |()| Reply::Done)).await
}

fn pack_now(found: &Path, to: Packed) -> io::Result<()> {
    let mut archive = tar::Builder::new(to);
    archive.follow_symlinks(false);
    let top = found.file_name().map_or_else(|| PathBuf::from("."), PathBuf::from);
    let mut waiting = vec![(found.to_owned(), top)];
    while let Some((path, name)) = waiting.pop() {
        let about = |error: io::Error| named(&error, &path);
        let metadata = match path.symlink_metadata() {
            Ok(metadata) => metadata,
            // removed since its folder was read
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(about(error)),
        };
        if metadata.is_dir() {
            archive.append_dir(&name, &path).map_err(about)?;
            for entry in std::fs::read_dir(&path).map_err(about)? {
                let entry = entry.map_err(about)?;
                waiting.push((entry.path(), name.join(entry.file_name())));
            }
        } else if metadata.is_symlink() {
            archive.append_path_with_name(&path, &name).map_err(about)?;
        } else if metadata.is_file() {
            let mut header = tar::Header::new_gnu();
            header.set_metadata(&metadata);
            header.set_size(metadata.len());
            let file = std::fs::File::open(&path).map_err(about)?;
            // a file that shrinks meanwhile is padded with zeros: its length is written to the archive before its content
            let content = file.chain(io::repeat(0)).take(metadata.len());
            archive.append_data(&mut header, &name, content).map_err(about)?;
        }
        // sockets, pipes and devices are left out: they mean nothing elsewhere
    }
    archive.into_inner()?.flush()
}

/// A writer that cuts the archive into pieces.
struct Packed {
    sender: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
    left: u64,
}

impl Write for Packed {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let len = data.len().min(MAX_FRAME_BYTES - self.piece.len());
        self.left = self.left.checked_sub(len as u64).ok_or_else(|| {
            io::Error::other(format!(
                "the archive would be longer than {MAX_ARCHIVE_BYTES} bytes, which is the most"
            ))
        })?;
        self.piece.extend_from_slice(&data[..len]);
        if self.piece.len() == MAX_FRAME_BYTES {
            self.flush()?;
        }
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        self.sender.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
