use std::collections::BTreeSet;

use lectern_api::actions::Action;
use proptest::prelude::*;

use super::*;

fn place() -> Place {
    Place {
        folder: "exercises".into(),
        own_folder: None,
        base_url: "/files".into(),
        pages: Arc::new(BTreeSet::from(["other".to_owned()])),
        assets: None,
    }
}

fn render(text: &str, sanitising: Sanitising) -> RenderedText {
    let text = keep_words(text.to_owned());
    render_as(Source { text: &text, body_at: 0 }, &text, "", place(), sanitising)
}

/// What a page without HTML of its own may hold, and what is meant to break out of it.
fn markdown() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "# a \"b\" 'c'\n",
        "words ",
        "*em* **strong** ~~gone~~ ",
        "`code \" & ' {}`",
        "\n\n",
        "\n",
        "> ",
        "> [!NOTE] a \"title\" & more\n> text\n",
        "- ",
        "1. ",
        "- [x] done\n",
        "    ",
        "| a | b |\n|---|:-:|\n| c | d |\n",
        "[a](b.md)",
        "[a](javascript:alert(1))",
        "[a](https://x.test/?a=1&b=%22 \"title \\\" x\")",
        "[a](<x\" onmouseover=alert(1) y>)",
        "[a](../../up)",
        "[a](other)",
        "[a](#A%20b)",
        "[a](data:text/html,x)",
        "[a](//x.test)",
        "[a](\\\\x)",
        "[![i](i.png \"t\")](HTTPS://x.test)",
        "![a [b](c) `d` \" onerror=alert(1)](javascript:alert(1))",
        "![a](i.png \"t\\\" onerror=alert(1)\")",
        "![a](data:image/svg+xml,x)",
        "https://x.test/\"a ",
        "www.x.test ",
        "a@b.test ",
        "mailto:a@b.test ",
        "[^a\"b]",
        "[^1]",
        "\n\n[^a\"b]: note\n",
        "\n\n[^1]: note `x`\n",
        "```yaml\na: \"b\" # 'c'\n```\n",
        "```\" onclick=alert(1)\nx\n```\n",
        "```execute\necho \"a\" & b\n```\n",
        "```section:begin\nname: '\" x'\ntitle: '\" y'\n```\n",
        "```section:end\n```\n",
        "```terminal:execute\ncommand: [\n```\n",
        "term\n\n: details\n",
        "&quot;&#34;&amp;&#0;",
        "\\\"",
        "---\n",
        "é\u{a0}",
        "{{copy}}",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_without_the_sanitiser_is_what_it_would_let_pass(text in markdown()) {
        let bare = render(&text, Sanitising::WhereThereIsHtml);
        let clean = render(&text, Sanitising::Always);
        prop_assert_eq!(&bare.actions, &clean.actions);
        let (bare, clean) = (reread(&bare.html), reread(&clean.html));
        prop_assert_eq!(&bare.addresses_before, &bare.addresses_after);
        prop_assert_eq!(without_addresses(&bare.html), without_addresses(&clean.html));
    }
}

/// HTML after another turn through the sanitiser, which takes away what was not harmless.
struct Reread {
    html: String,
    addresses_before: Vec<String>,
    addresses_after: Vec<String>,
}

fn reread(html: &str) -> Reread {
    let ours = ["data-action", "data-section", "data-section-begin"];
    let marked = ours.iter().fold(html.to_owned(), |html, name| {
        html.replace(&format!("{name}=\""), &format!("{name}=\"{}", *NONCE))
    });
    let served = Place { folder: String::new(), pages: Arc::default(), ..place() };
    // a place on the page has its prefix already
    let clean = sanitise(&marked, served).replace("#page-page", "#page");
    Reread { addresses_before: addresses_in(html), addresses_after: addresses_in(&clean), html: clean }
}

fn attribute() -> regex::Regex {
    regex::Regex::new(r#" (href|src)="([^"]*)""#).unwrap()
}

fn addresses_in(html: &str) -> Vec<String> {
    attribute().captures_iter(html).map(|found| found[2].replace("&amp;", "&")).collect()
}

fn without_addresses(html: &str) -> String {
    attribute().replace_all(html, "").into_owned()
}

#[test]
fn a_page_with_html_of_its_own_goes_through_the_sanitiser() {
    for html in ["<script>alert(1)</script>", "a <img src=x onerror=alert(1)> b", "> <svg onload=alert(1)>"] {
        let text = render(html, Sanitising::WhereThereIsHtml).html;
        assert!(!text.contains("<script") && !text.contains("onerror") && !text.contains("onload"), "{text}");
    }
}

#[test]
fn an_action_that_open_html_swallows_is_put_back() {
    for open in ["<details><summary>More</summ", "<div title=\"", "<div><textarea rows=2>"] {
        let rendered =
            render(&format!("{open}\n\n```execute\nls\n```\n\n```copy\nx\n```\n"), Sanitising::Always);
        assert!(!rendered.swallowed.is_empty(), "{open}: {}", rendered.html);
        for place in ["<div data-action=\"0\">", "<div data-action=\"1\">"] {
            assert_eq!(rendered.html.matches(place).count(), 1, "{open}: {}", rendered.html);
        }
    }
    let fine = render("<details>\n\n```execute\nls\n```\n\n</details>\n", Sanitising::Always);
    assert!(fine.swallowed.is_empty());
}

#[test]
fn a_section_that_nobody_ends_ends_with_the_page() {
    let text = "```section:begin\ntitle: A\n```\n\ntext\n\n```section:begin\ntitle: B\n```\n\nmore\n";
    for sanitising in [Sanitising::Always, Sanitising::WhereThereIsHtml] {
        let html = render(text, sanitising).html;
        assert_eq!(html.matches("<details").count(), 2, "{html}");
        assert_eq!(html.matches("</details>").count(), 2, "{html}");
    }
}

#[test]
fn sections_nest_and_say_so_of_the_actions_in_them() {
    let text = "```section:begin\nname: a\n```\n```section:begin\nname: b\n```\n```execute\nls\n```\n\
                ```section:end\nname: a\n```\n```execute\npwd\n```\n```section:end\nname: a\n```\n";
    let actions = render(text, Sanitising::Always).actions;
    let within: Vec<_> = actions.iter().map(|block| block.sections.clone()).collect();
    assert_eq!(within, [vec![], vec![0], vec![0, 1], vec![0, 1], vec![], vec![]]);
    assert!(matches!(actions[3].action(), Some(Action::SectionEnd { .. })));
    assert!(actions[5].error().is_some_and(|error| error.reason.contains("no section named \"a\"")));
}
