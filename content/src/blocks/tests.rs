use lectern_api::actions::{KINDS, Retries};

use super::*;

fn action(name: &str, text: &str) -> Action {
    match read(name, text, 10).unwrap().content {
        BlockContent::Ready { action } => action,
        BlockContent::Broken { error } => panic!("{error:?}"),
    }
}

fn error(name: &str, text: &str) -> ActionError {
    match read(name, text, 10).unwrap().content {
        BlockContent::Broken { error } => error,
        BlockContent::Ready { action } => panic!("{action:?}"),
    }
}

#[test]
fn plain_and_yaml_bodies_mean_the_same() {
    assert_eq!(action("execute-2", "ls\n"), action("terminal:execute", "command: ls\nsession: 2"));
    assert_eq!(action("copy", " x "), action("workshop:copy", "text: x"));
    assert_eq!(
        action("dashboard:expose-dashboard", "name: A"),
        action("dashboard:open-dashboard", "name: A")
    );
}

#[test]
fn ctrl_c_is_an_interrupt() {
    assert_eq!(action("execute-2", "<ctrl+c>\n"), Action::TerminalInterrupt { session: "2".into() });
    assert_eq!(action("execute-all", "<ctrl-c>"), Action::TerminalInterruptAll {});
}

#[test]
fn every_action_is_read_from_its_arguments() {
    for kind in KINDS {
        let body: String = kind
            .arguments
            .iter()
            .map(|argument| match argument.kind {
                ArgumentKind::Number | ArgumentKind::Retries => format!("{}: 2\n", argument.name),
                ArgumentKind::Flag => format!("{}: true\n", argument.name),
                ArgumentKind::Texts | ArgumentKind::Values => format!("{}: [a]\n", argument.name),
                ArgumentKind::Text | ArgumentKind::Value => format!("{}: some\n", argument.name),
            })
            .collect();
        assert_eq!(action(kind.name, &body).name(), kind.name);
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let Action::ExaminerExecuteTest { timeout_secs, retries, delay_secs, args, .. } =
        action("examiner:execute-test", "name: t")
    else {
        panic!("another action");
    };
    assert_eq!((timeout_secs, retries, delay_secs, args.len()), (15, Retries::Times(0), 1, 0));
    assert_eq!(
        action("examiner:execute-test", "name: t"),
        action("examiner:execute-test", "name: t\ntimeout: 0")
    );
    assert!(matches!(
        action("editor:copy-file", "src: a\ndest: b"),
        Action::EditorCopyFile { open: true, .. }
    ));
    assert_eq!(action("editor:open-terminal", ""), Action::EditorOpenTerminal { session: "educates".into() });
}

#[test]
fn retries_may_be_without_end() {
    for body in ["name: t\nretries: .INF", "name: t\nretries: -1"] {
        assert!(matches!(
            action("examiner:execute-test", body),
            Action::ExaminerExecuteTest { retries: Retries::Forever, .. }
        ));
    }
}

#[test]
fn options_are_read_and_unknown_keys_ignored() {
    let block = read(
        "terminal:execute",
        "command: ls\ntitle: Look\nprefix: Task\ncascade: true\npause: 10\ncooldown: .inf\nwhat: ever",
        1,
    )
    .unwrap();
    assert_eq!(block.label, "Task: Look");
    assert!(block.options.cascade && block.options.once);
    assert_eq!(block.options.pause_ms, 10);
}

#[test]
fn a_cooldown_without_end_is_written_in_two_ways() {
    for cooldown in [".INF", "-1"] {
        let body = format!("command: ls\ncooldown: {cooldown}");
        assert!(read("terminal:execute", &body, 1).unwrap().options.once, "{cooldown}");
    }
}

#[test]
fn an_event_may_be_a_name_or_a_mapping() {
    let event = |body: &str| read("dashboard:open-url", body, 1).unwrap().options.event;
    assert_eq!(event("url: https://x.test\nevent: opened"), Some(json!("opened")));
    assert_eq!(
        event("url: https://x.test\nevent:\n  name: opened\n  step: 2"),
        Some(json!({"name": "opened", "step": 2}))
    );
}

#[test]
fn an_error_names_its_line_of_the_page() {
    assert_eq!(error("terminal:execute", "command: a\nsession: [\n").line / 10, 1);
    assert_eq!(error("editor:open-file", "file: a\nline: abc").line, 11);
    assert!(error("editor:open-file", "line: 3").message.contains("`file`"));
    assert!(error("terminal:execute", "just text").reason.contains("text"));
}

#[test]
fn an_unknown_name_is_no_action() {
    assert!(read("bash", "ls", 1).is_none());
    assert!(read("terminal:explode", "command: ls", 1).is_none());
}
