//! Fills in a page's variables before Markdown is parsed, in code blocks too, as the dialect demands.
//!
//! The text is cut into pieces in one pass. Only expressions and tags of Liquid go to the `liquid` crate; the text
//! between them is replaced by marks. So long pages cost nothing there, and text that only looks like Liquid, such as a Go
//! template in a command, stays as the author wrote it.

mod classic;
mod grammar;
mod hugo;
mod include;
mod pieces;
mod shortcode;

use std::cell::RefCell;
use std::ops::Range;

/// Marks a place where `{{copy}}` makes the code before it copyable.
pub(crate) const COPY_MARK: char = '\u{fdd0}';
/// Encloses the number of a text that is hidden from Liquid.
const TEXT_MARK: char = '\u{fdd1}';
/// Maximum length of a tag or expression, in bytes.
const MAX_TAG_BYTES: usize = 2000;
/// Maximum number of notices for one page.
const MAX_NOTICES: usize = 1000;
/// Maximum size of a page after substitution, in bytes.
const MAX_EXPANDED_BYTES: usize = 32 * 1024 * 1024;

/// The substitutions of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Liquid and `%name%`.
    Classic,
    /// Shortcodes.
    Hugo,
    /// Shortcodes, and Liquid expressions that name a known variable: the lab does not say which style it has.
    Either,
}

/// Where substitution gets values and texts from.
pub(crate) struct Sources<'a> {
    /// Finds a variable's value.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Finds the text of an included file.
    pub include: &'a dyn Fn(&str) -> Option<String>,
    /// Finds the template of one of the lab's own shortcodes.
    pub shortcode: &'a dyn Fn(&str) -> Option<String>,
    /// The chosen pathway.
    pub pathway: Option<&'a str>,
    /// Whether to keep the text of every pathway, not just of the chosen one.
    pub every_pathway: bool,
    /// The address under which static files are served.
    pub base_url: &'a str,
}

/// Something that substitution noticed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Notice {
    /// The place, as a byte offset into the page's text.
    pub offset: usize,
    pub kind: NoticeKind,
}

/// The kind of a notice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NoticeKind {
    /// A variable of this name has no value.
    UnknownVariable(String),
    /// There is no such shortcode.
    UnknownShortcode(String),
    /// A shortcode of the lab's own goes beyond what is supported.
    BadShortcode { name: String, reason: String },
    /// An included file does not exist.
    MissingInclude(String),
    /// A tag is invalid and stays as it is.
    BadTag(String),
}

/// A place where an included file replaces the tag that includes it.
struct Splice {
    /// The file's text.
    new: Range<usize>,
    /// The tag.
    old: Range<usize>,
}

/// Collects the notices of all substitutions.
#[derive(Default)]
struct Notices {
    found: RefCell<Vec<Notice>>,
    splices: RefCell<Vec<Splice>>,
}

impl Notices {
    fn add(&self, offset: usize, kind: NoticeKind) {
        let mut found = self.found.borrow_mut();
        if found.len() < MAX_NOTICES {
            found.push(Notice { offset: self.origin(offset), kind });
        }
    }

    /// Maps the offsets of later notices through included files.
    fn splice(&self, splices: Vec<Splice>) {
        self.splices.replace(splices);
    }

    /// Returns the offset in the author's text. For an included file it is that of the tag that includes it.
    fn origin(&self, offset: usize) -> usize {
        let splices = self.splices.borrow();
        let before = splices.partition_point(|splice| splice.new.start <= offset);
        match before.checked_sub(1).and_then(|last| splices.get(last)) {
            None => offset,
            Some(splice) if offset < splice.new.end => splice.old.start,
            Some(splice) => offset - splice.new.end + splice.old.end,
        }
    }
}

/// Fills in a page's variables.
pub(crate) fn expand(text: &str, style: Style, sources: &Sources<'_>) -> (String, Vec<Notice>) {
    let notices = Notices::default();
    let text = if text.contains(is_mark) { text.replace(is_mark, "") } else { text.to_owned() };
    let mut expanded = match style {
        Style::Classic => classic::expand(&text, sources, &notices),
        Style::Hugo => hugo::expand(&text, sources, &notices),
        Style::Either => {
            let text = hugo::expand(&text, sources, &notices);
            classic::expand_known(&text, sources)
        }
    };
    if style != Style::Hugo {
        expanded = classic::expand_percent(expanded, sources);
    }
    (expanded, notices.found.into_inner())
}

fn is_mark(letter: char) -> bool {
    matches!(letter, COPY_MARK | TEXT_MARK | '\u{fdd2}')
}

