//! All accounts, for administrators.

use lectern_api::identity::{NewUser, SignInLink, User};
use leptos::prelude::*;

use super::fetched::{WhenFetched, use_fetched};
use super::submission::use_submission;
use crate::api::use_client;
use crate::browser::lower_case;
use crate::components::buttons::Submit;
use crate::components::form::{Field, Filter, FormError};
use crate::components::frame::{Empty, PageHeading};
use crate::components::people::{PeopleTable, RoleField, has_words, role_from_value};
use crate::components::sign_in_link::SignInLinkNote;

#[component]
pub fn PeoplePage() -> impl IntoView {
    let client = use_client();
    let users = use_fetched(move || client.list_users());
    let filter = RwSignal::new(String::new());
    view! {
        <PageHeading title="People" lead="Choose a name to change a role, send a new sign-in link, or disable an account."/>
        <AddPerson on_added=move |()| users.reload()/>
        <WhenFetched data=users waiting="Loading people…" let:users>
            <FilteredPeople users=users filter=filter/>
        </WhenFetched>
    }
}

#[component]
fn FilteredPeople(users: Vec<User>, filter: RwSignal<String>) -> impl IntoView {
    let total = users.len();
    let found = Memo::new(move |_| {
        let typed = lower_case(&filter.get());
        users.iter().filter(|user| has_words(user, &typed)).cloned().collect::<Vec<_>>()
    });
    view! {
        <Filter label="Find a person" id="people-filter" value=filter>
            <p class="count faint" role="status">{move || format!("{} of {total}", found.with(Vec::len))}</p>
        </Filter>
        {move || match found.get() {
            found if found.is_empty() => view! {
                <Empty title="Nobody found" text="No name or user name matches."/>
            }.into_any(),
            found => view! { <PeopleTable users=found/> }.into_any(),
        }}
    }
}

/// The form that creates an account, and shows the link that signs its owner in.
#[component]
fn AddPerson(#[prop(into)] on_added: Callback<()>) -> impl IntoView {
    let client = use_client();
    let (username, name) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let role = RwSignal::new("learner".to_owned());
    let link = RwSignal::new(None::<(String, SignInLink)>);
    let create_link = use_submission(
        move |user: User| async move {
            client.create_sign_in_link(user.id).await.map(|link| (user.display_name, link))
        },
        move |created| link.set(Some(created)),
    );
    let create = use_submission(
        move |()| {
            link.set(None);
            client.create_user(NewUser {
                username: username.with_untracked(|username| username.trim().to_owned()),
                display_name: name.with_untracked(|name| name.trim().to_owned()),
                role: role_from_value(&role.get_untracked()),
                password: None,
            })
        },
        move |user: User| {
            username.set(String::new());
            name.set(String::new());
            on_added.run(());
            create_link.send.run(user);
        },
    );
    let busy = Signal::derive(move || create.busy.get() || create_link.busy.get());
    view! {
        <details class="panel adder">
            <summary data-testid="user-add">"Add a person"</summary>
            <p class="faint">"You get a link for them that signs them in once. Then they choose a password."</p>
            <FormError error=create.beside(&["username", "display_name"])/>
            <FormError error=create_link.error/>
            <form class="inline-form" on:submit=create.on_submit()>
                <Field
                    label="User name"
                    id="user-username"
                    value=username
                    hint="2 to 40 letters, digits, and . - _ @"
                    error=create.about("username")
                />
                <Field
                    label="Name"
                    id="user-display-name"
                    value=name
                    hint="Shown to others."
                    error=create.about("display_name")
                />
                <RoleField id="user-role" value=role/>
                <Submit label="Add" busy=busy testid="user-create"/>
            </form>
            {move || link.get().map(|(name, link)| view! { <SignInLinkNote link=link name=name/> })}
        </details>
    }
}
