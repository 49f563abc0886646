//! Who may join a class: its join code, and whether the code is open.

use lectern_api::classes::{Class, JoinRules};
use leptos::prelude::*;

use super::rules::RulesForm;
use crate::api::use_client;
use crate::browser::window;
use crate::clock::{date_and_time, now};
use crate::components::buttons::{ActionButton, CopyButton};
use crate::components::class_table::JoinCode;
use crate::components::dialog::ConfirmDialog;
use crate::components::form::FormError;
use crate::pages::submission::use_submission;
use crate::paths::encode_part;

#[component]
pub fn JoiningPanel(class: Class, #[prop(into)] learners: Signal<usize>) -> impl IntoView {
    let client = use_client();
    let id = class.id;
    let class = RwSignal::new(class);
    let rules = Memo::new(move |_| class.get().join_rules.unwrap_or_default());
    let code = Memo::new(move |_| class.get().join_code.unwrap_or_default());
    let toggle = use_submission(
        move |()| {
            let rules = rules.get_untracked();
            client.set_join_rules(id, JoinRules { open: !rules.open, ..rules })
        },
        move |changed| class.set(changed),
    );
    let label =
        Signal::derive(move || if rules.get().open { "Close joining" } else { "Open joining" }.to_owned());
    let asks = RwSignal::new(false);
    view! {
        <section class="panel" aria-labelledby="joining-heading">
            <h2 id="joining-heading">"Joining"</h2>
            <p class="joining">
                {move || view! { <JoinCode code=code.get()/> }}
                {move || view! { <CopyButton text=join_link(&code.get()) label="Copy link for learners"/> }}
            </p>
            <p role="status" data-testid="joining-state">{move || state_message(learners.get(), &rules.get())}</p>
            <FormError error=toggle.error/>
            <div class="row">
                <ActionButton label=label testid="joining-toggle" busy=toggle.busy on_press=move || toggle.send.run(())/>
                <ActionButton label="New code" testid="joining-new-code" busy=false on_press=move || asks.set(true)/>
            </div>
            <details>
                <summary data-testid="joining-limits">"Limits"</summary>
                <RulesForm class=class/>
            </details>
            <ReplaceCodeDialog class=class open=asks/>
        </section>
    }
}

#[component]
fn ReplaceCodeDialog(class: RwSignal<Class>, open: RwSignal<bool>) -> impl IntoView {
    let client = use_client();
    let replace = use_submission(
        move |()| client.replace_join_code(class.get_untracked().id),
        move |changed| {
            class.set(changed);
            open.set(false);
        },
    );
    view! {
        <ConfirmDialog
            open=open
            title="Replace the join code?"
            text="The old code and its link stop working at once. Learners who joined stay in the class."
            confirm="Replace code"
            testid="joining-new-code-confirm"
            busy=replace.busy
            error=replace.error
            on_confirm=replace.send
        />
    }
}

fn join_link(code: &str) -> String {
    let origin = window().and_then(|window| window.location().origin().ok()).unwrap_or_default();
    format!("{origin}/join/{}", encode_part(code))
}

fn state_message(learners: usize, rules: &JoinRules) -> String {
    let is_past = rules.expires_at.is_some_and(|at| at <= now());
    if let Some(reason) = closed_because(learners, rules, is_past) {
        return reason.to_owned();
    }
    let until = rules.expires_at.map(|at| format!(" until {}", date_and_time(at))).unwrap_or_default();
    let most = rules.max_learners.map(|most| format!(", up to {most} learners")).unwrap_or_default();
    format!("Anyone with the code can join{until}{most}.")
}

/// Returns why nobody can join; `None` if learners can.
fn closed_because(learners: usize, rules: &JoinRules, is_past: bool) -> Option<&'static str> {
    if !rules.open {
        Some("Closed: nobody can join. The code is kept.")
    } else if is_past {
        Some("The time to join is over. Set a later date under Limits to let learners join again.")
    } else if rules.max_learners.is_some_and(|most| learners >= most as usize) {
        Some("The class is full. Raise the maximum under Limits to let more learners join.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_why_nobody_can_join() {
        let open = JoinRules::default();
        assert_eq!(closed_because(500, &open, false), None);
        assert!(
            closed_because(0, &JoinRules { open: false, ..open.clone() }, false)
                .is_some_and(|it| it.contains("Closed"))
        );
        assert!(closed_because(0, &open, true).is_some_and(|it| it.contains("over")));
        let few = JoinRules { max_learners: Some(2), ..open };
        assert_eq!(closed_because(1, &few, false), None);
        assert!(closed_because(2, &few, false).is_some_and(|it| it.contains("full")));
    }
}
