//! Accounts as administrators see them.

use lectern_api::identity::{Role, User};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::browser::lower_case;
use crate::clock::{now, time_ago};
use crate::paths;

/// Each role with its value in forms and its label.
pub const ROLES: [(&str, Role, &str); 4] = [
    ("learner", Role::Learner, "Learner"),
    ("instructor", Role::Instructor, "Instructor"),
    ("author", Role::Author, "Author"),
    ("admin", Role::Admin, "Administrator"),
];

/// Returns a role's value in forms.
#[must_use]
pub fn role_value(role: Role) -> &'static str {
    ROLES.iter().find(|it| it.1 == role).map_or("learner", |it| it.0)
}

/// Returns the role of a value in forms.
#[must_use]
pub fn role_from_value(value: &str) -> Role {
    ROLES.iter().find(|it| it.0 == value).map_or(Role::Learner, |it| it.1)
}

/// Returns when a user last used Lectern, in words.
#[must_use]
pub fn last_seen(user: &User) -> String {
    user.last_seen_at.map_or_else(|| "never".to_owned(), |at| time_ago(now(), at))
}

/// Whether a user's names contain each word of `typed`, which is in lower case.
#[must_use]
pub fn has_words(user: &User, typed: &str) -> bool {
    let words = lower_case(&format!("{} {}", user.display_name, user.username));
    typed.split_whitespace().all(|word| words.contains(word))
}

/// A choice of a role.
#[component]
pub fn RoleField(
    /// The id of the input, which is its test id too.
    id: &'static str,
    value: RwSignal<String>,
    #[prop(into, default = Signal::stored(None))] error: Signal<Option<String>>,
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
                {ROLES.iter().map(|(value, _, label)| view! { <option value=*value>{*label}</option> }).collect_view()}
            </select>
            <p id=about class="hint" class:bad=move || error.get().is_some()>{move || error.get().unwrap_or_default()}</p>
        </div>
    }
}

/// Accounts, one per row.
#[component]
pub fn PeopleTable(users: Vec<User>) -> impl IntoView {
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
    fn every_role_reads_back_from_its_value() {
        for (value, role, _) in ROLES {
            assert_eq!((role_from_value(value), role_value(role)), (role, value));
        }
        assert_eq!(role_from_value("root"), Role::Learner);
    }
}
