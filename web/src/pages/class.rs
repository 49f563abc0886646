//! One class, live: who may join, and where each learner is.

mod joining;
mod learner;

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
use crate::browser::{lower_case, sleep};
use crate::components::frame::{Empty, ErrorNote, Loading, PageHeading};
use crate::components::learner_table::LearnerTable;

/// The page of the class that the address names.
#[component]
pub fn ClassPage() -> impl IntoView {
    let params = use_params_map();
    let id =
        Memo::new(move |_| params.with(|params| params.get("id")).and_then(|id| id.parse::<ClassId>().ok()));
    move || match id.get() {
        Some(id) => view! { <FoundClass id=id/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

#[component]
fn FoundClass(id: ClassId) -> impl IntoView {
    let client = use_client();
    let class = RwSignal::new(Loaded::<Class>::Loading);
    load(class, client.show_class(id));
    view! {
        <p class="crumb"><A href="/classes">"Classes"</A></p>
        {move || match class.get() {
            Loaded::Loading => view! { <Loading text="Loading the class…"/> }.into_any(),
            Loaded::Failed(error) if error.status() == Some(404) => view! { <NotFound/> }.into_any(),
            Loaded::Failed(error) => view! {
                <ErrorNote error=error on_retry=move || load(class, client.show_class(id))/>
            }.into_any(),
            Loaded::Ready(class) => view! { <LiveClass class=class/> }.into_any(),
        }}
    }
}

#[component]
fn LiveClass(class: Class) -> impl IntoView {
    let client = use_client();
    let id = class.id;
    let title = class.name.clone();
    let rows = RwSignal::new(Loaded::<Vec<LearnerRow>>::Loading);
    let connected = RwSignal::new(None::<bool>);
    let tick = RwSignal::new(0_u32);
    let managed = RwSignal::new(None::<LearnerRow>);
    let fetch = move || load(rows, client.list_learners(id));
    fetch();
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
                fetch();
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
    let sorted = Memo::new(move |_| match rows.get() {
        Loaded::Ready(mut rows) => {
            rows.sort_by_cached_key(|row| lower_case(&row.display_name));
            rows
        }
        _ => Vec::new(),
    });
    let shown = Memo::new(move |_| {
        rows.with(|rows| match rows {
            Loaded::Loading => Loaded::Loading,
            Loaded::Failed(error) => Loaded::Failed(error.clone()),
            Loaded::Ready(rows) => Loaded::Ready(rows.is_empty()),
        })
    });
    let manage = Callback::new(move |row| managed.set(Some(row)));
    view! {
        <PageHeading title=title/>
        <joining::JoiningPanel class=class learners=Signal::derive(move || sorted.with(Vec::len))/>
        <div class="class-facts">
            <h2>"Learners"</h2>
            <span class="live" class:off=move || connected.get() == Some(false) role="status" data-testid="class-live">
                {move || if connected.get() == Some(false) { "Reconnecting…" } else { "Live" }}
            </span>
        </div>
        {move || match shown.get() {
            Loaded::Loading => view! { <Loading text="Loading the learners…"/> }.into_any(),
            Loaded::Failed(error) => view! { <ErrorNote error=error on_retry=fetch/> }.into_any(),
            Loaded::Ready(true) => view! {
                <Empty title="Nobody has joined yet" text="Share the join code; learners appear here."/>
            }.into_any(),
            Loaded::Ready(false) => view! { <LearnerTable rows=sorted tick=tick on_manage=manage/> }.into_any(),
        }}
        <learner::LearnerDialog class=id learner=managed on_removed=Callback::new(move |()| fetch())/>
    }
}
