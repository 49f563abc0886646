//! Labs of every layout load, and their pages render.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::fs;
use std::path::{Path, PathBuf};

use lectern_api::actions::{Action, Retries};
use lectern_api::page::{PageExit, RenderedPage};
use lectern_content::spec::{Budget, Difficulty, NamespaceRole, SecurityPolicy, TerminalLayout};
use lectern_content::{Lab, RenderOptions, Style, Variables};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn session() -> Variables {
    Variables::new().with("session_namespace", "lab-7").with("ingress_domain", "example.test")
}

fn render(lab: &Lab, page: &str) -> RenderedPage {
    render_with(lab, page, &session())
}

fn render_with(lab: &Lab, page: &str, variables: &Variables) -> RenderedPage {
    lab.render_page(page, variables, &RenderOptions::new("/files/")).unwrap()
}

fn assert_holds(page: &RenderedPage, parts: &[&str]) {
    for part in parts {
        assert!(page.html.contains(part), "{part} is missing in {}", page.html);
    }
}

fn names(lab: &Lab) -> Vec<&str> {
    lab.pages.iter().map(|page| page.name.as_str()).collect()
}

fn commands(page: &RenderedPage) -> Vec<String> {
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

#[test]
fn a_classic_lab_has_its_order_titles_and_exits() {
    let lab = Lab::load(&fixture("classic")).unwrap();
    assert_eq!(
        (lab.slug.as_str(), lab.title.as_str(), lab.style()),
        ("lab-classic", "Baking bread", Style::Classic)
    );
    let contents: Vec<_> = lab.pages.iter().map(|page| (page.name.as_str(), page.title.as_str())).collect();
    assert_eq!(
        contents,
        [
            ("index", "Before you begin"),
            ("exercises/01-dough", "The dough"),
            ("exercises/02-oven", "The oven"),
            ("oldpage", "An older page"),
            ("finish", "Done"),
        ]
    );
    let exit =
        |sign: &str, link: Option<&str>| PageExit { sign: Some(sign.into()), link: link.map(str::to_owned) };
    assert_eq!(render(&lab, "index").exit, exit("Start with rye", Some("#page=finish")));
    assert_eq!(render(&lab, "finish").exit, exit("Leave", Some("https://example.test/next")));
    assert_eq!(render(&lab, "exercises/01-dough").exit, PageExit::default());
    assert_eq!(lab.spec.duration_secs, Some(45 * 60));
    assert_eq!(lab.spec.session.namespaces.budget, Some(Budget::Small));
    assert_eq!(lab.spec.session.namespaces.policy, Some(SecurityPolicy::Restricted));
    assert_eq!(lab.spec.session.applications.terminal, TerminalLayout::Split);
}

#[test]
fn what_lies_around_a_labs_pages_is_found() {
    let lab = Lab::load(&fixture("classic")).unwrap();
    assert_eq!(lab.setup_scripts, ["01-first.sh", "02-second.sh"]);
    assert_eq!(lab.checks.iter().map(|check| check.as_str()).collect::<Vec<_>>(), ["dough-is-ready"]);
    let home: Vec<_> = lab.home_files().into_iter().map(|file| file.path).collect();
    assert_eq!(home, ["README.md", "exercises/dough.yaml"]);
    let workshop = lab.workshop_files();
    let script = workshop.iter().find(|file| file.path == "setup.d/01-first.sh").unwrap();
    assert!(script.executable && workshop.iter().any(|file| file.path == "content/index.md"));
}

#[test]
fn checks_are_for_their_container_and_not_for_the_learners() {
    let lab = Lab::load(&fixture("classic")).unwrap();
    let paths = |files: Vec<lectern_content::files::LabFile>| -> Vec<String> {
        files.into_iter().map(|file| file.path).collect()
    };
    let is_check = |path: &String| path.starts_with("examiner/") || path.contains("dough-is-ready");
    assert!(!paths(lab.workshop_files()).iter().any(is_check));
    assert!(!paths(lab.home_files()).iter().any(is_check));
    let for_checks = paths(lab.check_files());
    assert!(for_checks.iter().any(|path| path == "examiner/tests/dough-is-ready"), "{for_checks:?}");
    assert!(!for_checks.iter().any(|path| path.starts_with("content/")), "{for_checks:?}");
}

#[test]
fn classic_variables_are_filled_in_everywhere() {
    let lab = Lab::load(&fixture("classic")).unwrap();
    let mut variables = session();
    variables.set_environment("FLOUR", "rye");
    variables.set_environment("HOST", "shop");
    let page = render_with(&lab, "index", &variables);
    assert_holds(
        &page,
        &[
            // the environment, an alias, a default, and the value of workshop.yaml before that of modules.yaml
            "You bake with rye flour (rye), 10 g of salt, in a stone oven.",
            "The older way to say it: 10 g, and 50%, and %NOBODY_KNOWS%.",
            "From the environment: rye. Your shop is shop.lab-7.",
            "Rye needs sourdough.",
            "Nothing is missing.",
            "A note that two pages share, for lab-7.",
            "This stays: {{ FLOUR }}.",
            "Loud: RYE. A default: water.",
            "<code class=\"copyable\">flour --kind=rye</code>",
            "src=\"/files/loaf.png\"",
            "href=\"#page=exercises/01-dough\"",
            "href=\"#page-at-the-end\"",
            "id=\"page-at-the-end\"",
            "href=\"/files/recipe.pdf\"",
        ],
    );
    assert!(!page.html.contains("Wheat takes yeast") && !page.html.contains("Any flour works"));
    assert_eq!(
        commands(&page),
        ["1: kubectl get pods -n lab-7 -o go-template='{{range .items}}{{.metadata.name}}{{end}}'"]
    );
    let wheat = render(&lab, "index");
    assert_holds(&wheat, &["You bake with wheat flour (none)", "Wheat takes yeast."]);
}

#[test]
fn blocks_in_lists_and_of_either_body_are_actions() {
    let lab = Lab::load(&fixture("classic")).unwrap();
    let page = render(&lab, "exercises/01-dough");
    assert_eq!(page.title, "The dough");
    assert_eq!(
        commands(&page),
        ["1: knead --minutes 10", "2: sleep 1", "2: cat <<EOF > dough.txt\nwheat\nEOF"]
    );
    let actions: Vec<_> = page.actions.iter().filter_map(|block| block.action()).collect();
    assert!(matches!(actions[2], Action::TerminalExecuteAll { command, .. } if command == "date"));
    assert!(matches!(actions[3], Action::TerminalInterrupt { session } if session == "1"));
    assert!(matches!(actions[5], Action::WorkshopCopy { text } if text == "plain text to copy"));
    assert!(matches!(actions[6], Action::WorkshopCopyAndEdit { text } if text == "text <to change>"));
    assert_eq!(page.actions[4].label, "Write it down");
    let lines: Vec<_> = page.actions.iter().map(|block| block.line).collect();
    assert_eq!(lines, [7, 13, 19, 25, 29, 39, 43]);
    assert_holds(&page, &["src=\"/files/exercises/dough.png\"", "src=\"/files/loaf.png\""]);
    // two rules, not front matter
    assert_holds(&page, &["<hr", "title: This gives way to the module"]);
}

#[test]
fn a_malformed_block_shows_its_error_and_the_page_goes_on() {
    let lab = Lab::load(&fixture("classic")).unwrap();
    let page = render(&lab, "exercises/02-oven");
    let errors: Vec<_> = page.actions.iter().map(|block| block.error().unwrap()).collect();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].message, "This block is not valid YAML");
    assert!((6..=8).contains(&errors[0].line) && !errors[0].reason.is_empty(), "{:?}", errors[0]);
    assert_eq!((errors[1].message.as_str(), errors[1].line), ("`editor:open-file` needs `file`", 12));
    // a heading that repeats the file's own title is not the module's
    assert_holds(
        &page,
        &[
            "data-action=\"0\"",
            "data-action=\"1\"",
            "command: boom",
            "<span class=\"hl-comment\"># hot",
            "An action that nobody knows",
        ],
    );
}

