//! The browsers that a user is signed in to.

use lectern_api::identity::LoginInfo;
use lectern_api::ids::LoginId;
use leptos::prelude::*;

use super::buttons::ActionButton;
use crate::clock::{date, now, time_ago};

/// Logins, one per row.
#[component]
pub fn LoginList(
    logins: Vec<LoginInfo>,
    #[prop(into)] busy: Signal<bool>,
    on_end: Callback<LoginId>,
) -> impl IntoView {
    let row = move |login: LoginInfo| {
        let id = login.id;
        let label = format!("End the login on {}", login.device);
        view! {
            <li data-testid="login">
                <div>
                    <strong>{login.device}</strong>
                    {login.current.then(|| view! { " " <span class="state running">"This browser"</span> })}
                    <p class="faint">
                        {format!("Last used {}", time_ago(now(), login.last_seen_at))}
                        " · from " {login.address} " · signed in on " {date(login.created_at)}
                    </p>
                </div>
                {(!login.current).then(|| view! {
                    <span role="group" aria-label=label>
                        <ActionButton label="End" class="small" testid="login-end" busy=busy on_press=move || on_end.run(id)/>
                    </span>
                })}
            </li>
        }
    };
    view! { <ul class="rows" data-testid="logins">{logins.into_iter().map(row).collect_view()}</ul> }
}
