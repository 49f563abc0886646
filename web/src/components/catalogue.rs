//! The cards of the catalogue.

use lectern_api::ids::LabSlug;
use lectern_api::labs::{LabProblem, LabSummary};
use leptos::prelude::*;

/// One lab.
#[component]
pub fn LabCard(
    /// The lab.
    lab: LabSummary,
    /// Whether it runs already.
    #[prop(into)]
    running: Signal<bool>,
    /// The lab that is being started, if one is.
    #[prop(into)]
    starting: Signal<Option<LabSlug>>,
    /// Whether somebody looks for others.
    #[prop(into)]
    hidden: Signal<bool>,
    /// Starts it, or goes on with it.
    on_start: Callback<LabSlug>,
) -> impl IntoView {
    let slug = lab.slug.clone();
    let startable = !lab.pages.is_empty();
    let mine = {
        let slug = slug.clone();
        Memo::new(move |_| starting.get().as_ref() == Some(&slug))
    };
    let label = move || match (mine.get(), running.get()) {
        (true, _) => "Starting…",
        (_, true) => "Resume",
        _ => "Start lab",
    };
    let heading = format!("lab-{slug}");
    let label_id = heading.clone();
    view! {
        <article class="card" hidden=move || hidden.get() aria-labelledby=label_id data-testid=format!("lab-card-{slug}")>
            <p class="facts">{facts(&lab).join(" · ")}</p>
            <h2 id=heading>{lab.title.clone()}</h2>
            <p class="description">{lab.description.clone()}</p>
            {(!lab.tags.is_empty()).then(|| view! {
                <ul class="tags" aria-label="Tags">
                    {lab.tags.iter().map(|tag| view! { <li>{tag.clone()}</li> }).collect_view()}
                </ul>
            })}
            {lab.source.clone().map(|source| view! { <p class="source">"From " <code>{source}</code></p> })}
            {(!lab.errors.is_empty()).then(|| view! { <LabErrors errors=lab.errors.clone()/> })}
            {lab.privileged.then(|| view! {
                <p class="note" data-testid="lab-privileged">
                    "This lab is privileged: its learners can take over the machine that their pods run on."
                </p>
            })}
            {(!lab.warnings.is_empty()).then(|| view! { <LabWarnings warnings=lab.warnings.clone()/> })}
            // whoever sees the warnings knows more
            {(lab.warnings.is_empty() && !lab.switched_off.is_empty()).then(|| view! {
                <p class="hint" data-testid="lab-switched-off">
                    {format!("Switched off here: {}.", lab.switched_off.join("; "))}
                </p>
            })}
            <div class="card-end">
                <span class="authors">{lab.authors.join(", ")}</span>
                <button
                    type="button"
                    class="button primary"
                    data-testid=format!("lab-start-{slug}")
                    disabled=move || !startable || starting.get().is_some()
                    on:click={
                        let slug = slug.clone();
                        move |_| on_start.run(slug.clone())
                    }
                >
                    {label}
                    <span class="visually-hidden">{format!(": {}", lab.title)}</span>
                </button>
            </div>
        </article>
    }
}

#[component]
fn LabErrors(errors: Vec<LabProblem>) -> impl IntoView {
    view! {
        <details class="note error" open data-testid="lab-errors">
            <summary>"This lab's files need mending"</summary>
            <ul>{errors.into_iter().map(problem_row).collect_view()}</ul>
        </details>
    }
}

#[component]
fn LabWarnings(warnings: Vec<LabProblem>) -> impl IntoView {
    view! {
        <details class="note" data-testid="lab-warnings">
            <summary>"What this platform allows labs"</summary>
            <ul>{warnings.into_iter().map(problem_row).collect_view()}</ul>
        </details>
    }
}

fn problem_row(problem: LabProblem) -> impl IntoView {
    let place = match problem.line {
        Some(line) => format!("{}:{line}", problem.file),
        None => problem.file,
    };
    view! {
        <li>
            <code>{place}</code>
            " "
            {problem.message}
            {problem.hint.map(|hint| view! { <span class="hint">" "{hint}</span> })}
        </li>
    }
}

fn facts(lab: &LabSummary) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(difficulty) = &lab.difficulty {
        facts.push(difficulty.clone());
    }
    if let Some(minutes) = lab.duration_minutes {
        facts.push(format!("{minutes} min"));
    }
    match lab.pages.len() {
        0 => {}
        1 => facts.push("1 page".to_owned()),
        pages => facts.push(format!("{pages} pages")),
    }
    facts
}
