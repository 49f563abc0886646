//! The form that a learner fills in before a check runs.

use leptos::prelude::*;
use serde_json::Value;

use crate::actions::form::{Bounds, Field, Form, Kind, plain};

#[component]
pub fn ActionForm(
    form: Form,
    /// The block's id.
    id: u32,
    busy: Signal<bool>,
    on_answers: Callback<Value>,
) -> impl IntoView {
    let values: Vec<_> = form.fields.iter().map(|field| RwSignal::new(field.default.clone())).collect();
    let fields = form.fields.iter().cloned().zip(values.clone()).enumerate();
    let inputs = fields
        .map(|(at, (field, value))| labelled_input(field, format!("action-{id}-{at}"), value))
        .collect_view();
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
            {inputs}
            <button type="submit" class="button primary small" disabled=move || busy.get()>{submit}</button>
        </form>
    }
}

fn labelled_input(field: Field, id: String, value: RwSignal<String>) -> AnyView {
    let key = field.key;
    let input = match field.kind {
        Kind::Input(kind) => view! {
            <input id=id.clone() name=key type=kind autocomplete="off" required=field.required bind:value=value/>
        }
        .into_any(),
        Kind::Number(Bounds { step, min, max }) => view! {
            <input
                id=id.clone()
                name=key
                type="number"
                step=step
                min=min
                max=max
                autocomplete="off"
                required=field.required
                bind:value=value
            />
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
            let choices: Vec<_> = choices.iter().map(plain).collect();
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
