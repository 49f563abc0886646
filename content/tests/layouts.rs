//! Labs of every layout load, and their pages render.

use std::fs;
use std::path::{Path, PathBuf};

use lectern_api::actions::Action;
use lectern_content::{Lab, RenderOptions, Variables};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn session() -> Variables {
    Variables::new().with("session_namespace", "lab-7").with("ingress_domain", "example.test")
}

fn render(lab: &Lab, page: &str) -> lectern_api::page::RenderedPage {
    lab.render_page(page, &session(), &RenderOptions::new("/files/")).unwrap()
}

fn names(lab: &Lab) -> Vec<&str> {
    lab.pages.iter().map(|page| page.name.as_str()).collect()
}

fn commands(page: &lectern_api::page::RenderedPage) -> Vec<String> {
    page.actions
        .iter()
        .filter_map(|block| match block.action()? {
            Action::TerminalExecute { command, session, .. } => Some(format!("{session}: {command}")),
            _ => None,
        })
        .collect()
}

/// A page as people write them: plain blocks, some indented, trailing blanks, no heading at the top.
const PLAIN_PAGE: &str = "\nSome words first.\n\nGo there.\n\n```execute\nclear\ncd ~/pods\n```\n\n### Later\n\n    kind: Pod\n\n\
    1. In a list\n\n   ```execute-2\n   cat pod.yaml  \n   ```\n\n```execute\nkubectl apply -f pod.yaml # works\n```\n";

#[test]
fn a_folder_with_just_a_page_is_a_lab() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("My_Pods");
    fs::create_dir_all(root.join("pods")).unwrap();
    fs::write(root.join("first-pods.md"), PLAIN_PAGE).unwrap();
    fs::write(root.join("README.md"), "about it").unwrap();
    fs::write(root.join("pods/pod.yaml"), "kind: Pod").unwrap();

    let lab = Lab::load(&root).unwrap();
    assert_eq!((lab.slug.as_str(), lab.title.as_str()), ("my-pods", "First Pods"));
    assert_eq!(names(&lab), ["first-pods"]);
    let home: Vec<_> = lab.home_files().into_iter().map(|file| file.path).collect();
    assert_eq!(home, ["README.md", "pods/pod.yaml"]);
    let page = render(&lab, "first-pods");
    assert_eq!(
        commands(&page),
        ["1: clear\ncd ~/pods", "2: cat pod.yaml", "1: kubectl apply -f pod.yaml # works"]
    );
    let lines: Vec<_> = page.actions.iter().map(|block| block.line).collect();
    assert_eq!(lines, [6, 17, 21]);
    assert!(page.html.contains("<div data-action=\"2\"></div>"), "{}", page.html);
    assert!(page.html.contains("<h3 id=\"page-later\">Later</h3>"), "{}", page.html);
}

#[test]
fn the_same_page_in_a_content_folder_is_a_lab_too() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("pods");
    fs::create_dir_all(root.join("workshop/content")).unwrap();
    fs::write(root.join("workshop/content/first-pods.md"), PLAIN_PAGE).unwrap();
    let lab = Lab::load(&root).unwrap();
    assert_eq!(names(&lab), ["first-pods"]);
    assert_eq!(render(&lab, "first-pods").actions.len(), 3);
    assert!(lab.home_files().is_empty());
}
