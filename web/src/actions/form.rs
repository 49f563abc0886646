//! The form that a learner fills in before a check runs. Pure.
//!
//! The dialect takes it from jsonform: `schema` describes the fields, `form` their order and the button. Only what labs
//! use is supported. Answers are texts, as a browser's own form would send them.

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
    /// With several lines.
    Lines,
    /// With a tick.
    Tick,
    /// With one of these.
    Choice(Vec<String>),
}

impl Form {
    /// Reads the `inputs` of a check. Returns `None` if they have no fields.
    #[must_use]
    pub fn read(inputs: &Value) -> Option<Self> {
        let schema = inputs.get("schema")?.as_object().filter(|schema| !schema.is_empty())?;
        let order = inputs.get("form").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let mut form = Self { fields: Vec::new(), submit: "Submit".to_owned() };
        for element in order {
            let kind = element.get("type").and_then(Value::as_str);
            match (element.as_str().or_else(|| element.get("key")?.as_str()), kind) {
                (Some("*"), _) => form.add_all(schema),
                (Some(key), _) => form.add(schema, key, kind),
                (None, Some("submit")) => form.submit = text(element, "title").unwrap_or(form.submit),
                _ => {}
            }
        }
        // without an order, all fields are shown
        if form.fields.is_empty() {
            form.add_all(schema);
        }
        Some(form)
    }

    fn add_all(&mut self, schema: &Map<String, Value>) {
        schema.keys().for_each(|key| self.add(schema, key, None));
    }

    fn add(&mut self, schema: &Map<String, Value>, key: &str, style: Option<&str>) {
        let Some(rules) = schema.get(key) else { return };
        if self.fields.iter().any(|field| field.key == key) {
            return;
        }
        let choices = rules.get("enum").and_then(Value::as_array);
        let kind = match (choices, rules.get("type").and_then(Value::as_str), style) {
            (Some(choices), ..) => Kind::Choice(choices.iter().map(plain).collect()),
            (_, Some("boolean"), _) => Kind::Tick,
            (_, Some("integer" | "number"), _) => Kind::Input("number"),
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
            required: rules.get("required") == Some(&Value::Bool(true)) && kind != Kind::Tick,
            kind,
        });
    }

    /// Returns what the check reads; `values` are the answers in the order of the fields. A tick that is not set is left
    /// out.
    #[must_use]
    pub fn answers(&self, values: &[String]) -> Value {
        let all = self.fields.iter().zip(values);
        let answers = all.filter(|(field, value)| field.kind != Kind::Tick || *value == "true");
        Value::Object(
            answers
                .map(|(field, value)| match field.kind {
                    Kind::Tick => (field.key.clone(), "1".into()),
                    _ => (field.key.clone(), value.as_str().into()),
                })
                .collect(),
        )
    }
}

fn text(of: &Value, key: &str) -> Option<String> {
    of.get(key)?.as_str().map(str::to_owned)
}

/// Returns the text of a value in an input.
fn plain(value: &Value) -> String {
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
                "replicas": {"type": "integer", "default": 1},
                "debug": {"type": "boolean", "required": true},
                "size": {"type": "string", "enum": ["S", "L"]},
            },
            "form": ["size", "*", {"type": "submit", "title": "Deploy"}],
        }))
        .unwrap()
    }

    #[test]
    fn the_author_says_which_question_comes_first_and_what_the_button_says() {
        let form = form();
        assert_eq!(form.submit, "Deploy");
        assert_eq!(form.fields[0].kind, Kind::Choice(vec!["S".into(), "L".into()]));
        assert_eq!(form.fields.len(), 4);
        let name = form.fields.iter().find(|field| field.key == "name").unwrap();
        assert!(name.required && name.title == "Name:" && name.default == "my-app");
        let debug = form.fields.iter().find(|field| field.key == "debug").unwrap();
        assert!(!debug.required, "a tick is an answer either way");
    }

    #[test]
    fn answers_are_texts_and_a_tick_that_is_not_set_is_left_out() {
        let form = form();
        let values: Vec<_> = form
            .fields
            .iter()
            .map(|field| match field.kind {
                Kind::Tick => "false".to_owned(),
                _ => field.default.clone(),
            })
            .collect();
        assert_eq!(form.answers(&values), json!({"name": "my-app", "replicas": "1", "size": ""}));
        let all: Vec<_> = form.fields.iter().map(|_| "true".to_owned()).collect();
        assert_eq!(form.answers(&all)["debug"], "1");
    }

    #[test]
    fn a_check_without_questions_has_no_form() {
        for nothing in [json!(null), json!({}), json!({"schema": {}}), json!({"form": ["*"]})] {
            assert_eq!(Form::read(&nothing), None, "{nothing}");
        }
    }
}
