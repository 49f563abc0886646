//! An address that leads nowhere.

use leptos::prelude::*;
use leptos_router::components::A;

/// Says so, and leads back.
#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <main class="site narrow" data-testid="not-found">
            <h1>"There is nothing here"</h1>
            <p>"The address may be mistyped, or what it showed is gone."</p>
            <p><A href="/labs">"Go to the labs"</A></p>
        </main>
    }
}
