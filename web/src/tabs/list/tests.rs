use chrono::DateTime;
use lectern_api::ids::SessionId;
use lectern_api::sessions::{Dashboard, SessionState, SessionTabs};

use super::*;

fn session(layout: &str, terminals: &[&str], tools: &[Tool], dashboards: &[(&str, &str)]) -> Session {
    let dashboards = dashboards.iter();
    Session {
        id: SessionId::new(),
        lab: "x".parse().unwrap(),
        lab_title: String::new(),
        state: SessionState::Ending,
        namespace: String::new(),
        pages: vec![],
        terminals: terminals.iter().map(|name| name.parse().unwrap()).collect(),
        terminal_layout: layout.to_owned(),
        tabs: SessionTabs {
            tools: tools.to_vec(),
            dashboards: dashboards
                .map(|(name, url)| Dashboard { name: (*name).to_owned(), url: (*url).to_owned() })
                .collect(),
        },
        created_at: DateTime::UNIX_EPOCH,
        notices: vec![],
    }
}

fn names<'a>(tabs: impl Iterator<Item = &'a Tab>) -> Vec<&'a str> {
    tabs.map(|tab| tab.name.as_str()).collect()
}

#[test]
fn a_lab_has_a_tab_for_its_stack_for_each_further_terminal_tool_and_dashboard() {
    let list = TabList::of(&session(
        "split",
        &["1", "2", "log"],
        &[Tool::Editor, Tool::Cluster],
        &[("Watch", "terminal:log"), ("Shop", "https://shop.example.org"), ("Bad", "javascript:alert(1)")],
    ));
    assert_eq!(names(list.all().iter()), ["Terminals", "Watch", "Editor", "Cluster", "Shop"]);
    assert_eq!(list.front().unwrap().name, "Terminals");
    assert_eq!(list.get(0).unwrap().content, Content::Terminals(vec!["1".into(), "2".into()]));
    assert!(TabList::of(&session("none", &[], &[], &[])).front().is_none());
}

#[test]
fn labs_find_tabs_by_the_dialects_names() {
    let list =
        TabList::of(&session("split", &["1", "2"], &[Tool::Cluster], &[("My Shop", "https://x.test")]));
    for (name, id) in [("Terminal", 0), ("terminal", 0), ("Console", 1), ("cluster", 1), (" my shop ", 2)] {
        assert_eq!(list.find(name), Some(id), "{name}");
    }
    assert_eq!((list.find("Editor"), list.find("nothing")), (None, None));
    assert_eq!((tool_named("Editor"), tool_named("nothing")), (Some(Tool::Editor), None));
}

#[test]
fn a_terminal_stands_in_one_tab_only_and_further_ones_get_the_next_number() {
    let mut list = TabList::of(&session("default", &["1"], &[], &[]));
    assert_eq!(list.next_terminal(), "2");
    let added = list.put("Two", Content::of_url("terminal:2").unwrap());
    assert_eq!(list.get(added).unwrap().name, "Two");
    assert_eq!(list.put("Again", Content::of_url("terminal:2").unwrap()), added);
    assert_eq!((list.find_terminal("2"), list.next_terminal().as_str()), (Some(added), "3"));
}

#[test]
fn a_tab_that_is_made_again_shows_the_other_page_and_loads_it() {
    let mut list = TabList::of(&session("default", &["1"], &[], &[]));
    let page = |url: &str| Content::of_url(url).unwrap();
    let id = list.put("Shop", page("https://a.test"));
    assert_eq!(list.put("shop", page("https://b.test")), id);
    assert_eq!(list.get(id).unwrap().content, Content::Web { url: "https://b.test".into(), loads: 1 });
    list.reload(id);
    assert_eq!(list.get(id).unwrap().content, Content::Web { url: "https://b.test".into(), loads: 2 });
    // a tab of the workspace keeps what it shows
    assert_eq!(list.put("Terminal", page("https://c.test")), 0);
    assert_eq!(list.get(0).unwrap().content, Content::Terminals(vec!["1".into()]));
}

#[test]
fn what_was_added_can_be_closed_and_its_neighbour_comes_to_the_front() {
    let mut list = TabList::of(&session("default", &["1"], &[Tool::Editor], &[("Shop", "https://x.test")]));
    let further = list.add_terminal("2");
    list.show(further);
    list.close(further);
    assert_eq!(list.front().unwrap().name, "Shop");
    list.close(2);
    assert_eq!(list.front().unwrap().name, "Editor");
    list.close(1);
    list.close(0);
    assert_eq!(names(list.all().iter()), ["Terminal", "Editor"], "the workspace's own tabs stay");
}

#[test]
fn the_lower_layout_shows_the_terminal_below_whatever_is_in_front() {
    let mut list = TabList::of(&session("lower", &["1"], &[Tool::Editor], &[("Shop", "https://x.test")]));
    assert_eq!(names(list.in_bar()), ["Editor", "Shop"]);
    assert!(list.is_shown(0) && list.is_shown(1) && !list.is_shown(2));
    list.show(2);
    list.show(0);
    assert!(list.is_shown(0) && list.is_shown(2));
    let alone = TabList::of(&session("lower", &["1"], &[], &[]));
    assert!(!alone.has_lower() && alone.is_shown(0));
}
