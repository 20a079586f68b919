//! One message within every limit Discord has; what would not fit is cut here, so nothing is ever refused for its size.

use super::plain::{clip, units};
use crate::time::Wall;
use serde_json::{Map, Value, json};

/// Longest title.
pub const TITLE_MAX_UNITS: usize = 256;
/// Longest description.
pub const DESCRIPTION_MAX_UNITS: usize = 4_096;
/// Most fields in one embed.
pub const FIELDS_MAX: usize = 25;
/// Longest name of a field.
pub const FIELD_NAME_MAX_UNITS: usize = 256;
/// Longest value of a field.
pub const FIELD_VALUE_MAX_UNITS: usize = 1_024;
/// Longest footer.
pub const FOOTER_MAX_UNITS: usize = 2_048;
/// Most embeds in one message.
pub const EMBEDS_MAX: usize = 10;
/// Most text in all embeds of one message.
pub const TOTAL_MAX_UNITS: usize = 6_000;

/// The last instant RFC 3339 can write, 9999-12-31 23:59:59 UTC.
const LAST_WRITABLE_MS: i64 = 253_402_300_799_000;

/// A part of a message.
#[derive(Clone, Debug, Default)]
pub(super) struct Embed {
    title: String,
    description: String,
    color: u32,
    fields: Vec<(String, String)>,
    footer: String,
    timestamp: Option<Wall>,
}

impl Embed {
    pub(super) fn new(title: &str, color: u32) -> Embed {
        Embed { title: clip(title, TITLE_MAX_UNITS), color, ..Embed::default() }
    }

    pub(super) fn description(mut self, text: &str) -> Embed {
        self.description = clip(text, DESCRIPTION_MAX_UNITS);
        self
    }

    /// Adds a field; one without a name or a value is left out, because Discord refuses the whole message for it.
    pub(super) fn field(mut self, name: &str, value: &str) -> Embed {
        let (name, value) = (clip(name, FIELD_NAME_MAX_UNITS), clip(value, FIELD_VALUE_MAX_UNITS));
        if !name.is_empty() && !value.is_empty() && self.fields.len() < FIELDS_MAX {
            self.fields.push((name, value));
        }
        self
    }

    pub(super) fn footer(mut self, text: &str) -> Embed {
        self.footer = clip(text, FOOTER_MAX_UNITS);
        self
    }

    pub(super) fn timestamp(mut self, at: Wall) -> Embed {
        self.timestamp = Some(at);
        self
    }

    /// All but the description.
    fn fixed_units(&self) -> usize {
        let fields: usize = self.fields.iter().map(|(name, value)| units(name) + units(value)).sum();
        units(&self.title) + units(&self.footer) + fields
    }

    /// Makes this embed at most `room` units long: the description gives way first, then the last fields, then the rest.
    fn fit(&mut self, room: usize) {
        while self.fixed_units() > room && self.fields.pop().is_some() {}
        if self.fixed_units() > room {
            self.title = clip(&self.title, room);
            self.footer = clip(&self.footer, room - units(&self.title));
        }
        self.description = clip(&self.description, room.saturating_sub(self.fixed_units()));
    }

    fn into_value(self) -> Value {
        let mut embed = Map::new();
        for (key, text) in [("title", self.title), ("description", self.description)] {
            if !text.is_empty() {
                embed.insert(key.into(), text.into());
            }
        }
        embed.insert("color".into(), self.color.into());
        if !self.fields.is_empty() {
            let field = |(name, value): (String, String)| json!({"name": name, "value": value});
            embed.insert("fields".into(), self.fields.into_iter().map(field).collect());
        }
        if !self.footer.is_empty() {
            embed.insert("footer".into(), json!({"text": self.footer}));
        }
        if let Some(at) = self.timestamp {
            embed.insert("timestamp".into(), rfc3339_seconds(at).into());
        }
        embed.into()
    }
}

/// The body of a POST or a PATCH: the embeds cut to what one message may hold, and no mention ever allowed.
pub(super) fn message(mut embeds: Vec<Embed>) -> Value {
    embeds.truncate(EMBEDS_MAX);
    let mut room = TOTAL_MAX_UNITS;
    for embed in &mut embeds {
        embed.fit(room);
        room = room.saturating_sub(embed.fixed_units() + units(&embed.description));
    }
    let shown = |embed: &Embed| embed.fixed_units() + units(&embed.description) > 0;
    let embeds: Vec<Value> = embeds.into_iter().filter(shown).map(Embed::into_value).collect();
    json!({"embeds": embeds, "allowed_mentions": {"parse": []}})
}

fn rfc3339_seconds(at: Wall) -> String {
    let writable = Wall(at.0.clamp(0, LAST_WRITABLE_MS));
    writable.utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::laws::faults;

    #[test]
    fn every_part_is_cut_at_its_own_limit() {
        for extra in [0, 1, 2] {
            let over = |most: usize| "x".repeat(most - 1 + extra);
            let embed = Embed::new(&over(TITLE_MAX_UNITS), 1).description(&over(DESCRIPTION_MAX_UNITS));
            let body = message(vec![embed.field(&over(FIELD_NAME_MAX_UNITS), &over(FIELD_VALUE_MAX_UNITS))]);
            assert_eq!(faults(&body), Vec::<String>::new(), "{extra}");
            let embed = &body["embeds"][0];
            assert_eq!(embed["title"].as_str().map(units), Some(TITLE_MAX_UNITS.min(255 + extra)));
            assert_eq!(embed["description"].as_str().map(units), Some(DESCRIPTION_MAX_UNITS.min(4_095 + extra)));
            assert_eq!(embed["fields"][0]["name"].as_str().map(units), Some(FIELD_NAME_MAX_UNITS.min(255 + extra)));
            assert_eq!(embed["fields"][0]["value"].as_str().map(units), Some(FIELD_VALUE_MAX_UNITS.min(1_023 + extra)));
        }
    }

    #[test]
    fn all_embeds_together_stay_under_the_total() {
        for last in [1_899, 1_900, 1_901, 4_096] {
            let embeds =
                [4_096, last].map(|n| Embed::new("abcd", 1).description(&"x".repeat(n - if n == 4_096 { 4 } else { 0 })));
            let body = message(embeds.to_vec());
            assert_eq!(faults(&body), Vec::<String>::new(), "{last}");
        }
        let many =
            vec![Embed::new(&"t".repeat(256), 1).description(&"d".repeat(4_096)).footer(&"f".repeat(2_048)).field("n", "v"); 12];
        assert_eq!(faults(&message(many)), Vec::<String>::new());
    }

    #[test]
    fn there_are_never_more_fields_than_allowed_and_none_is_empty() {
        for count in [24, 25, 26] {
            let mut embed = Embed::new("t", 1).field("empty", " \n ").field(" ", "empty");
            for n in 0..count {
                embed = embed.field(&format!("{n}"), "v");
            }
            let body = message(vec![embed]);
            assert_eq!(faults(&body), Vec::<String>::new());
            assert_eq!(body["embeds"][0]["fields"].as_array().map(Vec::len), Some(count.min(25)));
        }
    }

    #[test]
    fn instants_nobody_can_write_become_the_nearest_writable_one() {
        assert_eq!(rfc3339_seconds(Wall(i64::MAX)), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339_seconds(Wall(i64::MIN)), "1970-01-01T00:00:00Z");
    }
}
