//! Pages show what their authors wrote, as the original platform's renderers do.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::fs;

use lectern_api::actions::Action;
use lectern_api::page::RenderedPage;
use lectern_content::{Lab, RenderOptions, Variables, lint};

const CLASSIC: (&str, &str) = ("workshop/workshop.yaml", "name: x\n");
const HUGO: (&str, &str) = ("workshop/config.yaml", "title: x\n");

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join("lab").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(dir)
    }

    fn lab(&self) -> Lab {
        Lab::load(&self.path()).unwrap()
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("lab")
    }

    fn page(&self, name: &str) -> RenderedPage {
        let variables = Variables::new().with("session_namespace", "lab-7");
        self.lab().render_page(name, &variables, &RenderOptions::new("/files")).unwrap()
    }
}

fn names(lab: &Lab) -> Vec<&str> {
    lab.pages.iter().map(|page| page.name.as_str()).collect()
}

fn html(markdown: &str) -> String {
    Folder::with(&[CLASSIC, ("workshop/content/page.md", markdown)]).page("page").html
}

#[test]
fn words_in_angle_brackets_are_text() {
    for name in ["none", "path", "set", "text", "apply", "image", "title", "your-name"] {
        let inline = html(&format!("EXTERNAL-IP <{name}> 8080/TCP **now**"));
        assert!(
            inline.contains(&format!("EXTERNAL-IP &lt;{name}&gt; 8080/TCP <strong>now</strong>")),
            "{inline}"
        );
        let alone = html(&format!("one\n\n<{name}>\n**two**\n\n- a\n\n  <{name}>\n  **three**\n"));
        assert!(alone.contains(&format!("<p>&lt;{name}&gt;\n<strong>two</strong></p>")), "{alone}");
        assert!(alone.contains(&format!("<p>&lt;{name}&gt;\n<strong>three</strong></p>")), "{alone}");
        let cell = html(&format!("<table><tr><td><{name}></td></tr></table>\n"));
        assert!(cell.contains(&format!("<td>&lt;{name}&gt;</td>")), "{cell}");
    }
    assert!(!html("Use <image> now").contains("<img"));
}

#[test]
fn a_block_below_a_word_is_an_action() {
    let folder =
        Folder::with(&[CLASSIC, ("workshop/content/page.md", "<none>\n```execute\necho <none>\n```\n")]);
    let page = folder.page("page");
    assert!(
        matches!(page.actions[0].action(), Some(Action::TerminalExecute { command, .. }) if command == "echo <none>")
    );
    assert_eq!(page.actions[0].line, 2);
}

#[test]
fn html_that_learners_do_not_get_is_found_once_for_each_kind() {
    let folder = Folder::with(&[
        CLASSIC,
        (
            "workshop/content/a.md",
            "x\n\n<iframe src=\"a\"></iframe>\n\n<iframe src=\"b\"></iframe>\n\n<kbd>x</kbd> <none>\n",
        ),
        ("workshop/content/b.md", "<p style=\"color: red\">x</p>\n\n<iframe src=\"c\"></iframe>\n"),
    ]);
    let found = lint(&folder.path());
    let found: Vec<_> = found
        .iter()
        .filter(|one| one.code() == "dropped-html")
        .map(|one| (one.file.rsplit('/').next().unwrap(), one.line, one.message.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("a.md", 3, "HTML that is not shown: `<iframe>`"),
            ("b.md", 1, "HTML that is not shown: `style=\"…\"`")
        ]
    );
}

#[test]
fn a_here_document_reaches_the_terminal_byte_for_byte() {
    let mut text = String::from("cat <<'EOF' > Makefile\nall:\n");
    while text.len() < 5_000 {
        text.push_str("\t@echo \"one\ttwo\"  \n\n\t\tdeeper \t\n");
    }
    text.push_str(&"x".repeat(5_091 - text.len() - "\nEOF".len()));
    text.push_str("\nEOF");
    for layout in [CLASSIC, HUGO] {
        let page = format!("# A\n\n```execute\n{text}\n```\n");
        let page = Folder::with(&[layout, ("workshop/content/page.md", &page)]).page("page");
        let Some(Action::TerminalExecute { command, .. }) = page.actions[0].action() else {
            panic!("{:?}", page.actions)
        };
        assert_eq!((command.len(), command), (5_091, &text));
    }
}

#[test]
fn a_classic_page_has_no_front_matter() {
    let page = html("---\ntitle: Not a title\n---\n\ntext\n");
    assert!(page.contains("title: Not a title") && page.contains("<hr"), "{page}");
}

