//! The browsers in which somebody is signed in.

use lectern_api::identity::LoginInfo;
use lectern_api::ids::LoginId;
use leptos::prelude::*;

use super::buttons::ActionButton;
use crate::clock::{date, now, time_ago};

/// The logins, one a row.
#[component]
pub fn LoginList(
    /// The logins, in the order to show.
    logins: Vec<LoginInfo>,
    /// Whether one is being ended.
    #[prop(into)]
    busy: Signal<bool>,
    /// Ends one.
    on_end: Callback<LoginId>,
) -> impl IntoView {
    let row = move |login: LoginInfo| {
        let id = login.id;
        let label = format!("End the login of {}", login.device);
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
