//! What Discord refuses, as a check for tests: limits, empty parts, mentions.

use super::embed::*;
use super::plain::units;
use serde_json::Value;

/// Everything that is wrong with `body`; empty when Discord would take it.
pub(super) fn faults(body: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let embeds = body["embeds"].as_array().cloned().unwrap_or_default();
    check(&mut faults, "embeds", embeds.len(), 1, EMBEDS_MAX);
    if body["allowed_mentions"] != serde_json::json!({"parse": []}) {
        faults.push("mentions are allowed".into());
    }
    let mut total = 0;
    for embed in &embeds {
        let mut part = |name: &str, text: &Value, least: usize, most: usize| {
            let length = text.as_str().map_or(0, units);
            total += length;
            check(&mut faults, name, length, if text.is_null() { 0 } else { least }, most);
        };
        part("title", &embed["title"], 1, TITLE_MAX_UNITS);
        part("description", &embed["description"], 1, DESCRIPTION_MAX_UNITS);
        part("footer", &embed["footer"]["text"], 1, FOOTER_MAX_UNITS);
        let fields = embed["fields"].as_array().cloned().unwrap_or_default();
        for field in &fields {
            part("field name", &field["name"], 1, FIELD_NAME_MAX_UNITS);
            part("field value", &field["value"], 1, FIELD_VALUE_MAX_UNITS);
        }
        check(&mut faults, "fields", fields.len(), 0, FIELDS_MAX);
        if embed["title"].is_null() && embed["description"].is_null() && fields.is_empty() {
            faults.push("empty embed".into());
        }
    }
    check(&mut faults, "total", total, 1, TOTAL_MAX_UNITS);
    faults
}

fn check(faults: &mut Vec<String>, what: &str, length: usize, least: usize, most: usize) {
    if !(least..=most).contains(&length) {
        faults.push(format!("{what}: {length} is not within {least} and {most}"));
    }
}
