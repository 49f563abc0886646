//! Lectern's web app, rendered in the browser.
//!
//! `pages` call the API; `components` show what they are given; `workspace` has the components of a running lab; `parts`
//! says which pages are fetched when they are first needed. Whatever needs no browser is in pure modules with tests:
//! `paths`, `clock`, `backoff`, `terminal::flow`, `terminal::typing`, `progress::outbox`, `progress::marks`,
//! `actions::plan`, `tabs::list`.

mod actions;
mod api;
mod app;
mod backoff;
mod browser;
mod clock;
mod components;
mod kept_pages;
mod pages;
mod panels;
mod parts;
mod paths;
mod progress;
mod tabs;
mod terminal;
mod workspace;

fn main() {
    console_error_panic_hook::set_once();
    if let Some(boot) = browser::document().and_then(|document| document.get_element_by_id("boot")) {
        boot.remove();
    }
    leptos::mount::mount_to_body(app::App);
}
