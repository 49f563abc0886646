//! The logs of containers, as they grow.

use std::time::Duration;

use futures::future::BoxFuture;
use futures::{AsyncBufRead, AsyncReadExt as _, FutureExt as _};
use kube::api::LogParams;
use kube::core::Request;
use lectern_api::cluster_view::LogQuery;

use super::super::{Cluster, SessionNames};
use super::object::{ObjectError, ObjectRef, is_object_name};

/// How many of the lines that there are already are sent, unless the viewer wants fewer.
const TAIL: u32 = 500;
/// Limit on those lines.
const MAX_TAIL: u32 = 5000;
/// What is read at once, in bytes.
const PIECE_BYTES: usize = 32 * 1024;
/// The longest line; longer ones are broken.
const LONGEST_LINE: usize = 8 * 1024;

/// How long a refusal may take. The log of a container that has written nothing yet has not begun by then.
const REFUSED_WITHIN: Duration = Duration::from_millis(1500);

type Source = Box<dyn AsyncBufRead + Send + Unpin>;
type Opening = BoxFuture<'static, Result<Source, kube::Error>>;

/// A container's log, read piece by piece.
pub struct LogStream {
    stage: Stage,
    cutter: LineCutter,
}

enum Stage {
    Opening(Opening),
    Open(Source),
    Over,
}

impl LogStream {
    /// Returns the next lines: what there is, at least one. Returns `None` at the log's end. Nothing is lost if the
    /// future is dropped.
    pub async fn next(&mut self) -> Option<Vec<String>> {
        loop {
            // a broken connection is an end, too: the container or its node went
            let lines = match &mut self.stage {
                Stage::Over => return None,
                Stage::Opening(opening) => {
                    self.stage = opening.await.map_or(Stage::Over, Stage::Open);
                    continue;
                }
                Stage::Open(source) => {
                    let mut piece = vec![0; PIECE_BYTES];
                    match source.read(&mut piece).await.unwrap_or(0) {
                        0 => {
                            self.stage = Stage::Over;
                            std::mem::take(&mut self.cutter).finish()
                        }
                        length => self.cutter.cut(&piece[..length]),
                    }
                }
            };
            if !lines.is_empty() {
                return Some(lines);
            }
        }
    }
}

impl Cluster {
    /// Opens the log of a pod's container and follows it. The log of an earlier run does not grow.
    ///
    /// # Errors
    /// Returns an error if the pod or its container does not exist, has not started, or the learner may not read it.
    pub async fn follow_log(
        &self,
        names: &SessionNames,
        pod: &ObjectRef,
        query: &LogQuery,
    ) -> Result<LogStream, ObjectError> {
        let container = query.container.as_deref().filter(|name| !name.is_empty());
        if container.is_some_and(|name| !is_object_name(name)) {
            return Err(ObjectError::NotFound("the container".to_owned()));
        }
        let params = LogParams {
            container: container.map(str::to_owned),
            follow: !query.previous,
            previous: query.previous,
            tail_lines: Some(query.tail.unwrap_or(TAIL).min(MAX_TAIL).into()),
            ..LogParams::default()
        };
        let client = self.as_patient_learner(names).map_err(ObjectError::Cluster)?;
        let request = Request::new(pod.api(client.clone()).resource_url())
            .logs(pod.name(), &params)
            .map_err(|error| ObjectError::of(kube::Error::BuildRequest(error), &pod.described()))?;
        let open =
            async move { client.request_stream(request).await.map(|source| Box::new(source) as Source) };
        let mut opening = open.boxed();
        let stage = match tokio::time::timeout(REFUSED_WITHIN, &mut opening).await {
            Ok(Ok(source)) => Stage::Open(source),
            Ok(Err(error)) => return Err(ObjectError::of(error, &pod.described())),
            Err(_) => Stage::Opening(opening),
        };
        Ok(LogStream { stage, cutter: LineCutter::default() })
    }
}

/// Cuts bytes into lines. Keeps the beginning of a line whose end has not come yet.
#[derive(Default)]
pub struct LineCutter {
    rest: Vec<u8>,
}

impl LineCutter {
    /// Returns the lines that are whole now.
    pub fn cut(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = vec![];
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if self.rest.last() == Some(&b'\n') {
                lines.push(self.take_line());
            }
            while self.rest.len() > LONGEST_LINE {
                let end = boundary(&self.rest);
                let tail = self.rest.split_off(end);
                lines.push(self.take_line());
                self.rest = tail;
            }
        }
        lines
    }

    /// Returns what is left as a last line.
    #[must_use]
    pub fn finish(mut self) -> Vec<String> {
        if self.rest.is_empty() { vec![] } else { vec![self.take_line()] }
    }

    fn take_line(&mut self) -> String {
        let line = std::mem::take(&mut self.rest);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
    }
}

/// Returns where a line that is too long is broken: not within a character.
fn boundary(line: &[u8]) -> usize {
    let is_begin = |at: usize| line[at] & 0xC0 != 0x80;
    (LONGEST_LINE - 3..=LONGEST_LINE).rev().find(|at| is_begin(*at)).unwrap_or(LONGEST_LINE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_is_whole_when_its_end_has_come() {
        let mut cutter = LineCutter::default();
        assert_eq!(cutter.cut(b"one\ntw"), ["one"]);
        assert_eq!(cutter.cut(b"o\r\n\nthree"), ["two", ""]);
        assert_eq!(cutter.finish(), ["three"]);
    }

    #[test]
    fn a_line_without_an_end_is_broken_between_characters() {
        let mut cutter = LineCutter::default();
        let lines = cutter.cut("ä€😀".repeat(2 * LONGEST_LINE).as_bytes());
        assert!(lines.len() > 10 && lines.iter().all(|line| line.len() <= LONGEST_LINE + 4));
        assert!(!lines.concat().contains('\u{fffd}'));
        assert!(cutter.finish().concat().len() <= LONGEST_LINE);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_the_pieces_fall(text in "[a-z\n]{0,200}", at in 0_usize..200) {
            let at = at.min(text.len());
            let mut cutter = LineCutter::default();
            let mut lines = cutter.cut(&text.as_bytes()[..at]);
            lines.extend(cutter.cut(&text.as_bytes()[at..]));
            lines.extend(cutter.finish());
            prop_assert_eq!(lines, text.lines().collect::<Vec<_>>());
        }
    }
}
