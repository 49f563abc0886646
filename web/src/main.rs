//! The web app of Lectern, rendered in the browser.
//!
//! `pages` fetch, `components` show and call no API; `workspace` holds the components of a running lab. What can be
//! decided without a browser lies in pure modules with tests: `paths`, `clock`, `backoff`, `terminal::flow`,
//! `terminal::typing`, `progress::outbox`, `progress::marks`, `actions::plan`.

mod actions;
mod api;
mod app;
mod backoff;
mod browser;
mod clock;
mod components;
mod pages;
mod paths;
mod progress;
mod terminal;
mod workspace;

fn main() {
    console_error_panic_hook::set_once();
    if let Some(boot) =
        browser::window().and_then(|it| it.document()).and_then(|it| it.get_element_by_id("boot"))
    {
        boot.remove();
    }
    leptos::mount::mount_to_body(app::App);
}
