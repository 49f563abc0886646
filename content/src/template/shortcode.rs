//! Evaluates a lab's own shortcodes: Go templates in `workshop/layouts/shortcodes`.
//!
//! What a template may use is what depends on the call alone: its parameters, the text that it encloses, the lab's
//! variables, and functions on these. Files, other pages and other sites are out of its reach.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, LazyLock};

use gotmpl::html::{HTML, Template};
use gotmpl::{MissingKey, TemplateError, ToValue, Value};
use regex::{Captures, Regex};

mod functions;

/// Maximum size of a template, in bytes.
const MAX_TEMPLATE_BYTES: usize = 64 * 1024;
/// Maximum size of what one call writes, in bytes.
const MAX_OUTPUT_BYTES: usize = 1024 * 1024;
/// Maximum number of rounds of all loops of a call.
const MAX_ROUNDS: u64 = 10_000;
/// Maximum nesting of brackets and blocks in a template: the parser calls itself for each.
const MAX_DEPTH: usize = 50;

/// The parameters of a call, and what it encloses.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    pub positional: Vec<String>,
    pub named: Vec<(String, String)>,
    /// The enclosed text. Empty if there is none.
    pub inner: String,
}

/// Why a shortcode cannot be evaluated, in words that follow "the shortcode".
pub(super) type Reason = String;

/// What the dialect writes as a method. gotmpl has fields and functions only.
static METHOD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // texts come first, so that nothing within one is taken for a method
    Regex::new(
        r#"(?x)
        "(?:[^"\\]|\\.)*" | `[^`]*`
        | (?P<site>\$?(?:\.Page)?\.Site\.Params\.(?P<variable>[A-Za-z_]\w*))
        | (?P<param>\$?(?:\.Page|\.Site|\.Page\.Site)?\.Param\b)
        | (?P<named>\$?\.Params\.(?P<parameter>[A-Za-z_]\w*))
        | (?P<get>\$?\.Get\b)
        | (?P<render>\$?(?:\.Page)?\.RenderString\b)
        | (?P<strings>\bstrings\.(?P<function>[A-Z][A-Za-z]*))
        # the field of something else
        | \$?[A-Za-z_]\w*(?:\.\w+)+
        "#,
    )
    .ok()
});

/// Replaces methods by functions within the template's actions.
fn without_methods(template: &str) -> String {
    let Some(method) = METHOD.as_ref() else { return template.to_owned() };
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{{") {
        let end = rest[start..].find("}}").map_or(rest.len(), |length| start + length);
        out.push_str(&rest[..start]);
        let replaced = method.replace_all(&rest[start..end], |found: &Captures<'_>| {
            let part = |name: &str| found.name(name).map(|part| part.as_str());
            match (part("variable"), part("parameter"), part("function")) {
                (Some(variable), ..) => format!("(siteParam {variable:?})"),
                (_, Some(parameter), _) => format!("(shortcodeGet {parameter:?})"),
                (.., Some(function)) => format!("strings{function}"),
                _ if part("param").is_some() => "siteParam".to_owned(),
                _ if part("get").is_some() => "shortcodeGet".to_owned(),
                _ if part("render").is_some() => "markdownify".to_owned(),
                _ => found[0].to_owned(),
            }
        });
        out.push_str(&replaced);
        rest = &rest[end..];
    }
    out + rest
}

/// Returns whether a template shows what the call encloses.
pub(super) fn encloses(template: &str) -> bool {
    template.contains(".Inner")
}

/// Evaluates a template for one call. `variable` finds the lab's variables.
pub(super) fn evaluate(
    template: &str,
    name: &str,
    parameters: &Parameters,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Reason> {
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(format!("has more than {MAX_TEMPLATE_BYTES} bytes"));
    }
    if nests_deeply(template) {
        return Err(format!("nests more than {MAX_DEPTH} deep"));
    }
    let source = without_methods(template);
    let variables = variables_in(&source, variable);
    let mut parsed = Template::new(name).max_range_iters(MAX_ROUNDS).missing_key(MissingKey::Error);
    for (name, function) in functions::all() {
        parsed = parsed.func(name, function);
    }
    let given = Arc::new(parameters.clone());
    let parsed = parsed.func("shortcodeGet", move |arguments| Ok(given.find(arguments))).func(
        "siteParam",
        move |arguments| {
            let value = arguments.first().and_then(Value::as_str).and_then(|name| variables.get(name));
            Ok(value.map_or(Value::Nil, ToValue::to_value))
        },
    );
    let mut out = Limited(String::new());
    let data = parameters.data(name);
    parsed
        .parse(&source)
        .and_then(|parsed| parsed.execute_fmt(&mut out, &data))
        .map_err(|error| reason(&error))?;
    Ok(out.0)
}

