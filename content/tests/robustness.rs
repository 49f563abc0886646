//! Whatever a file holds, reading it ends soon and never panics.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use lectern_content::tools::probe;
use lectern_content::{Lab, RenderOptions, Style, Variables};
use proptest::prelude::*;

fn lab_with(root: &Path, files: &[(&str, &str)]) -> Result<Lab, lectern_content::LabError> {
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Lab::load(root)
}

fn render_all(lab: &Lab) -> usize {
    let variables = Variables::new().with("session_namespace", "lab-7");
    let pages = lab.pages.iter();
    pages
        .map(|page| {
            lab.render_page(&page.name, &variables, &RenderOptions::new("/files")).unwrap().html.len()
        })
        .sum()
}

/// Measures the processor's time that this thread took, so that a busy machine does not count.
struct Stopwatch {
    started: Instant,
    used: Option<Duration>,
}

impl Stopwatch {
    fn start() -> Self {
        Self { started: Instant::now(), used: processor_time() }
    }

    fn elapsed(&self) -> Duration {
        match (self.used, processor_time()) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => self.started.elapsed(),
        }
    }
}

/// Returns how long this thread has run, where the system says so.
fn processor_time() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// Texts made of what means something somewhere, rather than of noise.
fn dialect() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("```execute\nls\n```\n"),
        Just("```terminal:execute\n"),
        Just("command: ls\n"),
        Just("```\n"),
        Just("~~~\n"),
        Just("```section:begin\nname: a\n```\n"),
        Just("```section:end\nname: a\n```\n"),
        Just("{{ session_namespace }}"),
        Just("{{"),
        Just("}}"),
        Just("{% if a %}"),
        Just("{% endif %}"),
        Just("{% raw %}"),
        Just("{% endraw %}"),
        Just("{%-"),
        Just("{% assign a = 'b' %}"),
        Just("{{ a | append: a }}"),
        Just("{{< note >}}"),
        Just("{{< /note >}}"),
        Just("{{</*"),
        Just("*/>}}"),
        Just("{{< param x >}}"),
        Just("{{< copy >}}"),
        Just("%session_namespace%"),
        Just("`x`{{copy}}"),
        Just("> "),
        Just("- "),
        Just("1. "),
        Just("    "),
        Just("\n"),
        Just("\n\n"),
        Just("# "),
        Just("<details>"),
        Just("<none>"),
        Just("<none>\n"),
        Just("</none>"),
        Just("<title>"),
        Just("<svg>"),
        Just("<path d=\"x\">"),
        Just("{{< own a >}}"),
        Just("{{< /own >}}"),
        Just("</details>"),
        Just("<div"),
        Just(">"),
        Just("\""),
        Just("[a](b)"),
        Just("![a](b)"),
        Just("[^1]"),
        Just("[^1]: x\n"),
        Just("| a | b |\n|---|---|\n"),
        Just("---\n"),
        Just("title: x\n"),
        Just("\u{fdd0}"),
        Just("\u{fdd1}0\u{fdd1}"),
        Just("\u{feff}"),
        Just("é"),
        Just("\r\n"),
        Just("&amp;"),
        Just("key: [\n"),
        Just("*a"),
        Just("\t"),
    ];
    prop::collection::vec(prop_oneof![9 => piece.prop_map(str::to_owned), 1 => ".{0,12}"], 0..60)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_page_renders_in_every_style(text in dialect()) {
        for style in [Style::Classic, Style::Hugo, Style::Either] {
            let _ = probe::page(&text, style);
        }
    }

    #[test]
    fn any_noise_is_a_page_and_a_manifest(text in "(?s).{0,400}") {
        let _ = probe::page(&text, Style::Classic);
        let _ = probe::page(&text, Style::Hugo);
        let _ = probe::manifest(&text);
        let _ = probe::manifest(&format!("kind: Workshop\nspec:\n  session:\n{text}"));
    }

    #[test]
    fn any_manifest_loads_or_says_why(text in dialect(), lines in prop::collection::vec("[ ]{0,4}(spec|session|namespaces|env|name|budget|duration|modules|activate|-)(:| ).{0,10}", 0..12)) {
        let dir = tempfile::tempdir().unwrap();
        let manifest = format!("kind: Workshop\n{}\n{text}", lines.join("\n"));
        let files = [("workshop/content/page.md", "text"), ("resources/workshop.yaml", &manifest), ("workshop/modules.yaml", &text), ("workshop/workshop.yaml", &manifest)];
        if let Err(error) = lab_with(&dir.path().join("lab"), &files) {
            prop_assert!(error.diagnostics.iter().all(|found| found.line >= 1 && !found.message.is_empty()));
            prop_assert!(!error.diagnostics.is_empty());
        }
    }

    #[test]
    fn a_variable_never_escapes_its_place(value in ".{0,40}") {
        let dir = tempfile::tempdir().unwrap();
        let lab = lab_with(&dir.path().join("lab"), &[
            ("workshop/workshop.yaml", "name: x\n"),
            ("workshop/content/page.md", "a {{ v }} b\n\n```execute\necho end\n```\n"),
        ]).unwrap();
        let page = lab.render_page("page", &Variables::new().with("v", value), &RenderOptions::default()).unwrap();
        prop_assert!(page.actions.len() <= 1);
    }
}