/// Finds a variable's value, and removes our marks from it.
fn value_of(sources: &Sources<'_>, name: &str) -> Option<String> {
    let value = (sources.variable)(name)?;
    Some(if value.contains(is_mark) { value.replace(is_mark, "") } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, style: Style, pathway: Option<&str>) -> (String, Vec<NoticeKind>) {
        let variable = |name: &str| match name {
            "session_namespace" => Some("lab-7".to_owned()),
            "ingress_domain" => Some("example.test".to_owned()),
            "empty_one" => Some(String::new()),
            _ => None,
        };
        let include = |name: &str| match name {
            "part.md" => Some("part of {{ session_namespace }}".to_owned()),
            "loop.md" => Some("{% include 'loop.md' %}{% include 'loop.md' %}".to_owned()),
            _ => None,
        };
        let sources = Sources {
            variable: &variable,
            include: &include,
            shortcode: &|name| (name == "own").then(|| "<b>{{ .Get 0 }}</b>{{ .Inner }}".to_owned()),
            pathway,
            every_pathway: pathway == Some("every"),
            base_url: "/files",
        };
        let (text, notices) = expand(text, style, &sources);
        (text, notices.into_iter().map(|notice| notice.kind).collect())
    }

    fn classic(text: &str) -> String {
        with(text, Style::Classic, None).0
    }

    fn hugo(text: &str) -> String {
        with(text, Style::Hugo, None).0
    }

    #[test]
    fn liquid_and_percent_variables_are_filled_in() {
        assert_eq!(classic("a {{session_namespace}}.{{ ingress_domain }} b"), "a lab-7.example.test b");
        assert_eq!(classic("%session_namespace% and %other%"), "lab-7 and %other%");
    }

    #[test]
    fn an_unknown_variable_renders_empty_and_is_noticed() {
        let (text, notices) = with("a{{ nothing }}b", Style::Classic, None);
        assert_eq!(text, "ab");
        assert_eq!(notices, [NoticeKind::UnknownVariable("nothing".into())]);
    }

    #[test]
    fn conditions_choose() {
        let page = "{% if session_namespace == 'lab-7' %}yes{% else %}no{% endif %} {% unless missing %}none{% endunless %}";
        assert_eq!(classic(page), "yes none");
        assert_eq!(classic("{% if nothing %}a{% elsif session_namespace %}b{% endif %}"), "b");
        assert_eq!(classic("x\n{%- if session_namespace -%}\n y {%- endif %}"), "xy");
    }

    #[test]
    fn filters_and_assignments_work() {
        assert_eq!(classic("{{ nothing | default: 'plain' }}"), "plain");
        assert_eq!(classic("{% assign a = session_namespace | upcase %}{{ a }}"), "LAB-7");
    }

    #[test]
    fn a_go_template_stays_as_it_is() {
        let go = r#"kubectl get pods -o go-template='{{range .items}}{{.metadata.name}}{{"\n"}}{{end}}'"#;
        assert_eq!(classic(go), go);
        assert_eq!(classic(&format!("{{% if session_namespace %}}{go}{{% endif %}}")), go);
    }

    #[test]
    fn raw_text_stays_raw_and_comments_go() {
        assert_eq!(
            classic("{% raw %}{{ session_namespace }}{% endraw %}{% comment %}x{% endcomment %}"),
            "{{ session_namespace }}"
        );
    }

    #[test]
    fn an_unknown_tag_stays_and_the_rest_is_filled_in() {
        let (text, notices) =
            with("{% for x in y %}{{ session_namespace }}{% endfor %}", Style::Classic, None);
        assert_eq!(text, "{% for x in y %}lab-7{% endfor %}");
        assert_eq!(notices.len(), 2);
    }

    #[test]
    fn a_tag_that_cannot_be_read_stays_and_the_rest_is_filled_in() {
        let (text, notices) = with(
            "{% assign x.md\" %}{% if session_namespace %}{{ session_namespace }}{% endif %}",
            Style::Classic,
            None,
        );
        assert_eq!(text, "{% assign x.md\" %}{% if session_namespace %}lab-7{% endif %}");
        assert_eq!(notices, [NoticeKind::BadTag("`assign` cannot be followed by `x.md\"`".into())]);
        assert_eq!(classic("{{ '{{' }}{%\tif session_namespace %}\u{a0}x{% endif %}"), "{{\u{a0}x");
    }

    #[test]
    fn an_unclosed_condition_does_not_lose_the_page() {
        let (text, notices) = with("{% if session_namespace %}{{ session_namespace }}", Style::Classic, None);
        assert_eq!(text, "{% if session_namespace %}lab-7");
        assert!(matches!(notices[0], NoticeKind::BadTag(_)));
    }

    #[test]
    fn files_are_included_but_not_for_ever() {
        assert_eq!(classic("[{% include \"part.md\" %}]"), "[part of lab-7]");
        let (text, notices) = with("{% include 'loop.md' %}", Style::Classic, None);
        assert!(text.starts_with("[loop.md: this file is not part of the lab"), "{text}");
        assert!(notices.contains(&NoticeKind::MissingInclude("loop.md".into())));
    }

    #[test]
    fn a_file_that_set_up_makes_leaves_a_note_and_the_rest_of_the_page() {
        let (text, notices) =
            with("a {% include '/home/eduk8s/made.md' %} {{ session_namespace }}", Style::Classic, None);
        assert_eq!(
            text,
            "a [/home/eduk8s/made.md: this file is not part of the lab, so its text is missing here] lab-7"
        );
        assert_eq!(notices, [NoticeKind::MissingInclude("/home/eduk8s/made.md".into())]);
    }

    #[test]
    fn a_notice_names_a_place_of_the_page_also_after_an_include() {
        let page =
            "{% include 'part.md' %} {{ one }}\n{% include 'part.md' %}{% include 'none.md' %}{{ two }}";
        let include = |name: &str| (name == "part.md").then(|| "a longer text with {{ three }}".to_owned());
        let sources = Sources {
            variable: &|_| None,
            include: &include,
            shortcode: &|_| None,
            pathway: None,
            every_pathway: false,
            base_url: "",
        };
        let (_, notices) = expand(page, Style::Classic, &sources);
        let mut places: Vec<_> =
            notices.iter().map(|notice| &page[notice.offset..notice.offset + 5]).collect();
        places.sort_unstable();
        assert_eq!(places, ["{% in", "{% in", "{% in", "{{ on", "{{ tw"]);
    }

    #[test]
    fn assigning_cannot_double_a_text_without_end() {
        let mut page = String::from("{% assign a = 'xxxxxxxxxx' %}");
        for _ in 0..60 {
            page.push_str("{% assign a = a | append: a %}");
        }
        page.push_str("{{ a }}");
        assert!(classic(&page).len() < 4 * page.len());
    }

    #[test]
    fn shortcodes_are_filled_in() {
        assert_eq!(
            hugo("{{< param session_namespace >}} {{% param \"ingress_domain\" %}}"),
            "lab-7 example.test"
        );
        assert_eq!(hugo("{{< baseurl >}}/a.png"), "/files/a.png");
        assert_eq!(hugo("{{</* note */>}} {{ x }}"), "{{< note >}} {{ x }}");
    }

    #[test]
    fn a_shortcode_in_a_list_keeps_its_place() {
        let page = hugo("1. one\n\n   {{< note title=\"A <b>\" >}}\n   text\n   {{< /note >}}\n");
        assert!(
            page.contains("   <aside class=\"admonition note\"><p class=\"admonition-title\">A &lt;b></p>")
        );
        assert!(page.contains("\n   </aside>"));
    }

    #[test]
    fn a_labs_own_shortcodes_nest() {
        assert_eq!(
            hugo("{{< own a >}}x{{< own b >}}y{{< /own >}}{{< param session_namespace >}}{{< /own >}}z"),
            "<b>a</b>x<b>b</b>ylab-7z"
        );
        assert_eq!(hugo("{{< own a >}} open"), "<b>a</b> open");
        assert_eq!(hugo("{{< own a />}}{{< own b >}}c{{< /own >}}"), "<b>a</b><b>b</b>c");
    }

    #[test]
    fn only_the_chosen_pathway_is_kept() {
        let page = "a{{< pathway x >}}b{{< /pathway >}}c";
        assert_eq!(with(page, Style::Hugo, Some("x")).0, "abc");
        assert_eq!(with(page, Style::Hugo, Some("y")).0, "ac");
        assert_eq!(with(page, Style::Hugo, None).0, "ac");
        assert_eq!(with(page, Style::Hugo, Some("every")).0, "abc");
    }

    #[test]
    fn an_undecided_lab_fills_in_what_is_known_only() {
        let (text, _) =
            with("{{ session_namespace }} {{ other }} {{< param ingress_domain >}}", Style::Either, None);
        assert_eq!(text, "lab-7 {{ other }} example.test");
    }

    #[test]
    fn many_opening_braces_take_no_more_than_linear_time() {
        let started = std::time::Instant::now();
        for pattern in ["{{", "{%", "{{<", "{% raw %}", "{{%", "{% if a %}", "{{ a }}", "%a%", "{{< own >}}"]
        {
            let page = pattern.repeat(20_000);
            classic(&page);
            hugo(&page);
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }
}
