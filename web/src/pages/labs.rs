//! The catalogue.

use std::collections::BTreeSet;

use lectern_api::ids::LabSlug;
use lectern_api::labs::LabSummary;
use lectern_api::sessions::SessionState;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::{Loaded, load};
use crate::api::{ApiError, use_client};
use crate::browser::lower_case;
use crate::components::catalogue::LabCard;
use crate::components::form::Field;
use crate::components::frame::{Empty, ErrorNote, Loading, PageHeading};
use crate::paths;

/// From how many labs on there is a field to find one with.
const FILTER_FROM: usize = 6;

/// All labs, to be started or gone on with.
#[component]
pub fn LabsPage() -> impl IntoView {
    let client = use_client();
    let navigate = StoredValue::new(use_navigate());
    let labs = RwSignal::new(Loaded::<Vec<LabSummary>>::Loading);
    let running = RwSignal::new(BTreeSet::<LabSlug>::new());
    let starting = RwSignal::new(None::<LabSlug>);
    let error = RwSignal::new(None::<ApiError>);
    load(labs, client.list_labs());
    spawn_local(async move {
        // without this list a card says "Start" where it could say "Resume"; both do the same
        if let Ok(sessions) = client.list_sessions().await {
            let open = sessions.into_iter().filter(|session| {
                matches!(session.state, SessionState::Starting { .. } | SessionState::Running { .. })
            });
            running.try_set(open.map(|session| session.lab).collect());
        }
    });
    let start = Callback::new(move |lab: LabSlug| {
        starting.set(Some(lab.clone()));
        error.set(None);
        spawn_local(async move {
            match client.start_session(lab).await {
                Ok(session) => navigate.with_value(|go| {
                    go(&paths::session(session.id), NavigateOptions::default());
                }),
                Err(failure) => {
                    error.try_set(Some(failure));
                    starting.try_set(None);
                }
            }
        });
    });
    let wanted = RwSignal::new(String::new());
    let card = move |lab: LabSummary| {
        let slug = lab.slug.clone();
        let runs = Signal::derive(move || running.with(|running| running.contains(&slug)));
        let words = search_words(&lab);
        let hidden = Signal::derive(move || !is_wanted(&words, &lower_case(&wanted.get())));
        view! { <LabCard lab=lab running=runs starting=starting hidden=hidden on_start=start/> }
    };
    view! {
        <PageHeading
            title="Labs"
            lead="Every lab gives you your own environment. Leave any time; it waits for you until its time is up."
        />
        // the button that was pressed may be far down the page
        {move || error.get().map(|error| view! { <div class="stays"><ErrorNote error=error/></div> })}
        {move || match labs.get() {
            Loaded::Loading => view! { <Loading text="Loading the labs…"/> }.into_any(),
            Loaded::Failed(error) => view! {
                <ErrorNote error=error on_retry=move || load(labs, client.list_labs())/>
            }.into_any(),
            Loaded::Ready(all) if all.is_empty() => view! {
                <Empty
                    title="No labs yet"
                    text="Labs appear here as soon as the operator puts one into the labs folder."
                />
            }.into_any(),
            Loaded::Ready(all) => view! {
                {(all.len() > FILTER_FROM).then(|| view! {
                    <form class="inline-form" role="search" on:submit=|event| event.prevent_default()>
                        <Field label="Find a lab" id="labs-filter" kind="search" value=wanted optional=true/>
                    </form>
                })}
                <div class="cards" data-testid="labs">{all.into_iter().map(card).collect_view()}</div>
            }.into_any(),
        }}
    }
}

/// What a lab is found by, in lower case.
fn search_words(lab: &LabSummary) -> String {
    let parts = [lab.title.as_str(), lab.description.as_str(), lab.slug.as_str()];
    let parts = parts.into_iter().chain(lab.tags.iter().chain(&lab.authors).map(String::as_str));
    lower_case(&parts.collect::<Vec<_>>().join(" "))
}

/// Whether a lab of these words has all that somebody typed; both in lower case.
fn is_wanted(words: &str, typed: &str) -> bool {
    typed.split_whitespace().all(|word| words.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_is_found_by_any_of_its_words_in_any_order() {
        let words = "containers that cannot be changed security";
        assert!(is_wanted(words, "") && is_wanted(words, " secur  contain "));
        assert!(!is_wanted(words, "security network"));
    }
}
