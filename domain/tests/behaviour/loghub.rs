//! The labelled logs of loghub, and grouping accuracy by its usual definition.

use crate::log_data;
use domain::template::{Change, Miner, TemplateId};
use domain::time::Wall;
use std::collections::{BTreeSet, HashMap};

/// The three labelled logs.
pub(crate) const NAMES: [&str; 3] = ["OpenSSH", "Linux", "Apache"];

/// One line: the message by the label file, and the name of its true template.
pub(crate) struct Labelled {
    pub(crate) content: String,
    pub(crate) event: String,
}

/// A log as it is, and its labels, line by line.
pub(crate) fn read(name: &str) -> Option<(Vec<String>, Vec<Labelled>)> {
    let lines = log_data::text(&format!("loghub/{name}_2k.log"))?;
    let table = log_data::text(&format!("loghub/{name}_2k.log_structured.csv"))?;
    let mut rows = table.lines().map(fields);
    let header = rows.next().expect("a header");
    let column = |name: &str| header.iter().position(|field| field == name).expect("a known column");
    let (content, event) = (column("Content"), column("EventId"));
    let labels = rows.map(|row| Labelled { content: row[content].clone(), event: row[event].clone() }).collect();
    Some((lines.lines().map(str::to_owned).collect(), labels))
}

/// The fields of a CSV row.
fn fields(row: &str) -> Vec<String> {
    let (mut fields, mut is_quoted) = (vec![String::new()], false);
    let mut chars = row.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => fields.last_mut().unwrap().push(chars.next().unwrap()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            c => fields.last_mut().unwrap().push(c),
        }
    }
    fields
}

/// The templates of `messages`, as they are in the end.
pub(crate) fn mine<'a>(miner: &mut Miner, messages: impl Iterator<Item = &'a str>) -> Vec<TemplateId> {
    let (mut ids, mut became) = (Vec::new(), HashMap::new());
    for message in messages {
        ids.push(miner.observe(message, Wall(0)).template);
        for change in miner.changes() {
            if let Change::Merged { from, into } = change {
                became.insert(*from, *into);
            }
        }
    }
    for id in &mut ids {
        while let Some(into) = became.get(id) {
            *id = *into;
        }
    }
    ids
}

/// The share of lines whose group is exactly the set of lines of their true template.
pub(crate) fn grouping_accuracy(mined: &[TemplateId], labels: &[Labelled]) -> f64 {
    assert_eq!(mined.len(), labels.len());
    let (mut groups, mut truths) = (HashMap::new(), HashMap::new());
    for (at, (id, label)) in mined.iter().zip(labels).enumerate() {
        groups.entry(*id).or_insert_with(BTreeSet::new).insert(at);
        truths.entry(label.event.as_str()).or_insert_with(BTreeSet::new).insert(at);
    }
    let is_right = |(id, label): &(&TemplateId, &Labelled)| groups[*id] == truths[label.event.as_str()];
    let right = mined.iter().zip(labels).filter(is_right).count();
    right as f64 / mined.len() as f64
}
