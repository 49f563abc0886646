//! The form that a learner fills in before a check runs. Pure.
//!
//! The dialect takes it from jsonform: `schema` describes the fields, `form` their order and the button. Only what labs
//! use is supported. An answer has the type that its field asks for.

use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub fields: Vec<Field>,
    /// The button's label.
    pub submit: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub key: String,
    pub title: String,
    /// An explanation; may be empty.
    pub hint: String,
    pub kind: Kind,
    pub default: String,
    pub required: bool,
}

/// How a field is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In an HTML input of this type.
    Input(&'static str),
    /// With a number.
    Number(Bounds),
    /// With several lines.
    Lines,
    /// With a tick.
    Tick,
    /// With one of these.
    Choice(Vec<Value>),
}

/// What a number may be, as the attributes of an HTML input; empty where there is no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub step: String,
    pub min: String,
    pub max: String,
}

impl Bounds {
    fn read(rules: &Value, is_whole: bool) -> Self {
        let bound = |key| rules.get(key).map(plain).unwrap_or_default();
        let step = rules.get("multipleOf").map(plain);
        Self {
            step: step.unwrap_or_else(|| if is_whole { "1" } else { "any" }.to_owned()),
            min: bound("minimum"),
            max: bound("maximum"),
        }
    }
}

impl Form {
    /// Reads the `inputs` of a check. Returns `None` if they have no fields.
    #[must_use]
    pub fn read(inputs: &Value) -> Option<Self> {
        let schema = inputs.get("schema")?;
        // both a schema and its properties alone are taken
        let fields = schema.get("properties").filter(|fields| fields.is_object()).unwrap_or(schema);
        let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice);
        let rules = (fields.as_object().filter(|fields| !fields.is_empty())?, required.unwrap_or_default());
        let order = inputs.get("form").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut form = Self { fields: Vec::new(), submit: "Submit".to_owned() };
        for element in order {
            let kind = element.get("type").and_then(Value::as_str);
            match (element.as_str().or_else(|| element.get("key")?.as_str()), kind) {
                (Some("*"), _) => form.add_all(rules),
                (Some(key), _) => form.add(rules, key, kind),
                (None, Some("submit")) => form.submit = text(element, "title").unwrap_or(form.submit),
                _ => {}
            }
        }
        // without an order, all fields are shown
        if form.fields.is_empty() {
            form.add_all(rules);
        }
        Some(form)
    }

    /// Adds the fields that are missing; the server has put them into the author's order already.
    fn add_all(&mut self, rules: Rules<'_>) {
        rules.0.keys().for_each(|key| self.add(rules, key, None));
    }

    fn add(&mut self, (fields, required): Rules<'_>, key: &str, style: Option<&str>) {
        let Some(rules) = fields.get(key) else { return };
        if self.fields.iter().any(|field| field.key == key) {
            return;
        }
        let choices = rules.get("enum").and_then(Value::as_array);
        let kind = match (choices, rules.get("type").and_then(Value::as_str), style) {
            (Some(choices), ..) => Kind::Choice(choices.clone()),
            (_, Some("boolean"), _) => Kind::Tick,
            (_, Some(number @ ("integer" | "number")), _) => {
                Kind::Number(Bounds::read(rules, number == "integer"))
            }
            (_, _, Some("textarea")) => Kind::Lines,
            (_, _, Some("password")) => Kind::Input("password"),
            (_, _, Some("email")) => Kind::Input("email"),
            _ => Kind::Input("text"),
        };
        self.fields.push(Field {
            key: key.to_owned(),
            title: text(rules, "title").unwrap_or_else(|| key.to_owned()),
            hint: text(rules, "description").unwrap_or_default(),
            default: rules.get("default").map(plain).unwrap_or_default(),
            required: (rules.get("required") == Some(&Value::Bool(true))
                || required.iter().any(|name| name == key))
                && kind != Kind::Tick,
            kind,
        });
    }

    /// Returns what the check reads; `values` are the answers in the order of the fields. A number that is not given is
    /// left out.
    #[must_use]
    pub fn answers(&self, values: &[String]) -> Value {
        let mut answers = Map::new();
        for (field, value) in self.fields.iter().zip(values) {
            if let Some(answer) = field.answer(value) {
                answers.insert(field.key.clone(), answer);
            }
        }
        Value::Object(answers)
    }
}

/// The fields of a schema, and the names of those that it requires.
type Rules<'a> = (&'a Map<String, Value>, &'a [Value]);

impl Field {
    fn answer(&self, value: &str) -> Option<Value> {
        match &self.kind {
            Kind::Tick => Some(Value::Bool(value == "true")),
            Kind::Number(_) => number(value.trim()),
            Kind::Choice(choices) => {
                Some(choices.iter().find(|choice| plain(choice) == value).cloned().unwrap_or_default())
            }
            Kind::Input(_) | Kind::Lines => Some(value.into()),
        }
    }
}