#[test]
fn a_long_page_takes_linear_time() {
    let megabyte = 1024 * 1024;
    // ten megabytes where it is optimised; the limit leaves room for a slow machine, the bench has the figure
    let (length, limit) = if cfg!(debug_assertions) { (megabyte / 4, 10) } else { (10 * megabyte, 3) };
    let unit = "## Step\n\nSome *words* about `code` in {{ session_namespace }}.\n\n```execute\nkubectl get pods\n```\n\n1. one\n2. two\n\n";
    let dir = tempfile::tempdir().unwrap();
    let files = [
        ("workshop/workshop.yaml", "name: x\n"),
        ("workshop/content/page.md", &*unit.repeat(length / unit.len())),
    ];
    let lab = lab_with(dir.path(), &files).unwrap();
    let started = Stopwatch::start();
    assert!(render_all(&lab) > length / 2);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(limit), "{length} bytes took {took:?}");
}

#[test]
fn no_pattern_takes_quadratic_time() {
    // unoptimised, the HTML parser takes quadratic time over entities
    let length = if cfg!(debug_assertions) { 10_000 } else { 1_000_000 };
    let patterns = [
        ">",
        "> ",
        "- ",
        "1. - * ",
        "> - 1) ",
        "* a\n",
        "[",
        "![",
        "](",
        "[a](",
        "[a](b) ",
        "[a]: b\n",
        "[a] [b][a] ",
        "![a](b.png) ",
        "[[a]](",
        "*a ",
        "**a *b ",
        "***a**b*",
        "*_*_",
        "_a_",
        "`",
        "``` ",
        "<",
        "<div>",
        "<b><p>",
        "</p>",
        "<a href=\"",
        "<!--",
        "&",
        "\\",
        "|",
        "|a",
        "a|b\n-|-\n",
        "# a\n",
        "# \n",
        "[^1]",
        "[^a]: b\n",
        "\n",
        " ",
        "\t",
        "{{",
        "{%",
        "{{ a }}",
        "{% if a %}",
        "{% include 'page.md' %}",
        "{{< note >}}",
        "{{</*",
        "%a",
        "%a%",
        "~~~\n",
        "```execute\n",
        "```execute\nls\n```\n",
        "```section:begin\nname: a\n```\n",
        "```section:end\n```\n",
        "```yaml\na: b\n```\n",
        "http://a ",
        "www.a.",
        "a@b.c ",
        ":",
        "- [ ] a\n",
        "1) ",
        "***",
        "((((",
        "<details><summary>",
        "~~a",
        "\"",
        "<svg>",
        "<a><b><i>",
        "</a></b>",
        "<p><table>",
        "<table><tr><td>",
        "&#0;",
        "a\n: b\n",
        "<none> ",
        "<none>\n",
        "<none>\n\n",
        "- <none>\n",
        "<none>\n> ",
        "<title>\n",
        "</none>",
        "<a b=\"",
        "<a b c d ",
        "<svg><path>",
        "<script></script>",
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut slow = Vec::new();
    for (number, pattern) in patterns.into_iter().enumerate() {
        for (style, manifest) in [("classic", "workshop/workshop.yaml"), ("hugo", "workshop/config.yaml")] {
            let root = dir.path().join(format!("{style}-{number}"));
            let text = pattern.repeat(length / pattern.len());
            let lab =
                lab_with(&root, &[(manifest, "name: x\n"), ("workshop/content/page.md", &text)]).unwrap();
            let started = Stopwatch::start();
            render_all(&lab);
            let took = started.elapsed();
            if took > Duration::from_secs(5) {
                slow.push(format!("{style} {pattern:?} took {took:?}"));
            }
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[test]
fn a_page_in_asciidoc_ends_soon_whatever_it_holds() {
    let patterns = [
        "= A\n\n",
        "== A\n\n",
        "----\n",
        "====\n",
        "* a\n",
        "** a\n",
        "a:: b\n",
        "|===\n",
        "|a ",
        "*a ",
        "**",
        "_a_ ",
        "`",
        "+++",
        "[",
        "[[a]]",
        "<<a>>",
        "{a}",
        ":a: b\n",
        "include::a[]\n",
        "ifdef::a[]\n",
        "link:a[",
        "image::a[]\n",
        "footnote:[",
        "NOTE: a\n",
        "'''\n",
        "\"\n",
        "[source,role=execute]\n----\nls\n----\n",
        "pass:[",
        "<",
        "--\n",
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut slow = Vec::new();
    for (number, pattern) in patterns.into_iter().enumerate() {
        let root = dir.path().join(number.to_string());
        let text = pattern.repeat(10_000 / pattern.len());
        let files = [("workshop/workshop.yaml", "name: x\n"), ("workshop/content/page.adoc", &*text)];
        let lab = lab_with(&root, &files).unwrap();
        let started = Instant::now();
        render_all(&lab);
        if started.elapsed() > Duration::from_secs(20) {
            slow.push(format!("{pattern:?} took {:?}", started.elapsed()));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[test]
fn nesting_takes_no_quadratic_time() {
    // each line lies deeper than the one before
    let deeper = |unit: &str, lines: usize| -> String {
        (0..lines).map(|depth| format!("{}x\n", unit.repeat(depth))).collect()
    };
    let lines = if cfg!(debug_assertions) { 150 } else { 1000 };
    let lists: String = (0..lines).map(|depth| format!("{}- x\n", "  ".repeat(depth))).collect();
    for text in [lists, deeper("> ", lines), deeper("<div>", lines), deeper("*", lines), deeper("#", lines)] {
        let started = Stopwatch::start();
        let _ = probe::page(&text, Style::Classic);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(5), "{:?} … took {took:?}", &text[..20]);
    }
}

#[test]
fn a_file_that_is_too_long_or_not_text_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("lab");
    lab_with(&root, &[("workshop/content/a.md", "text")]).unwrap();
    fs::write(root.join("workshop/content/b.md"), b"one\ntwo \xff").unwrap();
    fs::write(root.join("workshop/content/c.md"), vec![b'a'; 17 * 1024 * 1024]).unwrap();
    let lab = Lab::load(&root).unwrap();
    let found: Vec<_> = lab.warnings.iter().map(|one| (one.file.as_str(), one.code(), one.line)).collect();
    assert_eq!(found, [("workshop/content/b.md", "not-utf8", 2), ("workshop/content/c.md", "too-long", 1)]);
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_lab_is_refused() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret.md"), "secret").unwrap();
    let root = dir.path().join("lab");
    lab_with(&root, &[("workshop/content/a.md", "text"), ("exercises/a.txt", "x")]).unwrap();
    symlink("a.txt", root.join("exercises/b.txt")).unwrap();
    let lab = Lab::load(&root).unwrap();
    assert_eq!(lab.home_files()[1].link.as_deref(), Some("a.txt"));

    symlink("../../../secret.md", root.join("workshop/content/c.md")).unwrap();
    let lab = Lab::load(&root).unwrap();
    let found: Vec<_> = lab.warnings.iter().map(|one| (one.file.as_str(), one.code())).collect();
    assert_eq!(found, [("workshop/content/c.md", "outside")]);
    assert!(!lab.workshop_files().iter().any(|file| file.path.ends_with("c.md")));
    assert!(!lab.pages.iter().any(|page| page.name == "c"));
    assert!(lab.asset("../../../secret.md").is_none());
    assert!(lab.asset("..%2fsecret.png").is_none());
}
