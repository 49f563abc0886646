//! Classes: an instructor's own, or those a learner joined.

use lectern_api::classes::Class;
use lectern_api::identity::Role;
use leptos::prelude::*;

use super::leave_class::LeaveDialog;
use super::sending::Sending;
use super::{Loaded, load};
use crate::api::use_client;
use crate::components::buttons::Submit;
use crate::components::class_table::ClassTable;
use crate::components::form::{Field, FormError};
use crate::components::frame::{Empty, ErrorNote, Loading, PageHeading};

/// The list of classes, with the form that creates or joins one.
#[component]
pub fn ClassesPage() -> impl IntoView {
    let client = use_client();
    let teaches = client.me().is_some_and(|me| me.user.role >= Role::Instructor);
    let classes = RwSignal::new(Loaded::<Vec<Class>>::Loading);
    let fetch = move || load(classes, client.list_classes());
    fetch();
    let typed = RwSignal::new(String::new());
    let (sending, said) = (Sending::new(), RwSignal::new(String::new()));
    let leaving = RwSignal::new(None::<Class>);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let text = typed.get_untracked().trim().to_owned();
        said.set(String::new());
        let call = async move {
            if teaches { client.create_class(text).await } else { client.join_class(text).await }
        };
        sending.send(call, move |class| {
            typed.set(String::new());
            let done = if teaches { "created" } else { "joined" };
            said.set(format!("You {done} {}.", class.name));
            fetch();
        });
    };
    let left = Callback::new(move |class: Class| {
        said.set(format!("You left {}.", class.name));
        fetch();
    });
    let lead = if teaches {
        "Share the join code with your learners, then watch how far each one is."
    } else {
        "The classes you joined. Your instructor sees how far you are in your labs."
    };
    view! {
        <PageHeading title="Classes" lead=lead/>
        <FormError error=sending.beside(&["name", "join_code"])/>
        <form class="inline-form" on:submit=submit>
            {if teaches {
                view! {
                    <Field label="Class name" id="class-name-input" value=typed error=sending.about("name")/>
                    <Submit label="Create class" busy=sending.busy testid="class-create"/>
                }.into_any()
            } else {
                view! {
                    <Field
                        label="Join code"
                        id="class-join-input"
                        value=typed
                        hint="Ask your instructor for it."
                        error=sending.about("join_code")
                    />
                    <Submit label="Join class" busy=sending.busy testid="class-join"/>
                }.into_any()
            }}
        </form>
        <div role="status">
            {move || Some(said.get()).filter(|said| !said.is_empty()).map(|said| view! {
                <p class="note good" data-testid="classes-said">{said}</p>
            })}
        </div>
        {move || match classes.get() {
            Loaded::Loading => view! { <Loading text="Loading your classes…"/> }.into_any(),
            Loaded::Failed(error) => view! { <ErrorNote error=error on_retry=fetch/> }.into_any(),
            Loaded::Ready(all) if all.is_empty() => {
                let text = if teaches {
                    "Create one above; it gets a join code for your learners."
                } else {
                    "Enter your instructor's join code above."
                };
                view! { <Empty title="No classes yet" text=text/> }.into_any()
            }
            Loaded::Ready(all) => {
                let on_leave = (!teaches).then(|| Callback::new(move |class| leaving.set(Some(class))));
                view! { <ClassTable classes=all on_leave=on_leave/> }.into_any()
            }
        }}
        <LeaveDialog leaving=leaving on_left=left/>
    }
}
