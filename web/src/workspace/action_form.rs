//! The questions that a check asks before it runs.

use leptos::prelude::*;
use serde_json::Value;

use crate::actions::form::{Field, Form, Kind};

/// A check's form.
#[component]
pub fn ActionForm(
    /// The form.
    form: Form,
    /// The block's number.
    id: u32,
    /// Whether the check is running.
    busy: Signal<bool>,
    /// Runs the check with what was answered.
    on_answers: Callback<Value>,
) -> impl IntoView {
    let values: Vec<_> = form.fields.iter().map(|field| RwSignal::new(field.default.clone())).collect();
    let asked = form.fields.iter().cloned().zip(values.clone()).enumerate();
    let questions =
        asked.map(|(at, (field, value))| question(field, format!("action-{id}-{at}"), value)).collect_view();
    let submit = form.submit.clone();
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if !busy.get_untracked() {
            let values: Vec<_> = values.iter().map(RwSignal::get_untracked).collect();
            on_answers.run(form.answers(&values));
        }
    };
    view! {
        <form class="action-form" on:submit=send>
            {questions}
            <button type="submit" class="button primary small" disabled=move || busy.get()>{submit}</button>
        </form>
    }
}

fn question(field: Field, id: String, value: RwSignal<String>) -> AnyView {
    let key = field.key;
    let input = match field.kind {
        Kind::Input(kind) => view! {
            <input id=id.clone() name=key type=kind step="any" autocomplete="off" required=field.required bind:value=value/>
        }
        .into_any(),
        Kind::Lines => view! {
            <textarea id=id.clone() name=key rows="4" required=field.required bind:value=value></textarea>
        }
        .into_any(),
        Kind::Tick => view! {
            <input
                id=id.clone()
                name=key
                type="checkbox"
                prop:checked=move || value.with(|value| value == "true")
                on:change=move |event| value.set(event_target_checked(&event).to_string())
            />
        }
        .into_any(),
        Kind::Choice(choices) => {
            if !choices.contains(&value.get_untracked()) {
                value.set(choices.first().cloned().unwrap_or_default());
            }
            let options = choices.into_iter().map(|choice| view! { <option value=choice.clone()>{choice.clone()}</option> });
            view! { <select id=id.clone() name=key bind:value=value>{options.collect_view()}</select> }.into_any()
        }
    };
    view! {
        <div class="field">
            <label for=id>{field.title}</label>
            {input}
            {(!field.hint.is_empty()).then(|| view! { <p class="hint">{field.hint}</p> })}
        </div>
    }
    .into_any()
}