#[test]
fn hugo_pages_may_have_front_matter_in_each_language() {
    let folder = Folder::with(&[
        HUGO,
        ("workshop/content/a.md", "\n\n---\ntitle: Last\nweight: 9\n---\ntext a\n"),
        ("workshop/content/b.md", "+++\ntitle = \"First\"\nweight = 1\n+++\ntext b\n"),
        ("workshop/content/c.md", "{\"title\": \"Second\", \"weight\": 2}\ntext c\n"),
        ("workshop/content/d.md", "---\ntitle: Draft\nweight: 3\ndraft: true\n---\ntext d\n"),
        ("workshop/content/e.md", "---\ntitle: zulu\nweight: 5\n---\n"),
        ("workshop/content/f.md", "---\ntitle: Alpha\nweight: 5\n---\n"),
        ("workshop/content/g.md", "No weight.\n"),
    ]);
    let lab = folder.lab();
    assert_eq!(names(&lab), ["b", "c", "f", "e", "a", "g"]);
    let titles: Vec<_> = lab.pages.iter().take(2).map(|page| page.title.as_str()).collect();
    assert_eq!(titles, ["First", "Second"]);
    for name in ["a", "b", "c"] {
        assert_eq!(folder.page(name).html.trim(), format!("<p>text {name}</p>"));
    }
    assert!(lint(&folder.path()).iter().all(|one| one.code() != "bad-front-matter"));
}

#[test]
fn hugo_pages_without_weights_go_by_path() {
    let folder = Folder::with(&[
        HUGO,
        ("workshop/content/02-b.md", "---\ntitle: A\n---\n"),
        ("workshop/content/01-a/index.md", "---\ntitle: Z\n---\n"),
        ("workshop/content/01-a/notes.md", "a resource\n"),
        ("workshop/content/01-a/deep/more.md", "a resource\n"),
        ("workshop/content/section/_index.md", "no page\n"),
        ("workshop/content/section/c.md", "a page\n"),
    ]);
    assert_eq!(names(&folder.lab()), ["01-a", "02-b", "section/c"]);
}

#[test]
fn pathways_name_the_titles_of_their_modules() {
    let folder = Folder::with(&[
        (
            "workshop/config.yaml",
            "pathways:\n  default: p\n  paths:\n    p: {steps: [b, a/c]}\n  modules:\n    b: {title: Bee}\n    a/c: {title: Sea}\n",
        ),
        ("workshop/content/b.md", "---\ntitle: x\n---\n"),
        ("workshop/content/a/c.md", "y\n"),
    ]);
    let lab = folder.lab();
    let pages: Vec<_> = lab.pages.iter().map(|page| (page.name.as_str(), page.title.as_str())).collect();
    assert_eq!(pages, [("b", "Bee"), ("a/c", "Sea")]);
}

#[test]
fn images_and_links_lead_where_the_original_platform_leads() {
    let text = "![1](/workshop/content/a.png) ![2]({{< baseurl >}}b.png) ![3]({{< baseurl >}}/b.png) ![4](../a.png)\n\n\
                [5](../10-form/) [6](/workshop/content/10-form) [7]({{< baseurl >}}10-form) [8](nowhere.pdf)\n\n\
                <img src=\"../a.png\" width=\"20\">\n";
    let folder = Folder::with(&[
        HUGO,
        ("workshop/content/a.png", "x"),
        ("workshop/static/b.png", "x"),
        ("workshop/content/10-form.md", "x"),
        ("workshop/content/20-bundle/index.md", text),
        ("workshop/content/30-file.md", text),
    ]);
    for name in ["20-bundle", "30-file"] {
        let html = folder.page(name).html;
        for part in [
            "src=\"/files/a.png\" alt=\"1\"",
            "src=\"/files/b.png\" alt=\"2\"",
            "src=\"/files/b.png\" alt=\"3\"",
            "src=\"/files/a.png\" alt=\"4\"",
            "<img src=\"/files/a.png\" width=\"20\">",
        ] {
            assert!(html.contains(part), "{name}: {part} in {html}");
        }
        assert_eq!(html.matches("href=\"#page=10-form\"").count(), 3, "{name}: {html}");
        assert!(html.contains("<a rel=\"noopener noreferrer\">8</a>"), "{name}: {html}");
    }
    let found = lint(&folder.path());
    let broken: Vec<_> = found.iter().filter(|one| one.code().starts_with("broken")).collect();
    assert_eq!(broken.len(), 2, "{broken:?}");
}

