use serde_json::Value;

use super::*;

fn of(json: Value) -> Plan {
    plan(&serde_json::from_value(json).unwrap())
}

#[test]
fn a_command_is_typed_into_the_terminal_that_it_names() {
    let json = serde_json::json!(
        {"action": "terminal:execute", "command": "a\nb", "session": "2", "clear": true});
    let keys = "a\rb\r".to_owned();
    assert_eq!(of(json), Plan::Type { target: Target::One("2".into()), keys, clear: true });
}

#[test]
fn an_address_that_would_run_a_script_is_not_opened() {
    for url in ["javascript:alert(1)", "data:text/html,x", "//evil.example", " JavaScript:x"] {
        let json = serde_json::json!({"action": "dashboard:open-url", "url": url});
        assert!(matches!(of(json), Plan::Unsupported(why) if why.contains("web address")), "{url}");
    }
}

#[test]
fn an_address_that_cannot_work_says_so_instead_of_opening() {
    for action in ["dashboard:open-url", "dashboard:create-dashboard", "dashboard:reload-dashboard"] {
        let json =
            serde_json::json!({"action": action, "name": "x", "url": "http://blog-ns.", "focus": true});
        assert_eq!(of(json), Plan::Unsupported(NO_WEB_APPLICATIONS), "{action}");
    }
}

#[test]
fn a_star_means_every_terminal_and_a_number_has_no_zeros_before_it() {
    let command = |session: &str| {
        let json = serde_json::json!({"action": "terminal:execute", "command": "x", "session": session, "clear": false});
        let Plan::Type { target, .. } = of(json) else { panic!("nothing is typed") };
        target
    };
    assert_eq!(command("*"), Target::All);
    for (written, name) in [("01", "1"), ("1", "1"), ("002", "2"), ("0", "0"), ("0x", "0x"), ("help", "help")]
    {
        assert_eq!(command(written), Target::One(name.into()), "{written}");
    }
    for action in ["terminal:interrupt", "terminal:clear", "terminal:input", "terminal:select"] {
        let json = serde_json::json!({"action": action, "session": "*", "text": "x", "endl": false});
        let all = match of(json) {
            Plan::Type { target, .. } | Plan::Paste { target, .. } | Plan::Clear(target) => {
                target == Target::All
            }
            plan => plan == Plan::ShowTerminals,
        };
        assert!(all, "{action}");
    }
}

#[test]
fn the_dashboard_of_the_terminals_is_the_terminals() {
    for (action, name) in [
        ("dashboard:open-dashboard", "Terminal"),
        ("dashboard:open-dashboard", "terminal"),
        ("dashboard:reload-dashboard", " TERMINAL "),
    ] {
        let json = serde_json::json!({"action": action, "name": name, "focus": true});
        assert_eq!(of(json), Plan::ShowTerminals, "{action} {name}");
    }
    let json = serde_json::json!({"action": "dashboard:open-dashboard", "name": "Console"});
    assert_eq!(of(json), Plan::Tab(TabChange::Show("Console".into())));
}

#[test]
fn a_dashboard_is_a_tab_with_a_page_or_a_terminal() {
    let put = |action: &str, url: &str, focus: bool| {
        of(serde_json::json!({"action": action, "name": "x", "url": url, "focus": focus}))
    };
    let tab = |content: Content, focus: bool| Plan::Tab(TabChange::Put { name: "x".into(), content, focus });
    let page = |url: &str| Content::Web { url: url.to_owned(), loads: 0 };
    for action in ["dashboard:create-dashboard", "dashboard:reload-dashboard"] {
        assert_eq!(put(action, "https://a.test/x", false), tab(page("https://a.test/x"), false), "{action}");
        assert_eq!(
            put(action, "terminal:04", true),
            tab(Content::Terminals(vec!["4".into()]), true),
            "{action}"
        );
        assert_eq!(put(action, "javascript:alert(1)", true), Plan::Unsupported(NO_ADDRESS), "{action}");
    }
    let json =
        serde_json::json!({"action": "dashboard:reload-dashboard", "name": "x", "url": null, "focus": false});
    assert_eq!(of(json), Plan::Tab(TabChange::Reload { name: "x".into(), focus: false }));
    let json = serde_json::json!({"action": "dashboard:delete-dashboard", "name": "x"});
    assert_eq!(of(json), Plan::Tab(TabChange::Remove("x".into())));
}

#[test]
fn the_editors_terminals_are_terminals_of_their_own() {
    let with = |action: &str| {
        of(serde_json::json!({"action": action, "session": "educates", "text": "ls", "endl": true}))
    };
    let target = || Target::One("editor-educates".into());
    assert_eq!(with("editor:open-terminal"), Plan::Select("editor-educates".into()));
    assert_eq!(with("editor:clear-terminal"), Plan::Clear(target()));
    assert_eq!(with("editor:send-to-terminal"), Plan::Paste { target: target(), text: pasted("ls", true) });
}

#[test]
fn every_action_of_the_dialect_runs_in_a_terminal_a_tab_or_a_tool() {
    for kind in lectern_api::actions::KINDS {
        let mut json = serde_json::json!({"action": kind.name});
        for argument in kind.arguments {
            use lectern_api::actions::ArgumentKind as Kind;
            json[argument.name] = match argument.kind {
                Kind::Text => "https://example.com".into(),
                Kind::Number | Kind::Amount => 1.into(),
                Kind::Flag => true.into(),
                Kind::Retries => serde_json::json!({"times": 0}),
                Kind::Texts | Kind::Values => serde_json::json!([]),
                Kind::Value => Value::Null,
            };
        }
        if kind.name == "examiner:execute-test" {
            json["url"] = Value::Null;
        }
        let action: Action = serde_json::from_value(json).unwrap();
        let planned = plan(&action);
        let is_unsupported = matches!(planned, Plan::Unsupported(_));
        assert_eq!(is_unsupported, lectern_api::actions::is_unavailable(&action), "{}", kind.name);
        let expected = match kind.name.split_once(':').unwrap() {
            ("editor", name) if !name.ends_with("-terminal") => Some(Tool::Editor),
            ("files", _) => Some(Tool::Files),
            _ => None,
        };
        let tool = match planned {
            Plan::Tool(tool) => Some(tool),
            _ => None,
        };
        assert_eq!(tool, expected, "{}", kind.name);
    }
}

#[test]
fn a_time_of_zero_means_the_usual_one_and_half_a_second_is_half_a_second() {
    let times = |timeout: u32, delay: f64| {
        let json = serde_json::json!({"action": "examiner:execute-test", "name": "x", "args": [],
            "timeout": timeout, "retries": {"times": 0}, "delay": delay, "url": null, "inputs": null});
        let Plan::Check(check) = of(json) else { panic!("no check") };
        (check.timeout_secs, check.delay.as_millis())
    };
    assert_eq!(times(0, 0.0), (15, 1_000));
    assert_eq!(times(3, 0.5), (3, 500));
    assert_eq!(times(999, 0.001), (120, 100));
}

#[test]
fn a_check_is_tried_once_more_than_it_has_retries() {
    let check = |retries| CheckPlan {
        name: "x".into(),
        args: vec![],
        timeout_secs: 15,
        retries,
        delay: Duration::from_secs(1),
        form: None,
    };
    assert!(!check(Retries::Times(0)).tries_again(1));
    assert!(check(Retries::Times(2)).tries_again(2));
    assert!(!check(Retries::Times(2)).tries_again(3));
    assert!(check(Retries::Forever).tries_again(10_000));
}
