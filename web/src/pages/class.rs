//! One class, live: who may join, and how far each learner is.

mod joining;
mod learner;
mod rules;

use std::time::Duration;

use lectern_api::classes::{Class, LearnerRow};
use lectern_api::ids::ClassId;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::A;

use super::fetched::{FetchStatus, Fetched, WhenFetched, use_fetched};
use super::not_found::NotFound;
use super::params::use_id;
use crate::api::events::EventStream;
use crate::api::use_client;
use crate::browser::{lower_case, sleep};
use crate::components::frame::{Empty, PageHeading};
use crate::components::learner_table::LearnerTable;

/// How often "3 min ago" is updated.
const UPDATE_TIMES_EVERY: Duration = Duration::from_secs(10);

#[component]
pub fn ClassPage() -> impl IntoView {
    let id = use_id::<ClassId>();
    move || match id.get() {
        Some(id) => view! { <FoundClass id=id/> }.into_any(),
        None => view! { <NotFound/> }.into_any(),
    }
}

#[component]
fn FoundClass(id: ClassId) -> impl IntoView {
    let client = use_client();
    let class = use_fetched(move || client.show_class(id));
    view! {
        <p class="crumb"><A href="/classes">"Classes"</A></p>
        <WhenFetched data=class waiting="Loading the class…" whole_page=true let:class>
            <LiveClass class=class/>
        </WhenFetched>
    }
}

#[component]
fn LiveClass(class: Class) -> impl IntoView {
    let id = class.id;
    let title = class.name.clone();
    let (learners, is_live) = use_learners(id);
    let managed = RwSignal::new(None::<LearnerRow>);
    let sorted = Memo::new(move |_| {
        let mut rows = learners.value.get().unwrap_or_default();
        rows.sort_by_cached_key(|row| lower_case(&row.display_name));
        rows
    });
    let is_empty = Memo::new(move |_| learners.value.with(|rows| rows.as_ref().map(Vec::is_empty)));
    let tick = use_tick();
    let manage = Callback::new(move |row| managed.set(Some(row)));
    view! {
        <PageHeading title=title/>
        <joining::JoiningPanel class=class learners=Signal::derive(move || sorted.with(Vec::len))/>
        <div class="class-facts">
            <h2>"Learners"</h2>
            <span class="live" class:off=move || !is_live.get() role="status" data-testid="class-live">
                {move || if is_live.get() { "Live" } else { "Reconnecting…" }}
            </span>
        </div>
        <FetchStatus state=learners.state waiting="Loading learners…"/>
        {move || is_empty.get().map(|is_empty| if is_empty {
            view! {
                <Empty title="Nobody has joined yet" text="Share the join code. Learners appear here."/>
            }.into_any()
        } else {
            view! { <LearnerTable rows=sorted tick=tick on_manage=manage/> }.into_any()
        })}
        <learner::LearnerDialog class=id learner=managed on_removed=move |()| learners.reload()/>
    }
}

/// Reads the learners and keeps them up to date. The second value is whether changes arrive.
fn use_learners(id: ClassId) -> (Fetched<Vec<LearnerRow>>, RwSignal<bool>) {
    let client = use_client();
    let learners = use_fetched(move || client.list_learners(id));
    let is_live = RwSignal::new(true);
    let events = EventStream::open(
        &format!("/classes/{id}/events"),
        "learner",
        move |row: LearnerRow| {
            learners.value.try_update(|rows| update_row(rows.as_mut(), row));
        },
        move |is_open| {
            // what changed while nobody listened is read again
            if is_open && is_live.try_get_untracked() == Some(false) {
                learners.reload();
            }
            is_live.try_set(is_open);
        },
    );
    let _events = StoredValue::new_local(events);
    (learners, is_live)
}

fn update_row(rows: Option<&mut Vec<LearnerRow>>, row: LearnerRow) {
    let Some(rows) = rows else { return };
    match rows.iter_mut().find(|known| known.user == row.user) {
        Some(known) => *known = row,
        None => rows.push(row),
    }
}

/// Returns a signal that changes whenever times in words must be updated.
fn use_tick() -> RwSignal<u32> {
    let tick = RwSignal::new(0_u32);
    spawn_local(async move {
        while tick.try_update(|tick| *tick = tick.wrapping_add(1)).is_some() {
            sleep(UPDATE_TIMES_EVERY).await;
        }
    });
    tick
}
