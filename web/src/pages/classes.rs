//! Classes: an instructor's own, or those a learner joined.

use lectern_api::classes::Class;
use lectern_api::identity::Role;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Loaded, load};
use crate::api::{ApiError, use_client};
use crate::components::class_table::ClassTable;
use crate::components::form::{Field, FormError, Submit};
use crate::components::frame::{Empty, ErrorNote, Loading, PageHeading};

/// The list of classes, with the form that makes or joins one.
#[component]
pub fn ClassesPage() -> impl IntoView {
    let client = use_client();
    let teaches = client.me().is_some_and(|me| me.user.role >= Role::Instructor);
    let classes = RwSignal::new(Loaded::<Vec<Class>>::Loading);
    load(classes, client.list_classes());
    let (name, code) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let error = RwSignal::new(None::<ApiError>);
    let busy = RwSignal::new(false);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        spawn_local(async move {
            let outcome = match teaches {
                true => client.create_class(name.get_untracked().trim().to_owned()).await.map(|_| ()),
                false => client.join_class(code.get_untracked().trim().to_owned()).await,
            };
            match outcome {
                Ok(()) => {
                    name.try_set(String::new());
                    code.try_set(String::new());
                    load(classes, client.list_classes());
                }
                Err(failure) => {
                    error.try_set(Some(failure));
                }
            }
            busy.try_set(false);
        });
    };
    let lead = if teaches {
        "Show the join code to your learners; then watch how far each one is."
    } else {
        "The classes that you joined. Your instructor sees how far you are in your labs."
    };
    view! {
        <PageHeading title="Classes" lead=lead/>
        <FormError error=error/>
        <form class="inline-form" on:submit=submit>
            {if teaches {
                view! {
                    <Field label="Name of the new class" id="class-name-input" value=name/>
                    <Submit label="Make class" busy=busy testid="class-create"/>
                }.into_any()
            } else {
                view! {
                    <Field label="Join code" id="class-join-input" value=code/>
                    <Submit label="Join a class" busy=busy testid="class-join"/>
                }.into_any()
            }}
        </form>
        {move || match classes.get() {
            Loaded::Loading => view! { <Loading text="Loading your classes…"/> }.into_any(),
            Loaded::Failed(error) => view! {
                <ErrorNote error=error on_retry=move || load(classes, client.list_classes())/>
            }.into_any(),
            Loaded::Ready(all) if all.is_empty() => {
                let text = if teaches {
                    "Make one above; it gets a join code for your learners."
                } else {
                    "Type the join code that your instructor shows."
                };
                view! { <Empty title="No classes yet" text=text/> }.into_any()
            }
            Loaded::Ready(all) => view! { <ClassTable classes=all teaches=teaches/> }.into_any(),
        }}
    }
}
