//! Until when, and how many, learners can join a class.

use lectern_api::classes::{Class, JoinRules};
use leptos::prelude::*;

use crate::api::{ApiError, use_client};
use crate::clock::{from_field, to_field};
use crate::components::buttons::Submit;
use crate::components::form::{Field, FormError};
use crate::pages::submission::use_submission;

#[component]
pub fn RulesForm(class: RwSignal<Class>) -> impl IntoView {
    let client = use_client();
    let rules = move || class.get_untracked().join_rules.unwrap_or_default();
    let until = RwSignal::new(rules().expires_at.map(to_field).unwrap_or_default());
    let most = RwSignal::new(rules().max_learners.map(|most| most.to_string()).unwrap_or_default());
    let saved = RwSignal::new(false);
    let save = use_submission(
        move |()| {
            saved.set(false);
            let id = class.get_untracked().id;
            let changed = parse_maximum(&most.get_untracked()).map(|max_learners| JoinRules {
                open: rules().open,
                expires_at: from_field(&until.get_untracked()),
                max_learners,
            });
            async move { client.set_join_rules(id, changed?).await }
        },
        move |changed| {
            class.set(changed);
            saved.set(true);
        },
    );
    view! {
        <FormError error=save.beside(&["expires_at", "max_learners"])/>
        <form class="inline-form" on:submit=save.on_submit()>
            <Field
                label="Closes on"
                id="joining-until"
                kind="datetime-local"
                value=until
                optional=true
                hint="Leave empty to keep it open."
                error=save.about("expires_at")
            />
            <Field
                label="Maximum number of learners"
                id="joining-most"
                kind="number"
                value=most
                optional=true
                hint="Leave empty for no maximum."
                error=save.about("max_learners")
            />
            <Submit label="Save" busy=save.busy testid="joining-save"/>
        </form>
        <p role="status">{move || saved.get().then_some("Saved.")}</p>
    }
}

/// Parses the maximum that was entered. Returns `None` if the field is empty.
fn parse_maximum(text: &str) -> Result<Option<u32>, ApiError> {
    match text.trim() {
        "" => Ok(None),
        text => match text.parse::<u32>() {
            Ok(0) | Err(_) => {
                Err(ApiError::invalid("max_learners", "Enter a whole number from 1, or leave it empty."))
            }
            Ok(most) => Ok(Some(most)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_maximum_is_none_and_nonsense_is_refused() {
        assert_eq!(parse_maximum(" "), Ok(None));
        assert_eq!(parse_maximum("30"), Ok(Some(30)));
        for bad in ["0", "-1", "1.5", "many", "99999999999"] {
            assert!(parse_maximum(bad).is_err(), "{bad}");
        }
    }
}
