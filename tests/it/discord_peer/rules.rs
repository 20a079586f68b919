//! What Discord would say to a body: its official schema, and the rules that the schema does not hold.

use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The most text in all embeds of a message.
const TOTAL_MAX_UNITS: usize = 6_000;

/// The rules for POST and PATCH.
pub(super) struct Rules {
    post: Validator,
    patch: Validator,
    keys: Keys,
}

/// The keys the schema knows; it does not refuse others.
struct Keys {
    post: BTreeSet<String>,
    patch: BTreeSet<String>,
    embed: BTreeSet<String>,
    field: BTreeSet<String>,
    footer: BTreeSet<String>,
}

impl Rules {
    /// The rules, or `None` where the data for tests is not there; in CI that is an error.
    pub(super) fn load() -> Option<Rules> {
        let folder = std::env::var_os("PULSEWARDEN_TEST_DATA").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
        let file = folder.join("discord/webhook-subset.json");
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{}: {e}", file.display()),
            Err(e) => {
                eprintln!("skipped: bodies are not checked against Discord's schema: {}: {e}", file.display());
                return None;
            }
        };
        let document: Value = serde_json::from_str(&text).expect("the schema is JSON");
        let (post, patch) = ("IncomingWebhookRequestPartial", "IncomingWebhookUpdateRequestPartial");
        let keys = Keys {
            post: keys(&document, post),
            patch: keys(&document, patch),
            embed: keys(&document, "RichEmbed"),
            field: keys(&document, "RichEmbedField"),
            footer: keys(&document, "RichEmbedFooter"),
        };
        Some(Rules { post: validator(&document, post), patch: validator(&document, patch), keys })
    }

    /// Everything Discord would refuse, and every mention it would allow.
    pub(super) fn faults(&self, patch: bool, body: &Value) -> Vec<String> {
        let schema = if patch { &self.patch } else { &self.post };
        let mut faults: Vec<String> = schema.iter_errors(body).map(|e| format!("{}: {e}", e.instance_path())).collect();
        unknown(&mut faults, "message", body, if patch { &self.keys.patch } else { &self.keys.post });
        let embeds = body["embeds"].as_array().cloned().unwrap_or_default();
        if embeds.is_empty() && body["content"].as_str().is_none_or(|text| text.trim().is_empty()) {
            faults.push("the message is empty".into());
        }
        let mut total = 0;
        for embed in &embeds {
            unknown(&mut faults, "embed", embed, &self.keys.embed);
            unknown(&mut faults, "footer", &embed["footer"], &self.keys.footer);
            total += units(&embed["title"]) + units(&embed["description"]) + units(&embed["footer"]["text"]);
            total += units(&embed["author"]["name"]);
            for field in embed["fields"].as_array().into_iter().flatten() {
                unknown(&mut faults, "field", field, &self.keys.field);
                let (name, value) = (units(&field["name"]), units(&field["value"]));
                if name == 0 || value == 0 {
                    faults.push(format!("a field is empty: {field}"));
                }
                total += name + value;
            }
        }
        if total > TOTAL_MAX_UNITS {
            faults.push(format!("{total} characters in all embeds"));
        }
        if body["allowed_mentions"] != json!({"parse": []}) {
            faults.push(format!("mentions are allowed: {}", body["allowed_mentions"]));
        }
        faults
    }
}

fn validator(document: &Value, name: &str) -> Validator {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    jsonschema::options().should_validate_formats(true).build(&schema).expect("the schema is valid")
}

fn keys(document: &Value, name: &str) -> BTreeSet<String> {
    let properties = &document["components"]["schemas"][name]["properties"];
    let known: BTreeSet<String> = properties.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
    assert!(!known.is_empty(), "the schema has no {name}");
    known
}

fn unknown(faults: &mut Vec<String>, what: &str, value: &Value, known: &BTreeSet<String>) {
    let keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
    faults.extend(keys.filter(|key| !known.contains(*key)).map(|key| format!("{what}: unknown key {key}")));
}

/// UTF-16 units after trimming: the stricter reading of "characters".
fn units(text: &Value) -> usize {
    text.as_str().map_or(0, |text| text.trim().encode_utf16().count())
}
