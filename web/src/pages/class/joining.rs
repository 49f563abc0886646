//! Who may join a class: its code, and whom the code lets in.

use lectern_api::classes::{Class, JoinRules};
use leptos::prelude::*;

use crate::api::use_client;
use crate::browser::window;
use crate::clock::{date_and_time, from_field, now, to_field};
use crate::components::buttons::{ActionButton, CopyButton, Submit};
use crate::components::class_table::JoinCode;
use crate::components::dialog::ConfirmDialog;
use crate::components::form::{Field, FormError};
use crate::pages::sending::Sending;
use crate::paths::encode_part;

/// The code with its link, and its rules.
#[component]
pub fn JoiningPanel(class: Class, #[prop(into)] learners: Signal<usize>) -> impl IntoView {
    let client = use_client();
    let id = class.id;
    let class = RwSignal::new(class);
    let (opening, replacing) = (Sending::new(), Sending::new());
    let asks = RwSignal::new(false);
    let rules = Memo::new(move |_| class.get().join_rules.unwrap_or_default());
    let code = Memo::new(move |_| class.get().join_code.unwrap_or_default());
    let toggle = move || {
        let rules = rules.get_untracked();
        let changed = JoinRules { open: !rules.open, ..rules };
        opening.send(client.set_join_rules(id, changed), move |changed| class.set(changed));
    };
    let replace = Callback::new(move |()| {
        replacing.send(client.replace_join_code(id), move |changed| {
            class.set(changed);
            asks.set(false);
        });
    });
    let label =
        Signal::derive(move || if rules.get().open { "Close joining" } else { "Open joining" }.to_owned());
    view! {
        <section class="panel" aria-labelledby="joining-heading">
            <h2 id="joining-heading">"Joining"</h2>
            <p class="joining">
                {move || view! { <JoinCode code=code.get()/> }}
                {move || view! { <CopyButton text=join_link(&code.get()) label="Copy link for learners"/> }}
            </p>
            <p role="status" data-testid="joining-state">{move || state_in_words(learners.get(), &rules.get())}</p>
            <FormError error=opening.error/>
            <div class="row">
                <ActionButton label=label testid="joining-toggle" busy=opening.busy on_press=toggle/>
                <ActionButton label="New code" testid="joining-new-code" busy=false on_press=move || asks.set(true)/>
            </div>
            <details>
                <summary data-testid="joining-limits">"Limits"</summary>
                <RulesForm class=class/>
            </details>
            <ConfirmDialog
                open=asks
                title="Replace the join code?"
                text="The old code and its link stop working at once. Learners who joined stay in the class."
                confirm="Replace code"
                testid="joining-new-code-confirm"
                busy=replacing.busy
                error=replacing.error
                on_confirm=replace
            />
        </section>
    }
}

#[component]
fn RulesForm(class: RwSignal<Class>) -> impl IntoView {
    let client = use_client();
    let rules = move || class.get_untracked().join_rules.unwrap_or_default();
    let until = RwSignal::new(rules().expires_at.map(to_field).unwrap_or_default());
    let most = RwSignal::new(rules().max_learners.map(|most| most.to_string()).unwrap_or_default());
    let sending = Sending::new();
    let (saved, mistyped) = (RwSignal::new(false), RwSignal::new(None::<String>));
    let about = sending.about("max_learners");
    let wrong = Signal::derive(move || mistyped.get().or_else(|| about.get()));
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        saved.set(false);
        let max_learners = match read_maximum(&most.get_untracked()) {
            Ok(most) => most,
            Err(words) => return mistyped.set(Some(words)),
        };
        mistyped.set(None);
        let expires_at = from_field(&until.get_untracked());
        let wish = JoinRules { open: rules().open, expires_at, max_learners };
        sending.send(client.set_join_rules(class.get_untracked().id, wish), move |changed| {
            class.set(changed);
            saved.set(true);
        });
    };
    view! {
        <FormError error=sending.beside(&["expires_at", "max_learners"])/>
        <form class="inline-form" on:submit=submit>
            <Field
                label="Closes on"
                id="joining-until"
                kind="datetime-local"
                value=until
                optional=true
                hint="Empty: it stays open."
                error=sending.about("expires_at")
            />
            <Field
                label="Maximum number of learners"
                id="joining-most"
                kind="number"
                value=most
                optional=true
                hint="Empty: no maximum."
                error=wrong
            />
            <Submit label="Save" busy=sending.busy testid="joining-save"/>
        </form>
        <p role="status">{move || saved.get().then_some("Saved.")}</p>
    }
}

/// Reads the maximum that somebody typed; nothing typed is no maximum.
fn read_maximum(text: &str) -> Result<Option<u32>, String> {
    match text.trim() {
        "" => Ok(None),
        text => match text.parse::<u32>() {
            Ok(0) | Err(_) => Err("Enter a whole number from 1, or nothing.".to_owned()),
            Ok(most) => Ok(Some(most)),
        },
    }
}

fn join_link(code: &str) -> String {
    let origin = window().and_then(|window| window.location().origin().ok()).unwrap_or_default();
    format!("{origin}/join/{}", encode_part(code))
}

fn state_in_words(learners: usize, rules: &JoinRules) -> String {
    match why_shut(learners, rules, rules.expires_at.is_some_and(|at| at <= now())) {
        Some(why) => why.to_owned(),
        None => {
            let until =
                rules.expires_at.map(|at| format!(" until {}", date_and_time(at))).unwrap_or_default();
            let most = rules.max_learners.map(|most| format!(", up to {most} learners")).unwrap_or_default();
            format!("Anybody with the code can join{until}{most}.")
        }
    }
}

/// Why nobody can join now, if that is so.
fn why_shut(learners: usize, rules: &JoinRules, is_past: bool) -> Option<&'static str> {
    if !rules.open {
        Some("Closed: nobody can join. The code is kept.")
    } else if is_past {
        Some("The time to join is over. Set a later end under Limits to let learners in again.")
    } else if rules.max_learners.is_some_and(|most| learners >= most as usize) {
        Some("The class is full. Raise the maximum under Limits to let more learners in.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_maximum_is_none_and_nonsense_is_refused() {
        assert_eq!(read_maximum(" "), Ok(None));
        assert_eq!(read_maximum("30"), Ok(Some(30)));
        for bad in ["0", "-1", "1.5", "many", "99999999999"] {
            assert!(read_maximum(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_page_says_why_nobody_can_join() {
        let open = JoinRules::default();
        assert_eq!(why_shut(500, &open, false), None);
        assert!(
            why_shut(0, &JoinRules { open: false, ..open.clone() }, false)
                .is_some_and(|it| it.contains("Closed"))
        );
        assert!(why_shut(0, &open, true).is_some_and(|it| it.contains("over")));
        let few = JoinRules { max_learners: Some(2), ..open };
        assert_eq!(why_shut(1, &few, false), None);
        assert!(why_shut(2, &few, false).is_some_and(|it| it.contains("full")));
    }
}
