//! Keeping the session up to date.

use lectern_api::ids::SessionId;
use lectern_api::sessions::Session;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::Client;
use crate::api::events::EventStream;

/// Follows the session's changes for as long as the component that calls this exists.
pub fn use_session_stream(client: Client, id: SessionId, session: RwSignal<Session>) {
    let was_lost = RwSignal::new(false);
    let stream = EventStream::open(
        &format!("/sessions/{id}/events"),
        "session",
        move |changed| update(session, changed),
        move |is_open| {
            // reads what changed meanwhile, or finds out why nothing arrives
            if was_lost.try_get_untracked() == Some(true) || !is_open {
                spawn_local(reload(client, id, session));
            }
            was_lost.try_set(!is_open);
        },
    );
    let _stream = StoredValue::new_local(stream);
}

/// Reads the session again; a failure leaves it as it was.
pub async fn reload(client: Client, id: SessionId, session: RwSignal<Session>) {
    if let Ok(now) = client.show_session(id).await {
        update(session, now);
    }
}

fn update(session: RwSignal<Session>, changed: Session) {
    if session.try_with_untracked(|known| *known != changed) == Some(true) {
        session.try_set(changed);
    }
}
