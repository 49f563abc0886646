//! Where the person is signed in.

use lectern_api::identity::LoginInfo;
use lectern_api::ids::LoginId;
use leptos::prelude::*;

use crate::api::use_client;
use crate::components::buttons::ActionButton;
use crate::components::dialog::ConfirmDialog;
use crate::components::form::FormError;
use crate::components::frame::{ErrorNote, Loading};
use crate::components::logins::LoginList;
use crate::pages::sending::Sending;
use crate::pages::{Loaded, load};

/// The browsers, and the ways to end one's logins there.
#[component]
pub fn LoginsPanel() -> impl IntoView {
    let client = use_client();
    let logins = RwSignal::new(Loaded::<Vec<LoginInfo>>::Loading);
    load(logins, client.list_logins());
    let (ending, everywhere) = (Sending::new(), Sending::new());
    let asks = RwSignal::new(false);
    let end = Callback::new(move |id: LoginId| {
        ending.send(client.end_login(id), move |()| load(logins, client.list_logins()));
    });
    let sign_out_everywhere =
        Callback::new(move |()| everywhere.send(client.sign_out_everywhere(), move |()| asks.set(false)));
    view! {
        <section class="panel" aria-labelledby="logins-heading">
            <h2 id="logins-heading">"Where you're signed in"</h2>
            <p class="faint">"If you don't recognize one, end it and change your password."</p>
            <FormError error=ending.error/>
            {move || match logins.get() {
                Loaded::Loading => view! { <Loading text="Loading…"/> }.into_any(),
                Loaded::Failed(error) => view! {
                    <ErrorNote error=error on_retry=move || load(logins, client.list_logins())/>
                }.into_any(),
                Loaded::Ready(all) => view! { <LoginList logins=all busy=ending.busy on_end=end/> }.into_any(),
            }}
            <ActionButton label="Sign out everywhere" testid="logins-end-all" busy=false on_press=move || asks.set(true)/>
            <ConfirmDialog
                open=asks
                title="Sign out everywhere?"
                text="You will be signed out of all browsers, including this one. Your running labs keep running."
                confirm="Sign out everywhere"
                testid="logins-end-all-confirm"
                busy=everywhere.busy
                error=everywhere.error
                on_confirm=sign_out_everywhere
            />
        </section>
    }
}
