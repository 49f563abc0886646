//! The classes that an instructor teaches, or that a learner joined.

use lectern_api::classes::Class;
use lectern_api::identity::Role;
use leptos::prelude::*;

use super::fetched::{WhenFetched, use_fetched};
use super::leave_class::LeaveDialog;
use super::submission::{Submission, use_submission};
use crate::api::use_client;
use crate::components::buttons::Submit;
use crate::components::class_table::ClassTable;
use crate::components::form::{Field, FormError};
use crate::components::frame::{Empty, PageHeading};

/// The list of classes, with the form that creates or joins one.
#[component]
pub fn ClassesPage() -> impl IntoView {
    let client = use_client();
    let teaches = client.me().is_some_and(|me| me.user.role >= Role::Instructor);
    let classes = use_fetched(move || client.list_classes());
    let leaving = RwSignal::new(None::<Class>);
    let (typed, message) = (RwSignal::new(String::new()), RwSignal::new(None::<String>));
    let add = use_submission(
        move |()| {
            message.set(None);
            let text = typed.with_untracked(|typed| typed.trim().to_owned());
            async move { if teaches { client.create_class(text).await } else { client.join_class(text).await } }
        },
        move |class: Class| {
            typed.set(String::new());
            let verb = if teaches { "created" } else { "joined" };
            message.set(Some(format!("You {verb} {}.", class.name)));
            classes.reload();
        },
    );
    let left = Callback::new(move |class: Class| {
        message.set(Some(format!("You left {}.", class.name)));
        classes.reload();
    });
    let lead = if teaches {
        "Share a class's join code with your learners, then follow their progress."
    } else {
        "The classes you joined. Your instructor sees your progress in labs."
    };
    view! {
        <PageHeading title="Classes" lead=lead/>
        <FormError error=add.beside(&["name", "join_code"])/>
        <AddForm teaches=teaches typed=typed add=add/>
        <div role="status">
            {move || message.get().map(|message| view! {
                <p class="note good" data-testid="classes-said">{message}</p>
            })}
        </div>
        <WhenFetched data=classes waiting="Loading your classes…" let:classes>
            <ClassList classes=classes teaches=teaches leaving=leaving/>
        </WhenFetched>
        <LeaveDialog leaving=leaving on_left=left/>
    }
}

#[component]
fn AddForm(teaches: bool, typed: RwSignal<String>, add: Submission) -> impl IntoView {
    let (label, id, hint, field, button, testid) = if teaches {
        ("Class name", "class-name-input", "", "name", "Create class", "class-create")
    } else {
        let hint = "Ask your instructor for it.";
        ("Join code", "class-join-input", hint, "join_code", "Join class", "class-join")
    };
    view! {
        <form class="inline-form" on:submit=add.on_submit()>
            <Field label=label id=id value=typed hint=hint error=add.about(field)/>
            <Submit label=button busy=add.busy testid=testid/>
        </form>
    }
}

#[component]
fn ClassList(classes: Vec<Class>, teaches: bool, leaving: RwSignal<Option<Class>>) -> impl IntoView {
    if classes.is_empty() {
        let text = if teaches {
            "Create one above. It gets a join code for your learners."
        } else {
            "Enter your instructor's join code above."
        };
        return view! { <Empty title="No classes yet" text=text/> }.into_any();
    }
    let on_leave = (!teaches).then(|| Callback::new(move |class| leaving.set(Some(class))));
    view! { <ClassTable classes=classes on_leave=on_leave/> }.into_any()
}
