//! The cards of the catalogue.

use lectern_api::ids::LabSlug;
use lectern_api::labs::{LabFinding, LabProblem, LabReport, LabSummary};
use leptos::prelude::*;

#[component]
pub fn LabCard(
    lab: LabSummary,
    /// Whether the learner has a session of it.
    #[prop(into)]
    running: Signal<bool>,
    /// The lab that is being started, if any.
    starting: Signal<Option<LabSlug>>,
    #[prop(into)] hidden: Signal<bool>,
    /// Starts or resumes the lab.
    on_start: Callback<LabSlug>,
) -> impl IntoView {
    let heading = format!("lab-{}", lab.slug);
    let label_id = heading.clone();
    view! {
        <article class="card" hidden=move || hidden.get() aria-labelledby=label_id data-testid=format!("lab-card-{}", lab.slug)>
            <p class="facts">{facts(&lab).join(" · ")}</p>
            <h2 id=heading>{lab.title.clone()}</h2>
            <p class="description">{lab.description.clone()}</p>
            {(!lab.tags.is_empty()).then(|| view! {
                <ul class="tags" aria-label="Tags">
                    {lab.tags.iter().map(|tag| view! { <li>{tag.clone()}</li> }).collect_view()}
                </ul>
            })}
            {lab.source.clone().map(|source| view! { <p class="source">"From " <code>{source}</code></p> })}
            <Notes lab=lab.clone()/>
            <div class="card-end">
                <span class="authors">{lab.authors.join(", ")}</span>
                <StartButton lab=lab.clone() running=running starting=starting on_start=on_start/>
            </div>
        </article>
    }
}

#[component]
fn StartButton(
    lab: LabSummary,
    running: Signal<bool>,
    starting: Signal<Option<LabSlug>>,
    on_start: Callback<LabSlug>,
) -> impl IntoView {
    let can_start = !lab.pages.is_empty();
    let slug = lab.slug.clone();
    let is_starting = Memo::new(move |_| starting.with(|starting| starting.as_ref() == Some(&slug)));
    let label = move || match (is_starting.get(), running.get()) {
        (true, _) => "Starting…",
        (_, true) => "Resume",
        _ => "Start lab",
    };
    view! {
        <button
            type="button"
            class="button primary"
            data-testid=format!("lab-start-{}", lab.slug)
            disabled=move || !can_start || starting.with(Option::is_some)
            on:click=move |_| on_start.run(lab.slug.clone())
        >
            {label}
            <span class="visually-hidden">{format!(": {}", lab.title)}</span>
        </button>
    }
}

/// What is wrong with a lab, or not available on this platform.
#[component]
fn Notes(lab: LabSummary) -> impl IntoView {
    // the warnings say more than the list of what is switched off
    let has_list = lab.warnings.is_empty() && !lab.switched_off.is_empty();
    view! {
        {(!lab.errors.is_empty()).then(|| view! {
            <details class="note error" open data-testid="lab-errors">
                <summary>"This lab has problems"</summary>
                <ul>{lab.errors.into_iter().map(problem_row).collect_view()}</ul>
            </details>
        })}
        {(!lab.report.findings.is_empty()).then(|| view! { <Report report=lab.report /> })}
        {lab.privileged.then(|| view! {
            <p class="note" data-testid="lab-privileged">
                "This lab is privileged: its learners can take over the machine that it runs on."
            </p>
        })}
        {(!lab.warnings.is_empty()).then(|| view! {
            <details class="note" data-testid="lab-warnings">
                <summary>"Limits on this platform"</summary>
                <ul>{lab.warnings.into_iter().map(problem_row).collect_view()}</ul>
            </details>
        })}
        {has_list.then(|| view! {
            <p class="hint" data-testid="lab-switched-off">
                {format!("Not available here: {}.", lab.switched_off.join("; "))}
            </p>
        })}
    }
}

/// What lint finds in a lab, for its author.
#[component]
fn Report(report: LabReport) -> impl IntoView {
    let summary = report_summary(&report);
    let more = report.left_out;
    view! {
        <details class="note" data-testid="lab-report">
            <summary>{summary}</summary>
            <ul>{report.findings.into_iter().map(finding_row).collect_view()}</ul>
            {(more > 0).then(|| view! {
                <p class="hint">{format!("And {more} more: run lectern lint in the lab's folder to see all.")}</p>
            })}
        </details>
    }
}

fn report_summary(report: &LabReport) -> String {
    let count = |severity: &str| report.findings.iter().filter(|one| one.severity == severity).count();
    let counted = |number: usize, one: &str, more: &str| match number {
        0 => None,
        1 => Some(format!("1 {one}")),
        number => Some(format!("{number} {more}")),
    };
    let parts = [
        counted(count("error"), "error", "errors"),
        counted(count("warning"), "warning", "warnings"),
        counted(count("advice"), "piece of advice", "pieces of advice"),
    ];
    format!("Lint: {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn finding_row(finding: LabFinding) -> impl IntoView {
    view! {
        <li>
            <strong>{finding.severity}</strong>
            " "
            <code>{format!("{}:{}", finding.file, finding.line)}</code>
            " "
            {finding.message}
            " "
            <span class="hint">{format!("[{}]", finding.code)}</span>
            {finding.hint.map(|hint| view! { <span class="hint">" "{hint}</span> })}
        </li>
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
