//! The audit log, for administrators.

use lectern_api::audit::{AuditPage as Records, AuditRecord};
use leptos::prelude::*;

use super::sending::Sending;
use crate::api::use_client;
use crate::browser::lower_case;
use crate::components::audit_table::{AuditTable, search_words};
use crate::components::buttons::ActionButton;
use crate::components::form::{Field, RetryIn};
use crate::components::frame::{Empty, Loading, PageHeading};

/// The log, the newest record first, with a field to find some among those that are here.
#[component]
pub fn AuditPage() -> impl IntoView {
    let client = use_client();
    let records = RwSignal::new(Vec::<AuditRecord>::new());
    // what to ask for next: nothing before the first answer, and nothing at the end
    let next = RwSignal::new(None::<i64>);
    let (sending, wanted) = (Sending::new(), RwSignal::new(String::new()));
    let fetch = move |before: Option<i64>| {
        sending.send(client.list_audit(before), move |page: Records| {
            next.set(page.next_before);
            records.update(|records| {
                if before.is_none() {
                    records.clear();
                }
                records.extend(page.records);
            });
        });
    };
    fetch(None);
    let found = Memo::new(move |_| {
        let typed = lower_case(&wanted.get());
        let is_wanted = |record: &&AuditRecord| {
            let words = lower_case(&search_words(record));
            typed.split_whitespace().all(|word| words.contains(word))
        };
        records.with(|records| records.iter().filter(is_wanted).cloned().collect::<Vec<_>>())
    });
    let count = move || {
        let (found, all) = (found.with(Vec::len), records.with(Vec::len));
        let more = if next.get().is_some() { " loaded" } else { "" };
        format!("{found} of {all}{more}")
    };
    view! {
        <PageHeading title="Audit log" lead="Who did what, from where, and how it ended. Times are in your time zone."/>
        <form class="inline-form" role="search" on:submit=|event| event.prevent_default()>
            <Field label="Filter the loaded records" id="audit-filter" kind="search" value=wanted optional=true/>
            <ActionButton label="Refresh" testid="audit-refresh" busy=sending.busy on_press=move || fetch(None)/>
            <p class="count faint" role="status">{count}</p>
        </form>
        {move || sending.error.get().map(|error| view! {
            <div class="note error" role="alert" data-testid="error">
                <strong>{error.title()}</strong>
                <p>{error.detail()}</p>
                <RetryIn error=error/>
            </div>
        })}
        {move || match (found.get(), sending.busy.get()) {
            (found, true) if found.is_empty() => view! { <Loading text="Loading the log…"/> }.into_any(),
            (found, _) if found.is_empty() => view! {
                <Empty title="No records" text="Nothing that is loaded matches."/>
            }.into_any(),
            (found, _) => view! { <AuditTable records=found/> }.into_any(),
        }}
        <Show when=move || next.get().is_some()>
            <p class="more">
                <ActionButton label="Load more" testid="audit-more" busy=sending.busy on_press=move || fetch(next.get_untracked())/>
            </p>
        </Show>
    }
}