/// Looks up the variables that a template may ask for: every quoted name in it.
fn variables_in(source: &str, variable: &dyn Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    if !source.contains("siteParam") {
        return BTreeMap::new();
    }
    let quoted = source.split('"').skip(1).step_by(2);
    quoted.take(1000).filter_map(|name| Some((name.to_owned(), variable(name)?))).collect()
}

impl Parameters {
    /// Returns the parameter of a number or name. Returns nil if it is not given.
    fn find(&self, arguments: &[Value]) -> Value {
        let found = match arguments.first() {
            Some(Value::Int(number)) => usize::try_from(*number).ok().and_then(|at| self.positional.get(at)),
            Some(other) => other
                .as_str()
                .and_then(|name| self.named.iter().find(|(key, _)| key == name).map(|(_, value)| value)),
            None => None,
        };
        found.map_or_else(|| "".to_value(), ToValue::to_value)
    }

    fn data(&self, name: &str) -> Value {
        let params = if self.named.is_empty() {
            self.positional.to_value()
        } else {
            let named: BTreeMap<String, Value> =
                self.named.iter().map(|(key, value)| (key.clone(), value.to_value())).collect();
            named.to_value()
        };
        let inner = || HTML::from(self.inner.as_str()).to_value();
        let fields: BTreeMap<String, Value> = [
            ("Inner".to_owned(), inner()),
            ("InnerDeindent".to_owned(), inner()),
            ("IsNamedParams".to_owned(), (!self.named.is_empty()).to_value()),
            ("Name".to_owned(), name.to_value()),
            ("Ordinal".to_owned(), 0_i64.to_value()),
            ("Params".to_owned(), params),
        ]
        .into();
        fields.to_value()
    }
}

/// Returns why a template fails, in our own words.
fn reason(error: &TemplateError) -> Reason {
    match error {
        TemplateError::UndefinedFunction(name) => format!("calls `{name}`, which is not supported"),
        TemplateError::MissingKey { key } => format!("uses `.{key}`, which is not supported"),
        TemplateError::Parse { line, .. } | TemplateError::Lex { line, .. } => {
            format!("is no valid Go template in its line {line}")
        }
        _ => "uses more of Go's templates than is supported".to_owned(),
    }
}

fn nests_deeply(template: &str) -> bool {
    let (mut brackets, mut blocks, mut rest) = (0_usize, 0_usize, template);
    while let Some(at) = rest.find(['(', ')', '{']) {
        let found = &rest[at..];
        if found.starts_with('(') {
            brackets += 1;
        } else if found.starts_with(')') {
            brackets = brackets.saturating_sub(1);
        } else if let Some(action) = found.strip_prefix("{{") {
            brackets = 0;
            let word = action.trim_start_matches(['-', ' ', '\t', '\n']);
            // `else if` opens a block within the block
            if ["if", "with", "range", "block", "define", "else"].iter().any(|open| word.starts_with(open)) {
                blocks += 1;
            } else if word.starts_with("end") {
                blocks = blocks.saturating_sub(1);
            }
        }
        if brackets > MAX_DEPTH || blocks > MAX_DEPTH {
            return true;
        }
        rest = &found[1..];
    }
    false
}

/// A text that refuses to grow too long.
struct Limited(String);

impl fmt::Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_OUTPUT_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

/// Marks the enclosed text in a template's output.
const INNER_MARK: &str = "\u{fdd2}";

