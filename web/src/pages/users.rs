//! People, for admins.

use lectern_api::identity::{NewUser, Role, SignInLink, User};
use lectern_api::ids::UserId;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Loaded, load};
use crate::api::{ApiError, use_client};
use crate::components::form::{CopyButton, Field, FormError, Submit};
use crate::components::frame::{Empty, ErrorNote, Loading, PageHeading};

/// The list of accounts, with the form that makes one.
#[component]
pub fn UsersPage() -> impl IntoView {
    let client = use_client();
    let users = RwSignal::new(Loaded::<Vec<User>>::Loading);
    let links = RwSignal::new(Vec::<(UserId, SignInLink)>::new());
    let error = RwSignal::new(None::<ApiError>);
    load(users, client.list_users());
    let make_link = Callback::new(move |id: UserId| {
        error.set(None);
        spawn_local(async move {
            match client.create_sign_in_link(id).await {
                Ok(link) => {
                    links.try_update(|links| {
                        links.retain(|(user, _)| *user != id);
                        links.push((id, link));
                    });
                }
                Err(failure) => {
                    error.try_set(Some(failure));
                }
            }
        });
    });
    let added = Callback::new(move |user: User| {
        load(users, client.list_users());
        make_link.run(user.id);
    });
    view! {
        <PageHeading title="People" lead="New people get a link that signs them in once; they then set a password."/>
        <AddUser on_added=added/>
        <FormError error=error/>
        {move || match users.get() {
            Loaded::Loading => view! { <Loading text="Loading people…"/> }.into_any(),
            Loaded::Failed(error) => view! {
                <ErrorNote error=error on_retry=move || load(users, client.list_users())/>
            }.into_any(),
            Loaded::Ready(all) if all.is_empty() => view! { <Empty title="Nobody yet" text="Add somebody above."/> }.into_any(),
            Loaded::Ready(all) => view! { <UserTable users=all links=links on_link=make_link/> }.into_any(),
        }}
    }
}

#[component]
fn AddUser(on_added: Callback<User>) -> impl IntoView {
    let client = use_client();
    let (username, name) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let role = RwSignal::new("learner".to_owned());
    let error = RwSignal::new(None::<ApiError>);
    let busy = RwSignal::new(false);
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        error.set(None);
        let user = NewUser {
            username: username.get_untracked().trim().to_owned(),
            display_name: name.get_untracked().trim().to_owned(),
            role: ROLES
                .iter()
                .find(|(word, _, _)| *word == role.get_untracked())
                .map_or(Role::Learner, |it| it.1),
            password: None,
        };
        spawn_local(async move {
            match client.create_user(&user).await {
                Ok(user) => {
                    username.try_set(String::new());
                    name.try_set(String::new());
                    on_added.run(user);
                }
                Err(failure) => {
                    error.try_set(Some(failure));
                }
            }
            busy.try_set(false);
        });
    };
    view! {
        <FormError error=error/>
        <form class="inline-form" on:submit=submit>
            <Field label="User name" id="user-username" value=username/>
            <Field label="Name" id="user-display-name" value=name/>
            <div class="field">
                <label for="user-role">"Role"</label>
                <select id="user-role" data-testid="user-role" bind:value=role>
                    {ROLES.iter().map(|(word, _, label)| view! { <option value=*word>{*label}</option> }).collect_view()}
                </select>
                <p class="hint"></p>
            </div>
            <Submit label="Add" busy=busy testid="user-create"/>
        </form>
    }
}

const ROLES: [(&str, Role, &str); 4] = [
    ("learner", Role::Learner, "Learner"),
    ("instructor", Role::Instructor, "Instructor"),
    ("author", Role::Author, "Author"),
    ("admin", Role::Admin, "Admin"),
];

#[component]
fn UserTable(
    users: Vec<User>,
    links: RwSignal<Vec<(UserId, SignInLink)>>,
    on_link: Callback<UserId>,
) -> impl IntoView {
    let link_of =
        move |id: UserId| links.get().into_iter().find(|(user, _)| *user == id).map(|(_, link)| link);
    let row = move |user: User| {
        let id = user.id;
        let role = ROLES.iter().find(|it| it.1 == user.role).map_or("", |it| it.2);
        let (row_id, link_id) =
            (format!("user-row-{}", user.username), format!("user-link-{}", user.username));
        view! {
            <tr data-testid=row_id>
                <th scope="row">{user.display_name}</th>
                <td>{user.username.clone()}</td>
                <td>{role}</td>
                <td>
                    {move || match link_of(id) {
                        Some(link) => view! {
                            <span class="join-code">
                                <code data-testid="sign-in-link">{link.url.clone()}</code>
                                <CopyButton text=link.url/>
                            </span>
                        }.into_any(),
                        None => view! {
                            <button
                                type="button"
                                class="button small"
                                data-testid=link_id.clone()
                                on:click=move |_| on_link.run(id)
                            >
                                "Make sign-in link"
                            </button>
                        }.into_any(),
                    }}
                </td>
            </tr>
        }
    };
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label="People">
            <table data-testid="users">
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"User name"</th>
                        <th scope="col">"Role"</th>
                        <th scope="col">"Sign-in link"</th>
                    </tr>
                </thead>
                <tbody>{users.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}
