//! The catalogue.

use lectern_api::identity::Role;
use lectern_api::ids::LabSlug;
use lectern_api::labs::LabSummary;
use lectern_api::sessions::{Session, SessionState};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::fetched::{Fetched, WhenFetched, use_fetched};
use super::submission::use_submission;
use crate::api::use_client;
use crate::browser::lower_case;
use crate::components::catalogue::LabCard;
use crate::components::form::Filter;
use crate::components::frame::{Empty, ErrorNote, PageHeading};
use crate::parts::{Page, fetch_ahead};
use crate::paths;

/// The number of labs above which there is a field to filter them.
const FILTER_ABOVE: usize = 6;

#[component]
pub fn LabsPage() -> impl IntoView {
    let client = use_client();
    let navigate = use_navigate();
    let labs = use_fetched(move || client.list_labs());
    // without this list a card says "Start lab" instead of "Resume"; both do the same
    let sessions = use_fetched(move || client.list_sessions());
    let starting = RwSignal::new(None::<LabSlug>);
    let start = use_submission(
        move |lab: LabSlug| {
            starting.set(Some(lab.clone()));
            fetch_ahead(Page::Workspace);
            client.start_session(lab)
        },
        move |session: Session| navigate(&paths::session(session.id), NavigateOptions::default()),
    );
    let starting = Signal::derive(move || if start.busy.get() { starting.get() } else { None });
    view! {
        <PageHeading
            title="Labs"
            lead="Every lab gives you your own environment. Leave any time; it waits for you until its time is up."
        />
        // the button that was pressed may be far down the page
        {move || start.error.get().map(|error| view! { <div class="stays"><ErrorNote error=error/></div> })}
        <WhenFetched data=labs waiting="Loading labs…" let:labs>
            <Catalogue labs=labs sessions=sessions starting=starting on_start=start.send/>
        </WhenFetched>
    }
}

#[component]
fn Catalogue(
    labs: Vec<LabSummary>,
    sessions: Fetched<Vec<Session>>,
    starting: Signal<Option<LabSlug>>,
    on_start: Callback<LabSlug>,
) -> impl IntoView {
    if labs.is_empty() {
        return view! { <NoLabs/> }.into_any();
    }
    let filter = RwSignal::new(String::new());
    let has_filter = labs.len() > FILTER_ABOVE;
    let card = move |lab: LabSummary| {
        let slug = lab.slug.clone();
        let runs =
            Signal::derive(move || sessions.value.with(|sessions| has_session(sessions.as_ref(), &slug)));
        let words = search_words(&lab);
        let hidden = Signal::derive(move || !matches(&words, &lower_case(&filter.get())));
        view! { <LabCard lab=lab running=runs starting=starting hidden=hidden on_start=on_start/> }
    };
    view! {
        {has_filter.then(|| view! { <Filter label="Find a lab" id="labs-filter" value=filter/> })}
        <div class="cards" data-testid="labs">{labs.into_iter().map(card).collect_view()}</div>
    }
    .into_any()
}

#[component]
fn NoLabs() -> impl IntoView {
    let is_author = use_client().me().is_some_and(|me| me.user.role >= Role::Author);
    let text = if is_author {
        "Add one to the labs folder; it appears here right away."
    } else {
        "Ask your instructor."
    };
    view! { <Empty title="No labs yet" text=text/> }
}

fn has_session(sessions: Option<&Vec<Session>>, lab: &LabSlug) -> bool {
    sessions.into_iter().flatten().any(|session| {
        let is_open = matches!(session.state, SessionState::Starting { .. } | SessionState::Running { .. });
        is_open && session.lab == *lab
    })
}

/// Returns the text that a filter searches, in lower case.
fn search_words(lab: &LabSummary) -> String {
    let parts = [lab.title.as_str(), lab.description.as_str(), lab.slug.as_str()];
    let parts = parts.into_iter().chain(lab.tags.iter().chain(&lab.authors).map(String::as_str));
    lower_case(&parts.collect::<Vec<_>>().join(" "))
}

/// Whether a text contains each word that was typed; both in lower case.
fn matches(text: &str, typed: &str) -> bool {
    typed.split_whitespace().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_is_found_by_any_of_its_words_in_any_order() {
        let words = "containers that cannot be changed security";
        assert!(matches(words, "") && matches(words, " secur  contain "));
        assert!(!matches(words, "security network"));
    }
}
