//! The page of the lab that the address names.

use lectern_api::ids::SessionId;
use lectern_api::sessions::Session;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map};

use crate::api::Client;
use crate::paths;
use crate::progress::Progress;

/// Returns the name of the page that the address names, empty until it is known. An address that names none is
/// replaced by that of the page viewed last, or of the first one.
pub fn use_page_of_address(
    client: Client,
    id: SessionId,
    session: RwSignal<Session>,
    progress: Progress,
) -> RwSignal<String> {
    let params = use_params_map();
    let navigate = use_navigate();
    let page = RwSignal::new(String::new());
    // `None` until the server has answered
    let last_viewed = RwSignal::new(None::<Option<String>>);
    spawn_local(async move {
        let known = client.show_progress(id).await.unwrap_or_default();
        progress.marks.try_update(|marks| marks.merge(&known));
        last_viewed.try_set(Some(known.current_page.map(|name| name.to_string())));
    });
    Effect::new(move |_| {
        let rest = params.with(|params| params.get("rest")).unwrap_or_default();
        if let Some(name) = rest.strip_prefix("pages/").filter(|name| !name.is_empty()) {
            if page.get_untracked() != name {
                page.set(name.to_owned());
            }
            return;
        }
        let Some(last_viewed) = last_viewed.get() else { return };
        if let Some(name) = session.with_untracked(|session| first_page(session, last_viewed)) {
            let options = NavigateOptions { replace: true, ..NavigateOptions::default() };
            navigate(&paths::page(id, &name), options);
        }
    });
    page
}

/// Returns the page viewed last, if the lab still has it, or the lab's first page.
fn first_page(session: &Session, last_viewed: Option<String>) -> Option<String> {
    last_viewed
        .filter(|last| session.pages.iter().any(|link| link.name == *last))
        .or_else(|| session.pages.first().map(|link| link.name.clone()))
}
