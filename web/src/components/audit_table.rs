//! The records of the audit log.

use lectern_api::audit::AuditRecord;
use leptos::prelude::*;

use crate::clock::date_time_and_seconds;

/// Records, one per row.
#[component]
pub fn AuditTable(records: Vec<AuditRecord>) -> impl IntoView {
    let row = |record: AuditRecord| {
        let (class, outcome) = outcome(&record);
        let exactly = record.at.to_rfc3339();
        view! {
            <tr data-testid="audit-record" data-action=record.action.clone()>
                <td title=exactly class="nowrap">{date_time_and_seconds(record.at)}</td>
                <td>{actor(&record)}</td>
                <td>{in_words(&record.action)}</td>
                <td class="object">{object(&record)}</td>
                <td><span class=format!("state {class}")>{outcome}</span></td>
                <td class="faint">{record.address}</td>
                <td class="faint">{record.detail}</td>
            </tr>
        }
    };
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label="Audit log">
            <table class="stacks audit" data-testid="audit">
                <thead>
                    <tr>
                        <th scope="col">"When"</th>
                        <th scope="col">"Who"</th>
                        <th scope="col">"What"</th>
                        <th scope="col">"On"</th>
                        <th scope="col">"Outcome"</th>
                        <th scope="col">"From"</th>
                        <th scope="col">"Details"</th>
                    </tr>
                </thead>
                <tbody>{records.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

/// Returns the text that a filter searches.
#[must_use]
pub fn search_words(record: &AuditRecord) -> String {
    [
        &actor(record),
        &in_words(&record.action),
        &record.action,
        &record.object,
        &object(record),
        &record.outcome,
        &outcome(record).1,
        &record.address,
        &record.detail,
    ]
    .map(String::as_str)
    .join(" ")
}

fn actor(record: &AuditRecord) -> String {
    match (&record.actor_name, record.actor, record.address.as_str()) {
        (Some(name), ..) => name.clone(),
        (None, Some(_), _) => "a deleted account".to_owned(),
        (None, None, "cli") => "command line".to_owned(),
        (None, None, "server") => "Lectern".to_owned(),
        (None, None, _) => "–".to_owned(),
    }
}

fn object(record: &AuditRecord) -> String {
    match &record.object_name {
        Some(name) => name.clone(),
        // the end of an id is enough to tell two apart
        None => match record.object.split_once(':') {
            Some((kind, id)) => format!("{kind} …{}", id.get(id.len().saturating_sub(8)..).unwrap_or(id)),
            None => record.object.clone(),
        },
    }
}

fn outcome(record: &AuditRecord) -> (&'static str, String) {
    let (class, mut words) = match record.outcome.as_str() {
        "ok" => ("running", "OK".to_owned()),
        code => ("failed", in_words(code)),
    };
    if record.times > 1 {
        words.push_str(&format!(" × {}", record.times));
    }
    (class, words)
}

/// Returns a code in words: `Sign in` for `sign_in`.
fn in_words(code: &str) -> String {
    let mut words = code.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use lectern_api::ids::UserId;

    use super::*;

    fn record() -> AuditRecord {
        AuditRecord {
            id: 7,
            at: DateTime::UNIX_EPOCH,
            actor: None,
            actor_name: None,
            address: "192.0.2.7".into(),
            action: "sign_in".into(),
            object: "user:0198-abcdefgh".into(),
            object_name: None,
            outcome: "sign_in_refused".into(),
            detail: String::new(),
            times: 12,
        }
    }

    #[test]
    fn refusals_show_how_often_they_happened() {
        assert_eq!(outcome(&record()), ("failed", "Sign in refused × 12".to_owned()));
        assert_eq!(outcome(&AuditRecord { outcome: "ok".into(), times: 1, ..record() }).1, "OK");
    }

    #[test]
    fn a_deleted_account_is_not_taken_for_nobody() {
        assert_eq!(actor(&record()), "–");
        assert_eq!(actor(&AuditRecord { actor: Some(UserId::new()), ..record() }), "a deleted account");
        assert_eq!(actor(&AuditRecord { address: "cli".into(), ..record() }), "command line");
        assert_eq!(object(&record()), "user …abcdefgh");
        assert_eq!(object(&AuditRecord { object: String::new(), ..record() }), "");
    }

    #[test]
    fn a_record_is_found_by_its_words_and_by_its_code() {
        let words = search_words(&record());
        for wanted in ["Sign in", "sign_in_refused", "192.0.2.7", "user:0198"] {
            assert!(words.contains(wanted), "{wanted}");
        }
    }
}
