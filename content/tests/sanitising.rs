//! Nothing that could run, load or pretend reaches the browser.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::fs;

use lectern_content::{Lab, RenderOptions, Variables};

/// What people try, as a page's Markdown or HTML.
const VECTORS: &[&str] = &[
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.test/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src=\"javascript:alert(1)\">",
    "<img src=x:alert(1) onerror=eval(src)>",
    "<img/src=x/onerror=alert(1)>",
    "<img src=`x` onerror=alert(1)>",
    "<img \"\"\"><script>alert(1)</script>\">",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<math><a xlink:href=\"javascript:alert(1)\">x</a></math>",
    "<iframe src=\"javascript:alert(1)\"></iframe>",
    "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
    "<object data=\"javascript:alert(1)\"></object>",
    "<embed src=\"javascript:alert(1)\">",
    "<form action=\"javascript:alert(1)\"><input type=submit></form>",
    "<button formaction=\"javascript:alert(1)\">x</button>",
    "<input type=image src=x onerror=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=\"alert(1)\"></video>",
    "<audio src=x onerror=alert(1)>",
    "<link rel=stylesheet href=//evil.test/x.css>",
    "<style>@import '//evil.test/x.css';</style>",
    "<div style=\"background:url(javascript:alert(1))\">x</div>",
    "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
    "<base href=\"javascript:alert(1)//\">",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<a href=\"&#106;avascript:alert(1)\">x</a>",
    "<a href=\"java\tscript:alert(1)\">x</a>",
    "<a href=\"\u{1}javascript:alert(1)\">x</a>",
    "<a href=\"vbscript:msgbox(1)\">x</a>",
    "<a href=\"data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==\">x</a>",
    "[x](javascript:alert(1))",
    "[x](<java script:alert(1)>)",
    "[x](data:text/html,<script>alert(1)</script>)",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    "![x](y \"onerror=alert(1)\")",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<template><script>alert(1)</script></template>",
    "<xmp><p title=\"</xmp><img src=x onerror=alert(1)>\">",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<a title=\"\n\n```section:begin\ntitle: x\n```\n\n\"><img src=x onerror=alert(1)>",
    "```section:begin\nname: '\"><img src=x onerror=alert(1)>'\ntitle: '<script>alert(1)</script>'\ndescription: '<script>alert(1)</script>'\n```",
    "```<script>alert(1)</script>\nx\n```",
    "```\"onmouseover=alert(1)\nx\n```",
    "# <img src=x onerror=alert(1)>\n\ntext",
    "{{< note title=\"<img src=x onerror=alert(1)>\" >}}x{{< /note >}}",
    "{{< figure src=\"javascript:alert(1)\" alt=\"](javascript:alert(1))\" >}}",
    "{{< param evil >}}",
    "`x`{{< copy >}}<script>alert(1)</script>",
    "> [!NOTE] <script>alert(1)</script>\n> x",
    "text[^1]\n\n[^1]: <script>alert(1)</script>",
];

fn html_of(markdown: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("lab");
    fs::create_dir_all(root.join("workshop/content")).unwrap();
    fs::write(root.join("workshop/content/page.md"), markdown).unwrap();
    fs::create_dir_all(root.join("workshop/content/files")).unwrap();
    fs::write(root.join("workshop/content/files/x.pdf"), "x").unwrap();
    let variables = Variables::new().with("evil", "<script>alert(1)</script>");
    let lab = Lab::load(&root).unwrap();
    lab.render_page("page", &variables, &RenderOptions::new("/files")).unwrap().html
}

/// Reads the HTML's tags as a browser would after the sanitiser's tidying: every `<` opens a tag, every attribute has a
/// quoted value.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let attribute = regex::Regex::new(r#"([a-zA-Z0-9:_-]+)="([^"]*)""#).unwrap();
    html.split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with('/'))
        .map(|tag| {
            let name: String = tag.chars().take_while(|letter| letter.is_ascii_alphanumeric()).collect();
            let attributes = attribute
                .captures_iter(tag)
                .map(|found| (found[1].to_lowercase(), found[2].to_lowercase()))
                .collect();
            (name.to_lowercase(), attributes)
        })
        .collect()
}

