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
                ArgumentKind::Number | ArgumentKind::Amount | ArgumentKind::Retries => {
                    format!("{}: 2\n", argument.name)
                }
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
    assert_eq!((timeout_secs, retries, delay_secs, args.len()), (15, Retries::Times(0), 1.0, 0));
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

#[test]
fn a_star_means_every_terminal() {
    let all = Action::TerminalExecuteAll { command: "ls".into(), clear: true };
    assert_eq!(action("terminal:execute", "command: ls\nsession: '*'\nclear: true"), all);
    assert_eq!(action("terminal:interrupt", "session: \"*\""), Action::TerminalInterruptAll {});
    assert_eq!(action("terminal:clear", "session: \"*\""), Action::TerminalClearAll {});
    assert_eq!(
        action("terminal:execute", "command: <ctrl+c>\nsession: '*'"),
        Action::TerminalInterruptAll {}
    );
}

#[test]
fn a_terminals_number_may_be_written_in_several_ways() {
    for session in ["1", "01", "'1'", "\"01\"", "1.0", "1\u{a0}"] {
        assert_eq!(
            action("terminal:execute", &format!("command: ls\nsession: {session}")),
            action("execute-1", "ls"),
            "{session}"
        );
    }
    assert_eq!(
        action("terminal:select", "session: web01"),
        Action::TerminalSelect { session: "web01".into() }
    );
}

#[test]
fn a_no_break_space_after_a_value_is_not_part_of_it() {
    assert_eq!(
        action("terminal:execute", "command: ls\u{a0}\nsession: 2 \u{a0}\nclear: true\u{a0}"),
        Action::TerminalExecute { command: "ls".into(), session: "2".into(), clear: true }
    );
    assert_eq!(
        action("editor:append-lines-to-file", "file: a\ntext: |\n  b\u{a0}\n"),
        Action::EditorAppendLinesToFile { file: "a".into(), text: "b\u{a0}\n".into() }
    );
}

#[test]
fn numbers_may_have_fractions() {
    let block = read(
        "examiner:execute-test",
        "name: t\ndelay: 0.5\ntimeout: 7.5\nretries: 2.0\ncooldown: 0.5\npause: 10.5",
        1,
    )
    .unwrap();
    assert_eq!((block.options.cooldown_secs, block.options.pause_ms), (0.5, 11));
    let BlockContent::Ready { action: Action::ExaminerExecuteTest { timeout_secs, delay_secs, retries, .. } } =
        block.content
    else {
        panic!("another action");
    };
    assert_eq!((timeout_secs, delay_secs, retries), (8, 0.5, Retries::Times(2)));
    assert!(error("examiner:execute-test", "name: t\ndelay: soon").message.contains("a number"));
    assert!(error("examiner:execute-test", "name: t\ntimeout: -3").reason.contains("negative"));
}

#[test]
fn lines_to_add_may_be_left_out() {
    for name in ["editor:append-lines-to-file", "editor:prepend-lines-to-file"] {
        assert_eq!(action(name, "file: a"), action(name, "file: a\ntext: ''"));
        assert_eq!(action(name, "file: a\ntext:"), action(name, "file: a\ntext: ''"));
    }
}

#[test]
fn a_tab_of_the_indentation_is_four_spaces() {
    assert_eq!(
        action("terminal:execute", "command: |-\n\tfirst\n\t\tsecond\tthird\nsession: 2\n"),
        Action::TerminalExecute {
            command: "first\n    second\tthird".into(),
            session: "2".into(),
            clear: false
        }
    );
}

/// A here-document with tabs, spaces at the ends of lines, and empty lines.
fn here_document() -> String {
    let mut text = String::from("cat <<'EOF' > Makefile\nall:\n");
    while text.len() < 5_000 {
        text.push_str("\t@echo \"one\ttwo\"  \n\n\t\tdeeper \t\n");
    }
    text.push_str(&"x".repeat(5_091 - text.len() - "\nEOF".len()));
    text.push_str("\nEOF");
    text
}

#[test]
fn a_here_document_arrives_byte_for_byte() {
    let text = here_document();
    assert_eq!(text.len(), 5_091);
    assert_eq!(
        action("execute", &format!("{text}\n")),
        Action::TerminalExecute { command: text.clone(), session: "1".into(), clear: false }
    );
    let indented: String = text.lines().map(|line| format!("  {line}\n")).collect();
    let Action::TerminalExecute { command, .. } =
        action("terminal:execute", &format!("command: |-\n{indented}"))
    else {
        panic!("another action");
    };
    assert_eq!(command, text);
}