#[test]
fn a_hugo_lab_has_its_pathways() {
    let lab = Lab::load(&fixture("hugo")).unwrap();
    assert_eq!((lab.title.as_str(), lab.style()), ("Growing tomatoes", Style::Hugo));
    assert_eq!(lab.spec.difficulty, Some(Difficulty::Intermediate));
    assert_eq!(lab.spec.session.namespaces.role, NamespaceRole::Edit);
    assert_eq!(lab.spec.session.applications.terminal, TerminalLayout::SplitTwo);
    let contents: Vec<_> = lab.pages.iter().map(|page| (page.name.as_str(), page.title.as_str())).collect();
    assert_eq!(
        contents,
        [("01-seeds", "Seeds"), ("02-planting", "Plant them"), ("03-harvest/picking", "Picking")]
    );
    let mut variables = session();
    variables.set_environment("PATHWAY_NAME", "short");
    let short: Vec<_> = lab.pages_for(&variables).into_iter().map(|page| page.name).collect();
    assert_eq!(short, ["01-seeds", "03-harvest/picking"]);
}

#[test]
fn shortcodes_are_filled_in_and_admonitions_hold_markdown() {
    let lab = Lab::load(&fixture("hugo")).unwrap();
    let mut variables = session();
    variables.set_environment("SOIL", "loam");
    let page = render_with(&lab, "01-seeds", &variables);
    assert_holds(
        &page,
        &[
            "in a clay pot, on loam, for lab-7.",
            "src=\"/files/01-seeds/seed.png\"",
            "src=\"/files/images/sun.png\"",
            "<aside class=\"admonition note\"><p class=\"admonition-title\">Note</p>",
            "<em>warmth</em>",
            "<p class=\"admonition-title\">Mind the cold</p>",
            "<li>below 10 degrees</li>",
            "<aside class=\"admonition danger\">",
            "You have the whole summer.",
            "<code>{{&lt; param pot &gt;}}</code>",
            "<code class=\"copyable\">sow --pot clay</code>",
            "alt=\"A seed\"",
            "This is no variable here: {{ session_namespace }}.",
        ],
    );
    assert!(!page.html.contains("short summer"));
    variables.set_environment("PATHWAY_NAME", "short");
    let short = render_with(&lab, "01-seeds", &variables);
    assert_holds(&short, &["in a plastic pot, on loam", "You have a short summer."]);
    assert!(!short.html.contains("whole summer"));
}

