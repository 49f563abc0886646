//! The page of the lab that the address names.

use lectern_api::ids::SessionId;
use lectern_api::sessions::Session;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map};

use crate::api::Client;
use crate::backoff;
use crate::browser::{random, sleep};
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
        let mut attempt = 0;
        // `try_set` gives the value back where nobody is left to use it
        loop {
            match client.show_progress(id).await {
                Ok(known) => {
                    progress.marks.try_update(|marks| marks.merge(&known));
                    last_viewed.try_set(Some(known.current_page.map(|name| name.to_string())));
                    progress.is_known.try_set(true);
                    return;
                }
                Err(error) if error.is_signed_out() => return,
                // the page can be read meanwhile
                Err(_) if last_viewed.try_set(Some(None)).is_some() => return,
                Err(_) => sleep(backoff::wait(attempt + 2, random())).await,
            }
            attempt = attempt.saturating_add(1);
        }
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
