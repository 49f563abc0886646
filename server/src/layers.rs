//! Holds the imports between the rooms of this crate against the table below: each goes down.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each room with the rooms that it may import from. Those further down stand further down, so that nothing can go up.
const MAY_IMPORT: [(&str, &[&str]); 20] = [
    (
        "app",
        &[
            "background",
            "http",
            "job_board",
            "previews",
            "sessions",
            "progress",
            "identity",
            "audit",
            "catalog",
            "terminals",
            "cluster",
            "store",
            "telemetry",
            "config",
            "clock",
        ],
    ),
    ("background", &["http", "job_board", "store", "report"]),
    (
        "http",
        &[
            "job_board",
            "previews",
            "sessions",
            "progress",
            "identity",
            "enrolment",
            "audit",
            "catalog",
            "terminals",
            "cluster",
            "store",
            "config",
            "report",
        ],
    ),
    ("previews", &["sessions", "identity", "cluster", "store", "config", "report"]),
    ("sessions", &["catalog", "terminals", "cluster", "store", "lifecycle", "config", "clock", "report"]),
    ("progress", &["enrolment", "store", "clock", "report"]),
    ("identity", &["audit", "enrolment", "store", "lifecycle", "config", "clock", "report"]),
    ("audit", &["store", "report"]),
    ("catalog", &["config", "report"]),
    // The cluster parses what the operator's flags say about its network.
    ("config", &["cluster", "report"]),
    ("terminals", &[]),
    ("cluster", &["report"]),
    ("enrolment", &["store", "report"]),
    ("store", &["lifecycle"]),
    ("telemetry", &[]),
    ("clock", &[]),
    ("tls", &[]),
    ("lifecycle", &[]),
    ("job_board", &[]),
    ("report", &[]),
];

/// Libraries that belong to few rooms. A crate's name counts as a whole word before `::`.
const BELONGS_TO: [(&str, &[&str]); 4] = [
    ("actix_web", &["app", "http"]),
    ("actix_ws", &["http"]),
    ("kube", &["cluster"]),
    ("k8s_openapi", &["cluster"]),
];

struct SourceFile {
    path: PathBuf,
    room: String,
    /// Without comments, and without the tests at its end.
    code: String,
}

fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let within = path.strip_prefix(&root).unwrap();
            let room = within.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
            let is_test = within.ends_with("tests.rs");
            if matches!(room.as_str(), "main" | "lib" | "layers" | "commands") || is_test {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            files.push(SourceFile { code: code.collect::<Vec<_>>().join("\n"), path, room });
        }
    }
    files
}

/// The first names after `crate::`, in imports and in paths.
fn rooms_named_in(code: &str) -> BTreeSet<String> {
    let name =
        |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let mut part = String::new();
                for c in group.chars() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => {
                            rooms.insert(name(std::mem::take(&mut part).trim()));
                            continue;
                        }
                        _ => {}
                    }
                    part.push(c);
                }
                rooms.insert(name(part.trim()));
            }
            None => drop(rooms.insert(name(rest))),
        }
    }
    rooms.retain(|room| !room.is_empty());
    rooms
}

#[test]
fn every_import_between_rooms_goes_down() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut wrong = vec![];
    for SourceFile { path, room, code } in sources() {
        let allowed = table.get(room.as_str()).unwrap_or_else(|| panic!("{room} is no room of the table"));
        for other in rooms_named_in(&code) {
            if other != room && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{}: {room} may not import from {other}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_library_stays_in_the_rooms_that_it_belongs_to() {
    let mut wrong = vec![];
    for SourceFile { path, room, code } in sources() {
        let words: BTreeSet<&str> = code
            .match_indices("::")
            .map(|(at, _)| {
                code[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap()
            })
            .collect();
        for (library, rooms) in BELONGS_TO {
            if words.contains(library) && !rooms.contains(&room.as_str()) {
                wrong.push(format!("{}: {library} belongs to {}", path.display(), rooms.join(", ")));
            }
        }
        let has_query = code.contains("sqlx::query") || code.contains("sqlx::raw_sql");
        if has_query && room != "store" {
            wrong.push(format!("{}: SQL belongs to store", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_itself_goes_down() {
    let floor = |room: &str| MAY_IMPORT.iter().position(|(name, _)| *name == room);
    for (room, allowed) in MAY_IMPORT {
        for other in allowed {
            assert!(floor(other).unwrap() > floor(room).unwrap(), "{room} → {other}");
        }
    }
}

#[test]
fn names_are_found_in_imports_groups_and_paths() {
    let code = "use crate::store::{self, StoreError};\nuse crate::{audit, catalog::Catalog, http::{a, b}};\nlet x = crate::report::chain(&e);";
    let found: Vec<_> = rooms_named_in(code).into_iter().collect();
    assert_eq!(found, ["audit", "catalog", "http", "report", "store"]);
}
