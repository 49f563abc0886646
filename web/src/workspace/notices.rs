//! What of a session is not as the lab's author meant it, until the learner closes it.

use lectern_api::sessions::Notice;
use leptos::prelude::*;

use super::Workspace;
use crate::browser::{load_setting, save_setting};

/// A strip with the session's notices. Closing it lasts for as long as nothing else is said.
#[component]
pub fn Notices(workspace: Workspace) -> impl IntoView {
    let key = format!("lectern.notices/{}", workspace.runner.session);
    let closed_at = RwSignal::new(load_setting(&key));
    let strip = move || {
        let notices = workspace.session.with(|session| session.notices.clone());
        let count = notices.len().to_string();
        if notices.is_empty() || closed_at.get().as_ref() == Some(&count) {
            return ().into_any();
        }
        let key = key.clone();
        let close = move |_| {
            save_setting(&key, &count);
            closed_at.set(Some(count.clone()));
        };
        let summary = summary(&notices);
        let items: Vec<_> = notices.into_iter().map(item).collect();
        view! {
            <div class="banner warn notices" data-testid="session-notices">
                <details>
                    <summary><strong>"Parts of this lab may not work. "</strong>{summary}</summary>
                    <ul>{items}</ul>
                </details>
                <button type="button" class="button small" data-testid="session-notices-close" on:click=close>
                    "Close"
                </button>
            </div>
        }
        .into_any()
    };
    view! { <div role="status">{strip}</div> }
}

/// The first notice, and how many more there are.
fn summary(notices: &[Notice]) -> String {
    let Some(first) = notices.first() else { return String::new() };
    match notices.len() - 1 {
        0 => first.message.clone(),
        more => format!("{} And {more} more.", first.message),
    }
}

fn item(notice: Notice) -> AnyView {
    let output = notice.output.map(|output| view! { <pre tabindex="0">{output}</pre> });
    view! { <li>{notice.message}{output}</li> }.into_any()
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