/// Writes the output of a call into a page's text. An enclosed text of several lines is a block of its own, so that it is
/// read as Markdown with its actions.
pub(super) fn place(
    template: &str,
    name: &str,
    parameters: Parameters,
    indent: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Reason> {
    if !parameters.inner.trim().contains('\n') {
        return evaluate(template, name, &parameters, variable).map(|html| one_block(&html, indent));
    }
    let marked = Parameters { inner: INNER_MARK.to_owned(), ..parameters.clone() };
    let html = evaluate(template, name, &marked, variable)?;
    let mut out = String::new();
    for (at, piece) in html.split(INNER_MARK).enumerate() {
        if at > 0 {
            // writing to a String cannot fail
            let _ = write!(out, "\n\n{}\n\n{indent}", parameters.inner.trim_matches('\n'));
        }
        out.push_str(&one_block(piece, indent));
        if out.len() > MAX_OUTPUT_BYTES {
            return Err(format!("writes more than {MAX_OUTPUT_BYTES} bytes"));
        }
    }
    Ok(out)
}

/// Returns HTML without the blank lines and indentation by which Markdown would end it or take it for code.
fn one_block(html: &str, indent: &str) -> String {
    if html.contains("<pre") {
        return html.trim().to_owned();
    }
    let lines: Vec<&str> = html.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join(&format!("\n{indent}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(
        template: &str,
        positional: &[&str],
        named: &[(&str, &str)],
        inner: &str,
    ) -> Result<String, Reason> {
        let parameters = Parameters {
            positional: positional.iter().map(|one| (*one).to_owned()).collect(),
            named: named.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            inner: inner.to_owned(),
        };
        let variable = |name: &str| (name == "session_namespace").then(|| "lab-7".to_owned());
        place(template, "own", parameters, "", &variable)
    }

    #[test]
    fn parameters_are_read_by_number_and_by_name() {
        assert_eq!(call("<b>{{ .Get 0 }}-{{ .Get 1 }}</b>", &["x", "y"], &[], ""), Ok("<b>x-y</b>".into()));
        let template = "{{ $size := .Get \"size\" | default \"small\" }}<i class=\"{{ .Get \"kind\" }}\">{{ $size }}</i>";
        assert_eq!(call(template, &[], &[("kind", "a\"b")], ""), Ok("<i class=\"a&#34;b\">small</i>".into()));
        assert_eq!(call("{{ .Params.a }}{{ index .Params 0 }}", &["x"], &[], ""), Ok("x".into()));
        assert_eq!(
            call(
                "{{ .Site.Params.session_namespace }} {{ .Page.Param \"session_namespace\" }}",
                &[],
                &[],
                ""
            ),
            Ok("lab-7 lab-7".into())
        );
    }

    #[test]
    fn conditions_and_loops_on_parameters_work() {
        let template =
            "{{ if eq (.Get 0) \"a\" }}yes{{ else }}no{{ end }}{{ with .Get 1 }}[{{ . | upper }}]{{ end }}";
        assert_eq!(call(template, &["a", "b"], &[], ""), Ok("yes[B]".into()));
        assert_eq!(call(template, &["c"], &[], ""), Ok("no".into()));
        let template = "{{ range $i, $x := split (.Get 0) \",\" }}<li>{{ $i }}{{ $x }}</li>{{ end }}{{ printf \"%s!\" (.Get 0) }}";
        assert_eq!(call(template, &["a,b"], &[], ""), Ok("<li>0a</li><li>1b</li>a,b!".into()));
    }

    #[test]
    fn an_enclosed_text_of_one_line_stays_in_it_and_a_longer_one_is_markdown() {
        assert_eq!(call("<kbd>{{ .Inner }}</kbd>", &[], &[], "Ctrl"), Ok("<kbd>Ctrl</kbd>".into()));
        let template = "<div class=\"note\">\n\n    {{ .Inner | markdownify }}\n</div>\n";
        assert_eq!(
            call(template, &[], &[], "\n*a*\n\n```execute\nls\n```\n"),
            Ok("<div class=\"note\">\n\n*a*\n\n```execute\nls\n```\n\n</div>".into())
        );
    }

    #[test]
    fn what_goes_beyond_parameters_is_named() {
        for (template, part) in [
            ("{{ resources.Get \"x\" }}", "`resources`"),
            ("{{ .Page.Title }}", "`.Page`"),
            ("{{ partial \"x\" . }}", "`partial`"),
            ("{{ if }}", "no valid Go template"),
        ] {
            let reason = call(template, &[], &[], "").unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn no_template_grows_or_nests_without_limit() {
        let doubling = "{{ $x := \"0123456789\" }}".to_owned()
            + &"{{ $x = printf \"%s%s\" $x $x }}".repeat(60)
            + "{{ $x }}";
        let nested = "{{ if true }}".repeat(5_000);
        let bracketed = format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000));
        let looping = "{{ range seq 100000 }}".repeat(3) + "x" + &"{{ end }}".repeat(3);
        for template in [doubling, nested, bracketed, looping] {
            assert!(call(&template, &[], &[], "").is_err());
        }
    }
}
