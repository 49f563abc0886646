//! The tabs that a lab asks for beside its terminals.

use lectern_api::sessions::{Dashboard, SessionTabs, Tool};
use lectern_content::spec::SessionSpec;

use super::environment::{Values, fill};

/// Returns the tabs of a session with these values.
pub(super) fn tabs(spec: &SessionSpec, values: &Values) -> SessionTabs {
    let applications = &spec.applications;
    let tools = [
        (applications.editor, Tool::Editor),
        (applications.files || applications.uploads, Tool::Files),
        (applications.console.is_some(), Tool::Cluster),
    ];
    let dashboards = spec.dashboards.iter().map(|dashboard| Dashboard {
        name: fill(&dashboard.name, values),
        url: fill(&dashboard.url, values),
    });
    SessionTabs {
        tools: tools.into_iter().filter_map(|(is_wanted, tool)| is_wanted.then_some(tool)).collect(),
        dashboards: dashboards.collect(),
    }
}

#[cfg(test)]
mod tests {
    use lectern_content::spec::{Applications, Console, Dashboard as Wish};

    use super::*;

    #[test]
    fn a_lab_has_the_tools_and_tabs_that_it_asks_for_with_the_sessions_values_in_them() {
        assert!(tabs(&SessionSpec::default(), &Values::new()).is_empty());
        let wish = |name: &str, url: &str| Wish { name: name.to_owned(), url: url.to_owned() };
        let spec = SessionSpec {
            applications: Applications {
                editor: true,
                uploads: true,
                console: Some(Console::default()),
                ..Applications::default()
            },
            dashboards: vec![
                wish("Shop", "http://shop-$(session_namespace).example.org"),
                wish("Log", "terminal:log"),
            ],
            ..SessionSpec::default()
        };
        let values = [("session_namespace".to_owned(), "lab-x".to_owned())].into();
        let tabs = tabs(&spec, &values);
        assert_eq!(tabs.tools, [Tool::Editor, Tool::Files, Tool::Cluster]);
        let dashboards: Vec<_> =
            tabs.dashboards.iter().map(|tab| (tab.name.as_str(), tab.url.as_str())).collect();
        assert_eq!(dashboards, [("Shop", "http://shop-lab-x.example.org"), ("Log", "terminal:log")]);
    }
}
