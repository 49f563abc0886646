//! The page for an address that leads nowhere, or to something that the user may not have.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::components::frame::PageHeading;

#[component]
pub fn NotFound() -> impl IntoView {
    view! {
        <div data-testid="not-found">
            <PageHeading
                title="Page not found"
                lead="It may have moved, or you may not have access to it."
            />
            <p><A href="/labs">"Browse labs"</A></p>
        </div>
    }
}