#[test]
fn tables_keep_their_alignment_and_a_task_shows_one_box() {
    let html = html(
        "| a | b | c |\n|:--|:-:|--:|\n| d | e | f |\n\n- [x] done\n- [ ] open\n- none\n\n<kbd>Ctrl</kbd>\n\n> quoted\n\ntext[^1]\n\n[^1]: note\n",
    );
    for part in [
        "<th align=\"left\">a</th>",
        "<th align=\"center\">b</th>",
        "<td align=\"right\">f</td>",
        "<ul class=\"contains-task-list\">",
        "<li class=\"task-list-item\">",
        "<kbd>Ctrl</kbd>",
        "<blockquote>\n<p>quoted</p>\n</blockquote>",
        "<section class=\"footnotes\"",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert_eq!(html.matches("type=\"checkbox\"").count(), 2, "{html}");
}

#[test]
fn a_page_in_asciidoc_is_rendered_with_its_actions() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/classic");
    let lab = Lab::load(&root).unwrap();
    let variables = Variables::new().with("session_namespace", "lab-7");
    let page = lab.render_page("oldpage", &variables, &RenderOptions::new("/files")).unwrap();
    for part in [
        "<strong>bold</strong>",
        "<code class=\"copyable\">code</code>, in lab-7.",
        "A title",
        "<span class=\"hl-comment\"># &lt;x&gt;",
        "src=\"/files/loaf.png\"",
        "href=\"#page=exercises/01-dough\"",
        "<h2 id=\"page-_at_the_end\">At the end</h2>",
        "href=\"#page-_at_the_end\"",
        "class=\"admonition note\"",
        "Mind this.",
        "<td align=\"left\"",
        "<td align=\"right\"",
    ] {
        assert!(page.html.contains(part), "{part} in {}", page.html);
    }
    let places: Vec<_> =
        (0..4).map(|id| page.html.matches(&format!("data-action=\"{id}\"")).count()).collect();
    assert_eq!(places, [1, 1, 1, 1], "{}", page.html);
    let actions: Vec<_> = page.actions.iter().map(|block| block.action().unwrap().clone()).collect();
    let execute = |command: &str, session: &str| Action::TerminalExecute {
        command: command.into(),
        session: session.into(),
        clear: false,
    };
    assert_eq!(
        actions,
        [
            execute("echo hello > a.txt && cat <a.txt", "1"),
            execute("sleep 10", "2"),
            Action::WorkshopCopy { text: "plain text".into() },
            execute("ls -l", "3"),
        ]
    );
    let lines: Vec<_> = page.actions.iter().map(|block| block.line).collect();
    assert_eq!(lines, [6, 17, 22, 27]);
}

#[test]
fn an_asciidoc_page_is_as_harmless_as_any() {
    let folder = Folder::with(&[
        CLASSIC,
        (
            "workshop/content/page.adoc",
            "= A\n\n++++\n<script>alert(1)</script><img src=x onerror=alert(1)><div data-action=\"7\">a</div>\n++++\n\n\
             link:javascript:alert(1)[x] image::javascript:alert(1)[y]\n\ninclude::/etc/passwd[]\n",
        ),
    ]);
    let html = folder.page("page").html;
    for part in ["<script", "onerror", "data-action", "\"javascript:", "root:"] {
        assert!(!html.contains(part), "{part} in {html}");
    }
}

#[test]
fn a_labs_own_shortcodes_are_filled_in_and_one_that_cannot_be_is_found() {
    let folder = Folder::with(&[
        HUGO,
        (
            "workshop/layouts/shortcodes/tip.html",
            "<div class=\"admonition tip\">\n  <p class=\"admonition-title\">{{ .Get \"title\" | default \"Tip\" }}</p>\n\n    {{ .Inner | markdownify }}\n</div>\n",
        ),
        ("workshop/layouts/shortcodes/key.html", "<kbd>{{ .Inner }}</kbd>"),
        (
            "workshop/layouts/shortcodes/logo.html",
            "{{ with resources.Get \"a.png\" }}{{ .RelPermalink }}{{ end }}",
        ),
        (
            "workshop/content/page.md",
            "{{< tip title=\"Look\" >}}\nPress {{< key >}}Ctrl{{< /key >}} in *{{< param session_namespace >}}*.\n\n```execute\nls\n```\n{{< /tip >}}\n\n{{< logo >}}\n",
        ),
    ]);
    let page = folder.page("page");
    for part in [
        "<p class=\"admonition-title\">Look</p>",
        "<p>Press <kbd>Ctrl</kbd> in <em>lab-7</em>.</p>",
        "<div data-action=\"0\"></div>",
    ] {
        assert!(page.html.contains(part), "{part} in {}", page.html);
    }
    assert_eq!(page.actions[0].line, 4);
    let found = lint(&folder.path());
    let found: Vec<_> = found.iter().filter(|one| one.code().ends_with("shortcode")).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].code(), found[0].line), ("bad-shortcode", 9));
    assert!(found[0].message.contains("`resources`, which is not supported"), "{}", found[0].message);
}

#[test]
fn a_form_keeps_the_authors_order_types_and_bounds() {
    let folder = Folder::with(&[
        HUGO,
        (
            "workshop/content/page.md",
            "```examiner:execute-test\nname: t\ninputs:\n  schema:\n    zone: {type: string, required: true}\n    count: {type: integer, minimum: 1, maximum: 9}\n    area: {type: string, enum: [b, a]}\n```\n",
        ),
    ]);
    let wire = serde_json::to_value(folder.page("page").actions[0].action().unwrap()).unwrap();
    assert_eq!(wire["inputs"]["form"], serde_json::json!(["zone", "count", "area"]));
    assert_eq!(
        wire["inputs"]["schema"]["count"],
        serde_json::json!({"type": "integer", "minimum": 1, "maximum": 9})
    );
}
