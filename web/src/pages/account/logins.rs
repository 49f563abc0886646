//! The browsers that the user is signed in to.

use lectern_api::ids::LoginId;
use leptos::prelude::*;

use crate::api::use_client;
use crate::components::buttons::ActionButton;
use crate::components::dialog::ConfirmDialog;
use crate::components::form::FormError;
use crate::components::logins::LoginList;
use crate::pages::fetched::{WhenFetched, use_fetched};
use crate::pages::submission::use_submission;

#[component]
pub fn LoginsPanel() -> impl IntoView {
    let client = use_client();
    let logins = use_fetched(move || client.list_logins());
    let end = use_submission(move |id: LoginId| client.end_login(id), move |()| logins.reload());
    let asks = RwSignal::new(false);
    let everywhere = use_submission(move |()| client.sign_out_everywhere(), move |()| asks.set(false));
    view! {
        <section class="panel" aria-labelledby="logins-heading">
            <h2 id="logins-heading">"Where you're signed in"</h2>
            <p class="faint">"If you don't recognize one, end it and change your password."</p>
            <FormError error=end.error/>
            <WhenFetched data=logins waiting="Loading…" let:logins>
                <LoginList logins=logins busy=end.busy on_end=end.send/>
            </WhenFetched>
            <ActionButton label="Sign out everywhere" testid="logins-end-all" busy=false on_press=move || asks.set(true)/>
            <ConfirmDialog
                open=asks
                title="Sign out everywhere?"
                text="You will be signed out of all browsers, including this one. Your running labs keep running."
                confirm="Sign out everywhere"
                testid="logins-end-all-confirm"
                busy=everywhere.busy
                error=everywhere.error
                on_confirm=everywhere.send
            />
        </section>
    }
}
