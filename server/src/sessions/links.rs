//! The one stream per session from this server to its workbench, opened when it is first needed and again when it
//! was lost.

use std::collections::HashMap;
use std::sync::Arc;

use lectern_api::ids::SessionId;
use lectern_link::Link;
use tokio::sync::Mutex;

/// One session's link, or the place for it. The inner lock is held while a link is being opened, so that a session
/// never gets two.
type Slot = Arc<Mutex<Option<Link>>>;

/// The links of this server.
#[derive(Default)]
pub(super) struct Links {
    slots: Mutex<HashMap<SessionId, Slot>>,
}

impl Links {
    async fn slot(&self, id: SessionId) -> Slot {
        self.slots.lock().await.entry(id).or_default().clone()
    }

    /// The session's link; `open` makes one where there is none that works.
    pub(super) async fn find_or_open<E>(
        &self,
        id: SessionId,
        open: impl Future<Output = Result<Link, E>>,
    ) -> Result<Link, E> {
        let slot = self.slot(id).await;
        let mut link = slot.lock().await;
        if let Some(link) = link.as_ref().filter(|link| !link.is_closed()) {
            return Ok(link.clone());
        }
        Ok(link.insert(open.await?).clone())
    }

    /// Closes a session's link.
    pub(super) async fn forget(&self, id: SessionId) {
        self.slots.lock().await.remove(&id);
    }
}
