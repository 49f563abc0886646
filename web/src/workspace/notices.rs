//! What of a session is not as the lab's author meant it, until the learner closes it.

use lectern_api::sessions::Notice;
use leptos::prelude::*;

use super::Workspace;
use crate::browser::{load_setting, save_setting};

/// A strip with the session's notices. Closing it lasts for as long as nothing else is said.
#[component]
pub fn Notices(workspace: Workspace) -> impl IntoView {
    let key = StoredValue::new(format!("lectern.notices/{}", workspace.runner.session));
    let closed_at = load_setting(&key.get_value()).and_then(|count| count.parse().ok()).unwrap_or(0_usize);
    let closed_at = RwSignal::new(closed_at);
    let notices = Memo::new(move |_| workspace.session.with(|session| session.notices.clone()));
    let is_shown = Memo::new(move |_| notices.with(Vec::len) > closed_at.get());
    let close = move |_| {
        let count = notices.with_untracked(Vec::len);
        save_setting(&key.get_value(), &count.to_string());
        closed_at.set(count);
    };
    view! {
        <div role="status">
            {move || is_shown.get().then(|| view! {
                <div class="banner warn notices" data-testid="session-notices">
                    <details>
                        <summary>
                            <strong>"Parts of this lab may not work. "</strong>
                            {move || notices.with(|notices| summary(notices))}
                        </summary>
                        <ul>{move || notices.get().into_iter().map(item).collect_view()}</ul>
                    </details>
                    <button type="button" class="button small" data-testid="session-notices-close" on:click=close>
                        "Close"
                    </button>
                </div>
            })}
        </div>
    }
}

/// The first notice, and how many more there are.
fn summary(notices: &[Notice]) -> String {
    let Some(first) = notices.first() else { return String::new() };
    match notices.len() - 1 {
        0 => first.message.clone(),
        more => format!("{} And {more} more.", first.message),
    }
}

fn item(notice: Notice) -> impl IntoView {
    view! {
        <li>
            {notice.message}
            {notice.output.map(|output| view! { <pre tabindex="0">{output}</pre> })}
        </li>
    }
}

#[cfg(test)]
mod tests {
    use lectern_api::sessions::NoticeAbout;

    use super::*;

    #[test]
    fn the_strip_says_the_first_notice_and_how_many_more_there_are() {
        let notice =
            |message: &str| Notice { about: NoticeAbout::Object, message: message.to_owned(), output: None };
        assert_eq!(summary(&[notice("One.")]), "One.");
        assert_eq!(summary(&[notice("One."), notice("Two."), notice("Three.")]), "One. And 2 more.");
    }
}
