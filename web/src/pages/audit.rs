//! The audit log, for administrators.

use lectern_api::audit::{AuditPage as Records, AuditRecord};
use leptos::prelude::*;

use super::submission::{Submission, use_submission};
use crate::api::use_client;
use crate::browser::lower_case;
use crate::components::audit_table::{AuditTable, search_words};
use crate::components::buttons::ActionButton;
use crate::components::form::Filter;
use crate::components::frame::{Empty, ErrorNote, Loading, PageHeading};

/// The log, the newest record first, loaded page by page, with a field to filter what is loaded.
#[component]
pub fn AuditPage() -> impl IntoView {
    let records = RwSignal::new(Vec::<AuditRecord>::new());
    // `None` before the first answer, and once the oldest record is loaded
    let next = RwSignal::new(None::<i64>);
    let load = use_loading(records, next);
    load.send.run(None);
    let filter = RwSignal::new(String::new());
    let found = Memo::new(move |_| {
        let typed = lower_case(&filter.get());
        let matches = |record: &&AuditRecord| {
            let words = lower_case(&search_words(record));
            typed.split_whitespace().all(|word| words.contains(word))
        };
        records.with(|records| records.iter().filter(matches).cloned().collect::<Vec<_>>())
    });
    let count = move || {
        let (found, all) = (found.with(Vec::len), records.with(Vec::len));
        let more = if next.get().is_some() { " loaded" } else { "" };
        format!("{found} of {all}{more}")
    };
    view! {
        <PageHeading title="Audit log" lead="Who did what, from where, and with what outcome. Times are in your time zone."/>
        <Filter label="Filter the loaded records" id="audit-filter" value=filter>
            <ActionButton label="Refresh" testid="audit-refresh" busy=load.busy on_press=move || load.send.run(None)/>
            <p class="count faint" role="status">{count}</p>
        </Filter>
        {move || load.error.get().map(|error| view! { <ErrorNote error=error/> })}
        {move || match (found.get(), load.busy.get()) {
            (found, true) if found.is_empty() => view! { <Loading text="Loading the log…"/> }.into_any(),
            (found, _) if found.is_empty() => view! {
                <Empty title="No records" text="No loaded record matches."/>
            }.into_any(),
            (found, _) => view! { <AuditTable records=found/> }.into_any(),
        }}
        <Show when=move || next.get().is_some()>
            <p class="more">
                <ActionButton
                    label="Load more"
                    testid="audit-more"
                    busy=load.busy
                    on_press=move || load.send.run(next.get_untracked())
                />
            </p>
        </Show>
    }
}

/// Loads the records before one, or the newest ones in place of all that are loaded.
fn use_loading(records: RwSignal<Vec<AuditRecord>>, next: RwSignal<Option<i64>>) -> Submission<Option<i64>> {
    let client = use_client();
    use_submission(
        move |before: Option<i64>| async move {
            client.list_audit(before).await.map(|page| (before.is_none(), page))
        },
        move |(is_newest, page): (bool, Records)| {
            next.set(page.next_before);
            records.update(|records| {
                if is_newest {
                    records.clear();
                }
                records.extend(page.records);
            });
        },
    )
}
