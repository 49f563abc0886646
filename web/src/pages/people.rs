//! People, for administrators.

use lectern_api::identity::{NewUser, SignInLink, User};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::sending::Sending;
use super::{Loaded, load};
use crate::api::use_client;
use crate::browser::lower_case;
use crate::components::buttons::Submit;
use crate::components::form::{Field, FormError};
use crate::components::frame::{Empty, ErrorNote, Loading, PageHeading};
use crate::components::people::{PeopleTable, RoleField, is_called, role_of};
use crate::components::sign_in_link::SignInLinkNote;

/// The list of accounts, with a field to find one and the form that makes one.
#[component]
pub fn PeoplePage() -> impl IntoView {
    let client = use_client();
    let users = RwSignal::new(Loaded::<Vec<User>>::Loading);
    let wanted = RwSignal::new(String::new());
    load(users, client.list_users());
    let added = Callback::new(move |()| load(users, client.list_users()));
    view! {
        <PageHeading title="People" lead="Choose a name to change a role, send a new sign-in link, or disable an account."/>
        <AddPerson on_added=added/>
        {move || match users.get() {
            Loaded::Loading => view! { <Loading text="Loading people…"/> }.into_any(),
            Loaded::Failed(error) => view! {
                <ErrorNote error=error on_retry=move || load(users, client.list_users())/>
            }.into_any(),
            Loaded::Ready(all) => view! { <Found users=all wanted=wanted/> }.into_any(),
        }}
    }
}

#[component]
fn Found(users: Vec<User>, wanted: RwSignal<String>) -> impl IntoView {
    let total = users.len();
    let found = Memo::new(move |_| {
        let typed = lower_case(&wanted.get());
        users.iter().filter(|user| is_called(user, &typed)).cloned().collect::<Vec<_>>()
    });
    view! {
        <form class="inline-form" role="search" on:submit=|event| event.prevent_default()>
            <Field label="Find a person" id="people-filter" kind="search" value=wanted optional=true/>
            <p class="count faint" role="status">{move || format!("{} of {total}", found.with(Vec::len))}</p>
        </form>
        {move || match found.get() {
            found if found.is_empty() => view! {
                <Empty title="Nobody found" text="No name or user name has all of these words."/>
            }.into_any(),
            found => view! { <PeopleTable users=found/> }.into_any(),
        }}
    }
}

#[component]
fn AddPerson(on_added: Callback<()>) -> impl IntoView {
    let client = use_client();
    let (username, name) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let role = RwSignal::new("learner".to_owned());
    let (sending, linking) = (Sending::new(), Sending::new());
    let link = RwSignal::new(None::<(String, SignInLink)>);
    let busy = Signal::derive(move || sending.busy.get() || linking.busy.get());
    let added = move |user: User| {
        username.set(String::new());
        name.set(String::new());
        on_added.run(());
        spawn_local(async move {
            linking.send(client.create_sign_in_link(user.id), move |made| {
                link.set(Some((user.display_name, made)))
            });
        });
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let user = NewUser {
            username: username.get_untracked().trim().to_owned(),
            display_name: name.get_untracked().trim().to_owned(),
            role: role_of(&role.get_untracked()),
            password: None,
        };
        link.set(None);
        sending.send(client.create_user(user), added);
    };
    view! {
        <details class="panel adder">
            <summary data-testid="user-add">"Add a person"</summary>
            <p class="faint">"They get a link that signs them in once; then they choose a password."</p>
            <FormError error=sending.beside(&["username", "display_name"])/>
            <FormError error=linking.error/>
            <form class="inline-form" on:submit=submit>
                <Field
                    label="User name"
                    id="user-username"
                    value=username
                    hint="2 to 40 letters, digits, and . - _ @"
                    error=sending.about("username")
                />
                <Field
                    label="Name"
                    id="user-display-name"
                    value=name
                    hint="Shown to others."
                    error=sending.about("display_name")
                />
                <RoleField id="user-role" value=role/>
                <Submit label="Add" busy=busy testid="user-create"/>
            </form>
            {move || link.get().map(|(name, link)| view! { <SignInLinkNote link=link name=name/> })}
        </details>
    }
}
