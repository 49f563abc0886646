//! People as administrators see them.

use lectern_api::identity::{Role, User};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::browser::lower_case;
use crate::clock::{now, time_ago};
use crate::paths;

/// Each role with its name in forms and its name for people.
pub const ROLES: [(&str, Role, &str); 4] = [
    ("learner", Role::Learner, "Learner"),
    ("instructor", Role::Instructor, "Instructor"),
    ("author", Role::Author, "Author"),
    ("admin", Role::Admin, "Administrator"),
];

/// What a form calls a role.
#[must_use]
pub fn role_word(role: Role) -> &'static str {
    ROLES.iter().find(|it| it.1 == role).map_or("learner", |it| it.0)
}

/// The role that a form calls so.
#[must_use]
pub fn role_of(word: &str) -> Role {
    ROLES.iter().find(|it| it.0 == word).map_or(Role::Learner, |it| it.1)
}

/// When somebody last used Lectern.
#[must_use]
pub fn last_seen(user: &User) -> String {
    user.last_seen_at.map_or_else(|| "never".to_owned(), |at| time_ago(now(), at))
}

/// Whether somebody is called so; `typed` in lower case.
#[must_use]
pub fn is_called(user: &User, typed: &str) -> bool {
    let words = lower_case(&format!("{} {}", user.display_name, user.username));
    typed.split_whitespace().all(|word| words.contains(word))
}

/// A choice of a role.
#[component]
pub fn RoleField(
    /// The id of the choice, and what tests call it.
    id: &'static str,
    /// The chosen role's name in forms.
    value: RwSignal<String>,
    /// What is wrong with it.
    #[prop(into, default = Signal::stored(None))]
    error: Signal<Option<String>>,
) -> impl IntoView {
    let about = format!("{id}-about");
    view! {
        <div class="field">
            <label for=id>"Role"</label>
            <select
                id=id
                data-testid=id
                bind:value=value
                aria-describedby=about.clone()
                aria-invalid=move || error.get().is_some().then_some("true")
            >
                {ROLES.iter().map(|(word, _, label)| view! { <option value=*word>{*label}</option> }).collect_view()}
            </select>
            <p id=about class="hint" class:bad=move || error.get().is_some()>{move || error.get().unwrap_or_default()}</p>
        </div>
    }
}

/// People, one a row.
#[component]
pub fn PeopleTable(
    /// The people, in the order to show.
    users: Vec<User>,
) -> impl IntoView {
    let row = |user: User| {
        let role = ROLES.iter().find(|it| it.1 == user.role).map_or("", |it| it.2);
        let seen = last_seen(&user);
        view! {
            <tr data-testid=format!("user-row-{}", user.username)>
                <th scope="row"><A href=paths::person(user.id)>{user.display_name}</A></th>
                <td>{user.username.clone()}</td>
                <td>
                    {role}
                    {user.disabled_at.map(|_| view! { " " <span class="state failed">"Disabled"</span> })}
                </td>
                <td class="faint"><span class="narrow-only">"Last seen "</span>{seen}</td>
            </tr>
        }
    };
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label="People">
            <table class="stacks" data-testid="users">
                <thead>
                    <tr>
                        <th scope="col">"Name"</th>
                        <th scope="col">"User name"</th>
                        <th scope="col">"Role"</th>
                        <th scope="col">"Last seen"</th>
                    </tr>
                </thead>
                <tbody>{users.into_iter().map(row).collect_view()}</tbody>
            </table>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_reads_back_from_its_word() {
        for (word, role, _) in ROLES {
            assert_eq!((role_of(word), role_word(role)), (role, word));
        }
        assert_eq!(role_of("root"), Role::Learner);
    }
}
