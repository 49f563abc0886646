//! One class, live: where each learner is.

use std::time::Duration;

use lectern_api::classes::{Class, LearnerRow};
use lectern_api::ids::ClassId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use super::not_found::NotFound;
use super::{Loaded, load};
use crate::api::events::EventStream;
use crate::api::use_client;
use crate::browser::{lower_case, sleep, window};
use crate::components::class_table::{JoinCode, LearnerTable};
use crate::components::form::CopyButton;
use crate::components::frame::{Empty, ErrorNote, Loading, PageHeading};
use crate::paths::encode_part;

/// The page of the class that the address names.
#[component]
pub fn ClassPage() -> impl IntoView {
    let params = use_params_map();
    let id =
        Memo::new(move |_| params.with(|params| params.get("id")).and_then(|id| id.parse::<ClassId>().ok()));
    move || match id.get() {
        Some(id) => view! { <LiveClass id=id/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

#[component]
fn LiveClass(id: ClassId) -> impl IntoView {
    let client = use_client();
    let class = RwSignal::new(None::<Class>);
    let rows = RwSignal::new(Loaded::<Vec<LearnerRow>>::Loading);
    let connected = RwSignal::new(None::<bool>);
    let tick = RwSignal::new(0_u32);
    spawn_local(async move {
        // where the class cannot be had, the list of its learners says why
        if let Ok(found) = client.show_class(id).await {
            class.try_set(Some(found));
        }
    });
    load(rows, client.list_learners(id));
    let events = EventStream::open(
        &format!("/classes/{id}/events"),
        "learner",
        move |row: LearnerRow| {
            rows.try_update(|rows| {
                if let Loaded::Ready(rows) = rows {
                    match rows.iter_mut().find(|known| known.user == row.user) {
                        Some(known) => *known = row,
                        None => rows.push(row),
                    }
                }
            });
        },
        move |open| {
            // what changed while nobody listened is read again
            if open && connected.try_get_untracked().flatten() == Some(false) {
                load(rows, client.list_learners(id));
            }
            connected.try_set(Some(open));
        },
    );
    let _events = StoredValue::new_local(events);
    spawn_local(async move {
        while tick.try_update(|tick| *tick = tick.wrapping_add(1)).is_some() {
            sleep(Duration::from_secs(10)).await;
        }
    });
    let sorted = Signal::derive(move || match rows.get() {
        Loaded::Ready(mut rows) => {
            rows.sort_by_cached_key(|row| lower_case(&row.display_name));
            rows
        }
        _ => Vec::new(),
    });
    let join_link = move |code: &str| {
        let origin = window().and_then(|window| window.location().origin().ok()).unwrap_or_default();
        format!("{origin}/join/{}", encode_part(code))
    };
    view! {
        <p class="crumb"><A href="/classes">"Classes"</A></p>
        <PageHeading title=Signal::derive(move || class.get().map_or_else(|| "Class".to_owned(), |class| class.name))/>
        <div class="class-facts">
            {move || class.get().and_then(|class| class.join_code).map(|code| {
                let link = join_link(&code);
                view! {
                    <span>"Join code " <JoinCode code=code/></span>
                    <span class="join-code">
                        "Link for learners " <code data-testid="class-join-link">{link.clone()}</code> <CopyButton text=link/>
                    </span>
                }
            })}
            <span class="live" class:off=move || connected.get() == Some(false) role="status" data-testid="class-live">
                {move || if connected.get() == Some(false) { "Reconnecting…" } else { "Live" }}
            </span>
        </div>
        {move || match rows.with(|rows| match rows {
            Loaded::Loading => Loaded::Loading,
            Loaded::Failed(error) => Loaded::Failed(error.clone()),
            Loaded::Ready(rows) => Loaded::Ready(rows.is_empty()),
        }) {
            Loaded::Loading => view! { <Loading text="Loading the learners…"/> }.into_any(),
            Loaded::Failed(error) => view! {
                <ErrorNote error=error on_retry=move || load(rows, client.list_learners(id))/>
            }.into_any(),
            Loaded::Ready(true) => view! {
                <Empty title="Nobody has joined yet" text="Learners join with the code above; they appear here at once."/>
            }.into_any(),
            Loaded::Ready(false) => view! { <LearnerTable rows=sorted tick=tick/> }.into_any(),
        }}
    }
}
