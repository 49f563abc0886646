//! The form of a check: `inputs`, with the author's order spelled out.
//!
//! JSON does not keep the order of a mapping, so `form` lists every field by name, and `schema` holds just the fields with
//! their types and bounds.

use serde_json::{Map, Value, json};

use crate::yaml::{Data, Node};

/// Returns the form as the browser gets it: `schema` and `form`.
pub(super) fn read(inputs: &Node) -> Value {
    let Value::Object(mut read) = inputs.to_json() else { return inputs.to_json() };
    let Some(schema) = inputs.get("schema") else { return Value::Object(read) };
    // the fields alone, or a whole schema of JSON Schema around them
    let whole = schema.get("properties").filter(|fields| matches!(fields.data, Data::Map(_)));
    let fields = whole.unwrap_or(schema);
    let keys: Vec<&str> = fields.entries().iter().map(|(key, _)| key.text.as_str()).collect();
    let mut rules: Map<String, Value> =
        fields.entries().iter().map(|(key, rules)| (key.text.clone(), rules.to_json())).collect();
    if whole.is_some() {
        let required = schema.get("required").map(Node::items).unwrap_or_default();
        for name in required.iter().filter_map(Node::text) {
            if let Some(Value::Object(rules)) = rules.get_mut(&name) {
                rules.insert("required".to_owned(), json!(true));
            }
        }
    }
    let mut form = Vec::new();
    elements(inputs.get("form").map(Node::items).unwrap_or_default(), &keys, &mut form);
    if !form.iter().any(|element| key_of(element).is_some()) {
        let all = keys.iter().map(|key| json!(key));
        form = all.chain(form).collect();
    }
    read.insert("schema".to_owned(), Value::Object(rules));
    read.insert("form".to_owned(), Value::Array(form));
    Value::Object(read)
}

/// Adds the elements of a form, those within a group too. `*` stands for all fields that are not there yet.
fn elements(items: &[Node], keys: &[&str], form: &mut Vec<Value>) {
    for item in items {
        match item.text() {
            Some(text) if text == "*" => {
                for key in keys {
                    if !form.iter().any(|element| key_of(element) == Some(key)) {
                        form.push(json!(key));
                    }
                }
            }
            Some(key) => form.push(json!(key)),
            None => match item.get("items").filter(|_| item.get("key").is_none()) {
                Some(group) => elements(group.items(), keys, form),
                None => form.push(item.to_json()),
            },
        }
    }
}

fn key_of(element: &Value) -> Option<&str> {
    element.as_str().or_else(|| element.get("key")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Value {
        read(&crate::yaml::parse(text).unwrap())
    }

    const FIELDS: &str = "zone: {type: string}\n  count: {type: integer, minimum: 1, maximum: 9}\n  area: {type: string, enum: [b, a]}\n";

    #[test]
    fn the_authors_order_types_and_bounds_are_kept() {
        let inputs = form(&format!("schema:\n  {FIELDS}"));
        assert_eq!(inputs["form"], json!(["zone", "count", "area"]));
        assert_eq!(inputs["schema"]["count"], json!({"type": "integer", "minimum": 1, "maximum": 9}));
        assert_eq!(inputs["schema"]["area"]["enum"], json!(["b", "a"]));
    }

    #[test]
    fn a_star_stands_for_the_other_fields_in_their_order() {
        let inputs = form(&format!("schema:\n  {FIELDS}form: [area, '*', {{type: submit, title: Go}}]"));
        assert_eq!(inputs["form"], json!(["area", "zone", "count", {"type": "submit", "title": "Go"}]));
        let inputs =
            form(&format!("schema:\n  {FIELDS}form:\n- type: fieldset\n  items: [{{key: count}}]\n- zone\n"));
        assert_eq!(inputs["form"], json!([{"key": "count"}, "zone"]));
        let inputs = form(&format!("schema:\n  {FIELDS}form: [{{type: submit, title: Go}}]"));
        assert_eq!(inputs["form"], json!(["zone", "count", "area", {"type": "submit", "title": "Go"}]));
    }

    #[test]
    fn a_whole_schema_means_its_fields() {
        let inputs = form(
            "schema:\n  type: object\n  properties:\n    b: {type: string}\n    a: {type: number}\n  required: [a]\n",
        );
        assert_eq!(inputs["form"], json!(["b", "a"]));
        assert_eq!(
            inputs["schema"],
            json!({"b": {"type": "string"}, "a": {"type": "number", "required": true}})
        );
    }
}