/// Reads a number as a browser's input gives it, which may be `.5` or `007`. JSON's reader is in the app anyway; Rust's own
/// would add ten kilobytes.
fn number(text: &str) -> Option<Value> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let without_zeros = digits.trim_start_matches('0');
    let begins_with_digit = without_zeros.starts_with(|letter: char| letter.is_ascii_digit());
    let zero = if begins_with_digit || digits.is_empty() { "" } else { "0" };
    let number = serde_json::from_str::<Value>(&[sign, zero, without_zeros].concat()).ok();
    number.filter(Value::is_number)
}

fn text(of: &Value, key: &str) -> Option<String> {
    of.get(key)?.as_str().map(str::to_owned)
}

/// Returns the text of a value in an input.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form() -> Form {
        Form::read(&json!({
            "schema": {
                "name": {"type": "string", "title": "Name:", "default": "my-app", "required": true},
                "replicas": {"type": "integer", "default": "1", "minimum": 1, "maximum": 9},
                "debug": {"type": "boolean", "required": true},
                "size": {"type": "string", "enum": ["S", "L"], "default": "L"},
                "share": {"type": "number", "maximum": 0.5},
                "ports": {"type": "integer", "enum": [80, 443], "default": 80},
            },
            "form": ["size", "replicas", "name", "debug", "share", "ports", {"type": "submit", "title": "Deploy"}],
        }))
        .unwrap()
    }

    #[test]
    fn the_author_says_which_question_comes_first_and_what_the_button_says() {
        let form = form();
        assert_eq!(form.submit, "Deploy");
        assert_eq!(form.fields[0].kind, Kind::Choice(vec![json!("S"), json!("L")]));
        let keys: Vec<_> = form.fields.iter().map(|field| field.key.as_str()).collect();
        assert_eq!(keys, ["size", "replicas", "name", "debug", "share", "ports"]);
        let name = form.fields.iter().find(|field| field.key == "name").unwrap();
        assert!(name.required && name.title == "Name:" && name.default == "my-app");
        let debug = form.fields.iter().find(|field| field.key == "debug").unwrap();
        assert!(!debug.required, "a tick is an answer either way");
    }

    #[test]
    fn a_number_has_the_authors_bounds_and_an_integer_no_fraction() {
        let form = form();
        let bounds = |at: usize| {
            let Kind::Number(bounds) = &form.fields[at].kind else { panic!("{:?}", form.fields[at]) };
            (bounds.step.as_str(), bounds.min.as_str(), bounds.max.as_str())
        };
        assert_eq!((bounds(1), bounds(4)), (("1", "1", "9"), ("any", "", "0.5")));
    }

    #[test]
    fn an_answer_has_the_type_that_its_field_asks_for() {
        let form = form();
        let mut values: Vec<_> = form.fields.iter().map(|field| field.default.clone()).collect();
        let left_alone = json!({"size": "L", "replicas": 1, "name": "my-app", "debug": false, "ports": 80});
        assert_eq!(form.answers(&values), left_alone);
        for (at, value) in ["S", " 7", "x", "true", ".25", "443"].into_iter().enumerate() {
            values[at] = value.to_owned();
        }
        let filled_in =
            json!({"size": "S", "replicas": 7, "name": "x", "debug": true, "share": 0.25, "ports": 443});
        assert_eq!(form.answers(&values), filled_in);
    }

    #[test]
    fn a_number_is_read_as_a_browser_writes_it() {
        for (written, read) in
            [("7", json!(7)), ("007", json!(7)), ("0", json!(0)), (".5", json!(0.5)), ("-0.5", json!(-0.5))]
        {
            assert_eq!(number(written), Some(read), "{written}");
        }
        assert_eq!(number("1e3"), Some(json!(1000.0)));
        for nothing in ["", "-", "x", "true", "[1]"] {
            assert_eq!(number(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_whole_schema_is_read_like_its_properties() {
        let form = Form::read(&json!({
            "schema": {"type": "object", "required": ["b"], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
            "form": ["b", "a"],
        }))
        .unwrap();
        let fields: Vec<_> = form.fields.iter().map(|field| (field.key.as_str(), field.required)).collect();
        assert_eq!(fields, [("b", true), ("a", false)]);
    }

    #[test]
    fn a_check_without_questions_has_no_form() {
        for nothing in [json!(null), json!({}), json!({"schema": {}}), json!({"form": ["*"]})] {
            assert_eq!(Form::read(&nothing), None, "{nothing}");
        }
    }
}
