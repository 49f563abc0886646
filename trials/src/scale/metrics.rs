//! Reads what the API server counts, in Prometheus' text format. Pure.

use std::collections::BTreeMap;

/// One sample: its name, its labels and its value.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// All samples of a text.
fn parse(text: &str) -> Vec<Sample> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

fn sample(line: &str) -> Option<Sample> {
    let name_ends = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(name_ends);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => {
            let (labels, rest) = read_labels(rest)?;
            (labels, rest)
        }
        None => (BTreeMap::new(), rest),
    };
    let value = value.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

fn read_labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches(',');
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = rest.char_indices();
        let end = loop {
            match characters.next()? {
                (_, '\\') => value.push(characters.next()?.1),
                (at, '"') => break at,
                (_, one) => value.push(one),
            }
        };
        labels.insert(name.to_owned(), value);
        text = &rest[end + 1..];
    }
}

/// Requests that the API server has answered, by verb and resource. Leases are left out: a simulated node lives by
/// them, and every elected component renews its own.
pub fn requests(text: &str) -> BTreeMap<String, f64> {
    let mut requests = BTreeMap::new();
    for sample in parse(text).into_iter().filter(|sample| sample.name == "apiserver_request_total") {
        let label = |name: &str| sample.labels.get(name).map_or("", String::as_str);
        if label("resource") != "leases" {
            *requests.entry(format!("{} {}", label("verb"), label("resource"))).or_default() += sample.value;
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP apiserver_request_total Counter.
apiserver_request_total{code=\"200\",resource=\"pods\",verb=\"GET\"} 3
apiserver_request_total{code=\"404\",resource=\"pods\",verb=\"GET\"} 2
apiserver_request_total{code=\"200\",resource=\"leases\",verb=\"PUT\"} 900
odd{text=\"a \\\"b\\\", c}\"} 1.5
bare 7
";

    #[test]
    fn requests_are_added_up_and_leases_left_out() {
        assert_eq!(requests(TEXT), BTreeMap::from([("GET pods".to_owned(), 5.0)]));
    }

    #[test]
    fn labels_may_hold_anything() {
        let samples = parse(TEXT);
        let odd = samples.iter().find(|sample| sample.name == "odd").unwrap();
        assert_eq!((odd.labels["text"].as_str(), odd.value), ("a \"b\", c}", 1.5));
        assert_eq!(samples.last().map(|sample| sample.value), Some(7.0));
    }
}
