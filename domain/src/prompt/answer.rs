//! What of a model's words is believed: only findings that the lines prove, and nothing at all from an answer that leaks.

use super::{Finish, Question, Reply};
use crate::finding::{Verified, verify};
use serde_json::Value;

/// Bytes of an answer; a longer one is not read at all.
const MAX_ANSWER_BYTES: usize = 2_000_000;

/// What an answer comes to. Only `Findings` says anything about the host; none of the others means "no findings".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What the lines prove, and how much was dropped and why.
    Findings(Verified),
    /// The answer was cut off.
    Truncated,
    /// The model refused.
    Refused,
    /// The private word or the mark around the lines came back: the model repeats what it is sent. All of it is thrown away.
    Leaked,
    /// It is not what was asked for; a repair may be tried once.
    Unparsable {
        /// Why, in words for the repair and the page.
        why: String,
    },
}

/// What `reply` to `question` comes to.
pub fn answer(question: &Question<'_>, reply: &Reply) -> Answer {
    // What repeats the prompt is caught first, however it ended.
    if leaks(question, &reply.text) {
        return Answer::Leaked;
    }
    match reply.finish {
        Finish::Truncated => return Answer::Truncated,
        Finish::Refused => return Answer::Refused,
        Finish::Done | Finish::Other => {}
    }
    match claims(&reply.text) {
        // Escapes hide letters from the first look.
        Ok(claims) if claims.iter().any(|claim| leaks_inside(question, claim)) => Answer::Leaked,
        Ok(claims) => Answer::Findings(verify(&claims, question.lines)),
        Err(why) => Answer::Unparsable { why: why.to_owned() },
    }
}

fn claims(text: &str) -> Result<Vec<Value>, &'static str> {
    let object = first_object(text).ok_or("it holds no JSON object")?;
    let Value::Object(mut object) = serde_json::from_str(object).map_err(|_| "its JSON is not valid")? else {
        return Err("it is not a JSON object");
    };
    let claims = object.remove("findings").ok_or("the key findings is missing")?;
    if !object.is_empty() {
        return Err("it has keys besides findings");
    }
    match claims {
        Value::Array(claims) => Ok(claims),
        _ => Err("findings is not a list"),
    }
}

/// The first balanced `{…}` of `text`, past thoughts and code fences.
///
/// ```
/// use domain::prompt::first_object;
/// assert_eq!(first_object("<think>{no}</think> Sure!\n```json\n{\"a\":\"}\"}\n```"), Some("{\"a\":\"}\"}"));
/// assert_eq!(first_object("{ never closed"), None);
/// ```
pub fn first_object(text: &str) -> Option<&str> {
    if text.len() > MAX_ANSWER_BYTES {
        return None;
    }
    let mut text = text;
    if let Some((_, after)) = text.rsplit_once("</think>") {
        text = after;
    }
    let text = &text[text.find('{')?..];
    let (mut depth, mut is_quoted, mut is_escaped) = (0u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'{' if !is_quoted => depth += 1,
            b'}' if !is_quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(&text[..=at]);
                }
            }
            _ => {}
        }
    }
    None
}

fn leaks_inside(question: &Question<'_>, value: &Value) -> bool {
    match value {
        Value::String(text) => leaks(question, text),
        Value::Array(items) => items.iter().any(|item| leaks_inside(question, item)),
        Value::Object(fields) => fields.iter().any(|(key, value)| leaks(question, key) || leaks_inside(question, value)),
        _ => false,
    }
}

/// Whether the answer holds what only the prompt held, however it is cased, spaced, reversed or escaped.
fn leaks(question: &Question<'_>, text: &str) -> bool {
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let said = bare(text);
    [question.canary, question.delimiter].iter().any(|secret| {
        let secret = bare(secret);
        let reversed: String = secret.chars().rev().collect();
        !secret.is_empty() && (said.contains(&secret) || said.contains(&reversed))
    })
}
