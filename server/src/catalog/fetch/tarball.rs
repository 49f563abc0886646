//! Tar archives, from the web or from a file.

use std::fs::File;
use std::io::{Read, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use futures::StreamExt as _;
use percent_encoding::percent_decode_str;
use reqwest::StatusCode;
use reqwest::header::{ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use sha2::{Digest as _, Sha256};

use super::unpack::{self, Budget};
use super::{FetchError, Fetched, FileWish, Tag, Version, blocking, files_in, web};
use crate::catalog::source::TarSource;

/// An archive on this machine.
struct Archive {
    path: PathBuf,
    digest: String,
    tag: Option<Tag>,
}

pub(super) async fn fetch(
    source: &TarSource,
    wish: Option<&FileWish>,
    proxy: Option<&str>,
    present: Option<&Version>,
    draft: &Path,
    budget: Budget,
) -> Result<Option<Fetched>, FetchError> {
    let known = present.and_then(|present| present.tag.as_ref());
    let found = match source.url.to_file_path() {
        Ok(path) if source.url.scheme() == "file" => open(path, known).await?,
        _ => download(source, proxy, known, draft, budget).await?,
    };
    let Some(archive) = found else { return Ok(None) };
    if let Some(wanted) = wish.and_then(|wish| wish.sha256.as_ref()) {
        let (url, found) = (source.url.to_string(), archive.digest.clone());
        if !wanted.trim().eq_ignore_ascii_case(&found) {
            return Err(FetchError::Digest { url, wanted: wanted.clone(), found });
        }
    }
    if present.is_some_and(|present| present.revision == archive.digest) {
        return Ok(None);
    }
    if let Some(wish) = wish
        && (wish.keeps_archive || !is_archive(&archive.path))
    {
        return keep_file(source, archive, files_in(draft)).await.map(Some);
    }
    let (files, subject, folder) = (files_in(draft), source.url.to_string(), source.folder.clone());
    blocking(move || {
        let file = File::open(&archive.path).map_err(|source| file_error(&archive.path, source))?;
        let mut budget = budget;
        let left_out = unpack::unpack(file, &files, &mut budget).map_err(FetchError::unpack(&subject))?;
        super::check_folder(&files, &folder, &subject)?;
        Ok(Some(Fetched { revision: archive.digest, tag: archive.tag, left_out }))
    })
    .await
}

/// Puts a file that is not unpacked in its place, under its name in the address.
async fn keep_file(source: &TarSource, archive: Archive, files: PathBuf) -> Result<Fetched, FetchError> {
    let segments = source.url.path_segments().and_then(|mut segments| segments.next_back());
    let decoded = segments.map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned());
    let is_plain = |name: &String| !name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "..";
    let name = decoded.filter(is_plain).filter(|name| name != ".").unwrap_or_else(|| "download".to_owned());
    blocking(move || {
        std::fs::create_dir_all(&files).map_err(FetchError::cache("make the folder", &files))?;
        let place = files.join(name);
        std::fs::rename(&archive.path, &place).map_err(FetchError::cache("write", &place))?;
        Ok(Fetched { revision: archive.digest, tag: archive.tag, left_out: vec![] })
    })
    .await
}

/// Returns whether a file begins like a tar archive, which may be compressed with gzip.
fn is_archive(path: &Path) -> bool {
    let begins_like_tar = |input: &mut dyn Read| {
        let mut block = [0; 512];
        // every program of today writes this mark into the first header
        input.read_exact(&mut block).is_ok() && &block[257..262] == b"ustar"
    };
    let Ok(mut file) = File::open(path) else { return false };
    let mut magic = [0; 2];
    let is_gzip = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    if file.rewind().is_err() {
        return false;
    }
    if is_gzip { begins_like_tar(&mut MultiGzDecoder::new(file)) } else { begins_like_tar(&mut file) }
}

fn file_error(path: &Path, source: std::io::Error) -> FetchError {
    FetchError::File { path: path.to_owned(), source }
}

/// Opens a file on this machine. Returns `None` if it is the known one.
async fn open(path: PathBuf, known: Option<&Tag>) -> Result<Option<Archive>, FetchError> {
    let known = known.cloned();
    blocking(move || {
        let meta = std::fs::metadata(&path).map_err(|source| file_error(&path, source))?;
        let tag = meta
            .modified()
            .ok()
            .map(|time| Tag { etag: Some(format!("{} bytes of {time:?}", meta.len())), last_modified: None });
        if tag.is_some() && tag == known {
            return Ok(None);
        }
        let mut hash = Sha256::new();
        let mut file = File::open(&path).map_err(|source| file_error(&path, source))?;
        std::io::copy(&mut file, &mut HashWriter(&mut hash)).map_err(|source| file_error(&path, source))?;
        Ok(Some(Archive { path, digest: hex::encode(hash.finalize()), tag }))
    })
    .await
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Downloads the archive. Returns `None` if the server says that it is the known one.
async fn download(
    source: &TarSource,
    proxy: Option<&str>,
    known: Option<&Tag>,
    draft: &Path,
    budget: Budget,
) -> Result<Option<Archive>, FetchError> {
    let url = source.url.to_string();
    let client = web::client(&source.url, proxy).await.map_err(FetchError::NoWeb)?;
    let mut request = client.get(source.url.clone());
    if let Some(login) = &source.login {
        request = request.basic_auth(&login.user, Some(&login.password));
    }
    if let Some(etag) = known.and_then(|known| known.etag.as_ref()) {
        request = request.header(IF_NONE_MATCH, etag);
    }
    if let Some(time) = known.and_then(|known| known.last_modified.as_ref()) {
        request = request.header(IF_MODIFIED_SINCE, time);
    }
    let response = request.send().await.map_err(FetchError::download(&url))?;
    match response.status() {
        StatusCode::NOT_MODIFIED if known.is_some() => return Ok(None),
        status if !status.is_success() => return Err(FetchError::Status { url, status }),
        _ => {}
    }
    let too_large = || FetchError::TooLarge { subject: url.clone(), max_mib: budget.max_mib() };
    if response.content_length().is_some_and(|length| length > budget.bytes()) {
        return Err(too_large());
    }
    let tag = tag_of(response.headers());
    let path = draft.join("archive");
    let mut file = File::create(&path).map_err(FetchError::cache("write", &path))?;
    let (mut hash, mut length) = (Sha256::new(), 0_u64);
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(FetchError::download(&url))?;
        length += piece.len() as u64;
        if length > budget.bytes() {
            return Err(too_large());
        }
        hash.update(&piece);
        file.write_all(&piece).map_err(FetchError::cache("write", &path))?;
    }
    Ok(Some(Archive { path, digest: hex::encode(hash.finalize()), tag }))
}

fn tag_of(headers: &HeaderMap) -> Option<Tag> {
    let text = |name: HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let tag = Tag { etag: text(ETAG), last_modified: text(LAST_MODIFIED) };
    (tag != Tag::default()).then_some(tag)
}