#[test]
fn github_markdown_sections_and_colours_are_rendered() {
    let lab = Lab::load(&fixture("hugo")).unwrap();
    let page = render(&lab, "02-planting");
    assert_holds(
        &page,
        &[
            "<th align=\"left\">Kind</th>",
            "<td align=\"right\">60</td>",
            "type=\"checkbox\"",
            "<del>a mistake</del>",
            "class=\"footnote-ref\"",
            "Its source.",
            "class=\"admonition tip\"",
            "<span class=\"hl-comment\">// plants",
            "<details><summary>More</summary>",
            "<strong>more</strong>",
        ],
    );
    assert!(!page.html.contains("script"));
    let within: Vec<_> = page.actions.iter().map(|block| block.sections.as_slice()).collect();
    assert_eq!(within, [&[][..], &[0], &[0, 1], &[0, 1], &[0], &[]]);
    assert!(matches!(page.actions[1].action(), Some(Action::SectionBegin { open: true, .. })));
    let check = &page.actions[2];
    assert_eq!(check.label, "Verify that it grows");
    assert!(check.options.autostart && check.options.cascade);
    assert!(matches!(
        check.action(),
        Some(Action::ExaminerExecuteTest { retries: Retries::Forever, delay_secs: 2.0, args, .. }) if args == &["red"]
    ));
    assert_eq!(page.actions[5].label, "Afterwards");
}

#[test]
fn a_page_in_a_folder_links_to_its_neighbours() {
    let lab = Lab::load(&fixture("hugo")).unwrap();
    let page = render(&lab, "03-harvest/picking");
    assert_eq!(page.title, "Picking");
    assert!(!page.html.contains("<h1"), "the title stands above the page already");
    assert_holds(&page, &["href=\"#page=02-planting\"", "href=\"#page=01-seeds\""]);
    let actions: Vec<_> = page.actions.iter().filter_map(|block| block.action()).collect();
    assert!(
        matches!(actions[0], Action::DashboardCreateDashboard { focus: false, url, .. } if url == "terminal:garden")
    );
    assert!(matches!(actions[1], Action::FilesDownloadFile { preview: true, .. }));
    assert!(matches!(actions[2], Action::EditorAppendLinesToFile { text, .. } if text == "one\ntwo\n"));
}

#[test]
fn only_files_beside_the_pages_are_served() {
    let lab = Lab::load(&fixture("hugo")).unwrap();
    for served in ["01-seeds/seed.png", "images/sun.png"] {
        assert!(lab.asset(served).is_some(), "{served}");
    }
    for kept in
        ["01-seeds/index.md", "../config.yaml", "config.yaml", "../../exercises/harvest.txt", "images"]
    {
        assert!(lab.asset(kept).is_none(), "{kept}");
    }
}

#[test]
fn a_bare_lab_takes_either_style() {
    let lab = Lab::load(&fixture("bare")).unwrap();
    assert_holds(&render(&lab, "first-steps"), &["In lab-7, or lab-7, or lab-7; but {{ .Values.x }} stays."]);
}

#[test]
fn the_resource_says_which_style_and_which_pages_where_the_files_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("lab");
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let resource = |version: &str, rest: &str| {
        write(
            "resources/workshop.yaml",
            &format!(
                "apiVersion: training.{version}\nkind: Workshop\nmetadata: {{name: lab}}\nspec:\n  session:\n    {rest}\n"
            ),
        );
    };
    write("workshop/content/a.md", "a\n");
    write("workshop/content/b.md", "b\n");
    assert_eq!(Lab::load(&root).unwrap().style(), Style::Either);
    resource("educates.dev/v1beta1", "env: []");
    assert_eq!(Lab::load(&root).unwrap().style(), Style::Hugo);
    resource("eduk8s.io/v1alpha2", "env: []");
    assert_eq!(Lab::load(&root).unwrap().style(), Style::Classic);
    resource("educates.dev/v1beta1", "applications: {workshop: {renderer: classic}}");
    assert_eq!(Lab::load(&root).unwrap().style(), Style::Classic);
    write("workshop/workshop-short.yaml", "modules: {activate: [b]}\n");
    resource("educates.dev/v1beta1", "env: [{name: WORKSHOP_FILE, value: workshop-short.yaml}]");
    assert_eq!(names(&Lab::load(&root).unwrap()), ["b"]);
}
