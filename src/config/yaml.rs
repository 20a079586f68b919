//! YAML as a tree that knows the line of every key and value, so that all faults of a file can be told at once.

use super::error::{ConfigError, Place};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;
use std::path::Path;

/// Larger files are no configuration.
const FILE_BYTES: u64 = 32 << 20;
/// Keys and values of one file: 100,000 hosts with all their keys.
const NODES_MAX: usize = 4_000_000;
const DEPTH_MAX: usize = 32;

/// A value and the line on which it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: u64,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its line, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u64,
    pub(crate) node: Node,
}

impl Node {
    /// Reads the file at `path`; `None` when there is no such file, an empty map when there is nothing in it.
    pub(crate) fn read(path: &Path) -> Result<Option<Node>, ConfigError> {
        let told = |message: String| ConfigError::new(Place::line(path, 0), "", message);
        match std::fs::metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Ok(meta) if meta.len() > FILE_BYTES => {
                return Err(told(format!("has more than {FILE_BYTES} bytes: is it the right file?")));
            }
            _ => {}
        }
        let text = std::fs::read_to_string(path).map_err(|e| told(format!("cannot be read: {e}")))?;
        Node::parse(&text, path).map(Some)
    }

    /// The tree of `text`, which came from `path`.
    pub(crate) fn parse(text: &str, path: &Path) -> Result<Node, ConfigError> {
        let budget = serde_saphyr::budget! { max_nodes: NODES_MAX, max_events: 2 * NODES_MAX, max_depth: DEPTH_MAX };
        let options = serde_saphyr::options! {
            budget: budget,
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            with_snippet: false,
        };
        let node: Node = serde_saphyr::from_str_with_options(text, options).map_err(|e| broken(&e, path))?;
        let is_nothing = node.value == Value::Null;
        Ok(if is_nothing { Node { value: Value::Map(Vec::new()), ..node } } else { node })
    }

    /// What this is, for an error that wanted something else.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "empty",
            Value::Bool(_) => "true or false",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The same without lines.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Integer(n) => (*n).into(),
            Value::Float(n) => (*n).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect(),
        }
    }

    /// The line on which `path`, such as `schedule_config.windows[0].end`, stands; that of its nearest known parent otherwise.
    pub(crate) fn line_of(&self, path: &str) -> u64 {
        let (mut node, mut line) = (self, self.line);
        for step in path.split(['.', '[']) {
            let next = match (&node.value, step.strip_suffix(']').and_then(|index| index.parse::<usize>().ok())) {
                (Value::List(items), Some(index)) => items.get(index).map(|item| (item.line, item)),
                (Value::Map(entries), None) => {
                    entries.iter().find(|entry| entry.key == step).map(|entry| (entry.line, &entry.node))
                }
                _ => None,
            };
            let Some(next) = next else { break };
            (line, node) = next;
        }
        line
    }
}

fn broken(error: &serde_saphyr::Error, path: &Path) -> ConfigError {
    let line = error.location().map_or(0, |location| location.line());
    // The rendered message may end with the location, which the place says already.
    let text = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let text = text.split(" at line ").next().unwrap_or_default().trim().to_owned();
    ConfigError::new(Place::line(path, line), "", format!("is not valid YAML here: {text}"))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Node { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            map.push(Entry { line: key.referenced.line(), key: key.value, node: entries.next_value()? });
        }
        Ok(Value::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, String> {
        Node::parse(text, Path::new("x.yaml")).map_err(|e| e.to_string())
    }

    #[test]
    fn every_key_and_value_knows_its_line() {
        let tree = parse("# a comment\na: 1\nb:\n  c: [x, y]\n  d:\n    - e: 08:00\n").unwrap();
        let lines: Vec<u64> =
            ["a", "b", "b.c", "b.d", "b.d[0]", "b.d[0].e", "b.d[7].e"].iter().map(|path| tree.line_of(path)).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 6, 5]);
        assert_eq!(tree.to_json(), serde_json::json!({"a": 1, "b": {"c": ["x", "y"], "d": [{"e": "08:00"}]}}));
    }

    #[test]
    fn words_that_other_yaml_readers_take_for_booleans_and_numbers_with_leading_zeros_stay_text() {
        let tree = parse("a: no\nb: 0755\nc: true\nd: ~\ne: 1.5").unwrap();
        assert_eq!(tree.to_json(), serde_json::json!({"a": "no", "b": "0755", "c": true, "d": null, "e": 1.5}));
    }

    #[test]
    fn nothing_is_an_empty_map() {
        for text in ["", "# only a comment\n", "---\n"] {
            assert_eq!(parse(text).unwrap().value, Value::Map(Vec::new()), "{text:?}");
        }
    }

    #[test]
    fn a_file_that_is_no_yaml_is_told_with_its_line() {
        let error = parse("a: 1\nb: [1, 2\nc: 3\n").unwrap_err();
        assert!(error.starts_with("x.yaml:") && error.contains("is not valid YAML here"), "{error}");
        let error = parse("a: 1\na: 2\n").unwrap_err();
        assert!(error.starts_with("x.yaml:2: ") && error.contains("duplicate"), "{error}");
    }
}