#[test]
fn no_known_vector_survives() {
    const TAGS: &[&str] = &[
        "a",
        "aside",
        "p",
        "h1",
        "h2",
        "img",
        "code",
        "pre",
        "div",
        "details",
        "summary",
        "input",
        "ul",
        "li",
        "ol",
        "sup",
        "section",
        "blockquote",
        "br",
        "table",
        "tbody",
        "tr",
        "td",
        "span",
        "em",
        "strong",
    ];
    const ATTRIBUTES: &[&str] = &[
        "href",
        "src",
        "alt",
        "title",
        "class",
        "id",
        "rel",
        "target",
        "open",
        "data-action",
        "data-section",
        "data-section-begin",
        "type",
        "disabled",
        "checked",
        "start",
        "lang",
        "dir",
    ];
    assert!(VECTORS.len() >= 40);
    // a page this long is not sanitised as a whole if it has no HTML of its own
    let padding = format!("\n\n    {}\n\n", "x".repeat(300_000));
    let long = VECTORS.iter().map(|vector| format!("{vector}{padding}"));
    for vector in VECTORS.iter().map(|vector| (*vector).to_owned()).chain(long) {
        let html = html_of(&vector);
        let html = html.replace(&"x".repeat(300_000), "");
        let vector = vector.trim_end_matches(['x', '\n', ' ']);
        for (tag, attributes) in tags(&html) {
            assert!(TAGS.contains(&tag.as_str()), "{vector}\nleaves <{tag}> in\n{html}");
            for (name, value) in attributes {
                assert!(ATTRIBUTES.contains(&name.as_str()), "{vector}\nleaves {name} in\n{html}");
                if name == "href" || name == "src" {
                    let scheme = value.split(['/', '#', '?']).next().unwrap_or_default();
                    let safe = !scheme.contains(':')
                        || ["http:", "https:", "mailto:"].contains(&scheme)
                        || value.starts_with("mailto:");
                    assert!(safe, "{vector}\nleaves {value} in\n{html}");
                }
            }
        }
    }
}

#[test]
fn a_page_cannot_make_places_for_actions() {
    let html = html_of(
        "<div data-action=\"0\" id=\"app\" data-section-begin=\"1\">x</div>\n\n```execute\nls\n```\n",
    );
    assert_eq!(html.matches("data-action").count(), 1, "{html}");
    assert!(html.contains("<div id=\"page-app\">x</div>"), "{html}");
}

#[test]
fn a_page_has_the_dialects_classes_and_none_of_the_apps() {
    let html = html_of(
        "<div class=\"curtain dialog\">a</div>\n\n<div class=\"banner note\tbutton hl-key\">b</div>\n\n\
         <p class=\"admonition warning\">c</p>\n\n> [!TIP]\n> d\n\n```yaml\na: b\n```\n\ntext[^1]\n\n[^1]: e\n",
    );
    for part in [
        "<div>a</div>",
        "<div class=\"note hl-key\">b</div>",
        "<p class=\"admonition warning\">c</p>",
        "<aside class=\"admonition tip\">",
        "<code class=\"language-yaml\">",
        "class=\"footnotes\"",
        "class=\"footnote-ref\"",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[test]
fn useful_html_survives() {
    let html = html_of(
        "<details open><summary>More</summary>\n\nwords <b>bold</b> <kbd>x</kbd>\n\n</details>\n\n- [x] done\n- [ ] open\n",
    );
    for part in
        ["<details open=\"\">", "<summary>More</summary>", "<b>bold</b>", "<kbd>x</kbd>", "type=\"checkbox\""]
    {
        assert!(html.contains(part), "{part} in {html}");
    }
}

#[test]
fn images_and_links_point_to_where_they_are_served() {
    let page = "![a](images/a%20b.png) <img src=\"./c.png\"> ![d](../../secret.png) ![e](/static.png) [f](page.md) [g](files/x.pdf) [h](#Step)";
    let long = format!(
        "{}\n\n    {}\n",
        page.replace("<img src=\"./c.png\">", "![c](./c.png)"),
        "x".repeat(300_000)
    );
    check_addresses(&html_of(page));
    check_addresses(&html_of(&long));
}

fn check_addresses(html: &str) {
    for part in [
        "src=\"/files/images/a%20b.png\"",
        "src=\"/files/c.png\"",
        "src=\"/files/static.png\"",
        "href=\"#page=page\"",
        "href=\"/files/files/x.pdf\"",
        "href=\"#page-Step\"",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(!html.contains("secret"), "{html}");
}
