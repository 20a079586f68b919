//! What an answer of Discord means: every status and code to one outcome. Pure, so that every one of them can be tested.

use super::webhook::is_snowflake;
use domain::notice::plain;
use serde_json::Value;

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message exists under this id.
    Delivered {
        /// Discord's message id.
        remote_id: String,
    },
    /// The message was changed, or the webhook is there.
    Edited,
    /// Not now: try again.
    Retry {
        /// Not before so many milliseconds; `None`: nobody said, the caller backs off.
        after_ms: Option<u64>,
        /// Why, without any secret.
        error: String,
        /// Who has to wait.
        scope: Scope,
        /// Whether the message may exist nevertheless.
        ambiguous: bool,
    },
    /// Never like this.
    Refused {
        /// What was refused.
        kind: Refusal,
        /// Why, without any secret.
        error: String,
    },
}

/// Who waits for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This message.
    Message,
    /// Everything to this webhook.
    Channel,
    /// Everything to every webhook.
    Everywhere,
}

/// What is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The webhook: it is gone or may not write; nothing will work.
    Channel,
    /// This body.
    Message,
    /// The words in this body.
    Filtered,
    /// The message to be changed, which is gone or may not be changed any more.
    Gone,
}

/// What came of a call, and what it says about the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What came of it.
    pub outcome: Outcome,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// How long the next call to this webhook has to wait, in milliseconds.
    pub pause_ms: u64,
}

/// Which call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// POST of a new message.
    Post,
    /// PATCH of a message.
    Edit,
    /// GET of the webhook.
    Probe,
}

/// The headers that count, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// `Retry-After`.
    pub retry_after: Option<String>,
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<String>,
    /// `X-RateLimit-Reset-After`.
    pub reset_after: Option<String>,
    /// `X-RateLimit-Global`.
    pub global: Option<String>,
    /// `X-RateLimit-Scope`.
    pub scope: Option<String>,
}

/// A 429 that says nothing about how long comes from a proxy in front of Discord.
const RATE_LIMITED_MS: u64 = 60_000;
/// Blocked by address or User-Agent: asking again soon makes it worse.
const BLOCKED_MS: u64 = 600_000;
/// Longest wait that is believed.
const WAIT_MOST_MS: u64 = 3_600_000;
/// Shortest wait after a 429.
const WAIT_LEAST_MS: u64 = 100;
const ERROR_MAX_UNITS: usize = 200;

/// What this answer means.
pub fn judge(call: Call, status: u16, headers: &Headers, body: &[u8]) -> Reply {
    let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let outcome = match status {
        200..=299 => success(call, &json),
        300..=399 => refused(Refusal::Channel, "answered with a redirect, which is never followed".into()),
        _ => failure(call, status, headers, &json),
    };
    let spent = headers.remaining.as_deref().is_some_and(|left| left.trim() == "0");
    let pause_ms = if spent { seconds(headers.reset_after.as_deref()).unwrap_or(0) } else { 0 };
    Reply { outcome, status: Some(status), pause_ms }
}

/// No answer: `sent` says whether the request may have arrived.
pub(super) fn unanswered(error: &str, call: Call, sent: bool) -> Reply {
    let outcome = Outcome::Retry {
        after_ms: None,
        error: plain(error, ERROR_MAX_UNITS),
        scope: Scope::Channel,
        ambiguous: sent && call == Call::Post,
    };
    Reply { outcome, status: None, pause_ms: 0 }
}

/// An answer that broke off or was too long to be read.
pub(super) fn unread(status: u16, error: &str, call: Call) -> Reply {
    let mut reply = judge(call, status, &Headers::default(), b"");
    if (200..300).contains(&status) && call == Call::Post {
        reply.outcome = lost(error.to_owned());
    }
    reply
}

fn success(call: Call, json: &Value) -> Outcome {
    match (call, json["id"].as_str()) {
        (Call::Post, Some(id)) if is_snowflake(id) => Outcome::Delivered { remote_id: id.to_owned() },
        (Call::Post, _) => lost("accepted without a message id".into()),
        (Call::Edit | Call::Probe, _) => Outcome::Edited,
    }
}

fn lost(error: String) -> Outcome {
    Outcome::Retry { after_ms: None, error, scope: Scope::Message, ambiguous: true }
}

fn refused(kind: Refusal, error: String) -> Outcome {
    Outcome::Refused { kind, error }
}

fn failure(call: Call, status: u16, headers: &Headers, json: &Value) -> Outcome {
    let code = json["code"].as_u64().unwrap_or(0);
    let error = described(status, code, json);
    let later = |after_ms| Outcome::Retry { after_ms, error: error.clone(), scope: Scope::Channel, ambiguous: false };
    if status == 429 && code != 30_046 {
        return rate_limited(headers, json, error);
    }
    match code {
        10_008 | 30_046 | 50_005 | 50_083 if call == Call::Edit => refused(Refusal::Gone, error),
        40_333 => later(Some(BLOCKED_MS)),
        200_000 | 200_001 | 240_000 => refused(Refusal::Filtered, error),
        10_003 | 10_015 | 50_001 | 50_013 | 50_027 | 50_083 | 220_001..=220_003 => refused(Refusal::Channel, error),
        20_016 | 20_028 | 20_029 | 110_001 | 130_000 => later(wait_ms(headers, json)),
        40_005 | 50_006 | 50_035 | 50_109 => refused(Refusal::Message, error),
        _ => by_status(call, status, wait_ms(headers, json), error),
    }
}

fn by_status(call: Call, status: u16, after_ms: Option<u64>, error: String) -> Outcome {
    match status {
        401 | 403 | 404 => refused(Refusal::Channel, error),
        408 | 425 | 500.. => Outcome::Retry { after_ms, error, scope: Scope::Channel, ambiguous: call == Call::Post },
        _ => refused(Refusal::Message, error),
    }
}

fn rate_limited(headers: &Headers, json: &Value, error: String) -> Outcome {
    let is_true = |text: &Option<String>| text.as_deref().is_some_and(|t| t.trim().eq_ignore_ascii_case("true"));
    let scope_says = headers.scope.as_deref().is_some_and(|scope| scope.trim().eq_ignore_ascii_case("global"));
    let everywhere = json["global"].as_bool() == Some(true) || is_true(&headers.global) || scope_says;
    let scope = if everywhere { Scope::Everywhere } else { Scope::Channel };
    let reset = || seconds(headers.reset_after.as_deref()).filter(|_| headers.remaining.is_some());
    let after_ms = wait_ms(headers, json).or_else(reset).unwrap_or(RATE_LIMITED_MS).max(WAIT_LEAST_MS);
    Outcome::Retry { after_ms: Some(after_ms), error, scope, ambiguous: false }
}

/// How long the answer asks to wait. The body is exact where the header is rounded up to whole seconds.
fn wait_ms(headers: &Headers, json: &Value) -> Option<u64> {
    let exact = json["retry_after"].as_f64().and_then(from_seconds);
    exact.or_else(|| seconds(headers.retry_after.as_deref()))
}

fn seconds(text: Option<&str>) -> Option<u64> {
    text.and_then(|text| text.trim().parse().ok()).and_then(from_seconds)
}

fn from_seconds(seconds: f64) -> Option<u64> {
    // Rounded up: a moment too early is one more refusal.
    let ms = (seconds * 1_000.0).ceil();
    (ms.is_finite() && ms >= 0.0).then_some(ms.min(WAIT_MOST_MS as f64) as u64)
}

fn described(status: u16, code: u64, json: &Value) -> String {
    let said = plain(json["message"].as_str().unwrap_or_default(), ERROR_MAX_UNITS);
    match (code, said.is_empty()) {
        (0, true) => format!("HTTP {status}"),
        (0, false) => format!("HTTP {status}: {said}"),
        (_, _) => format!("HTTP {status}, code {code}: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reply(call: Call, status: u16, body: &Value) -> Outcome {
        judge(call, status, &Headers::default(), body.to_string().as_bytes()).outcome
    }

    fn kind(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Delivered { .. } => "delivered",
            Outcome::Edited => "edited",
            Outcome::Retry { ambiguous: true, .. } => "ambiguous",
            Outcome::Retry { .. } => "retry",
            Outcome::Refused { kind: Refusal::Channel, .. } => "channel",
            Outcome::Refused { kind: Refusal::Message, .. } => "message",
            Outcome::Refused { kind: Refusal::Filtered, .. } => "filtered",
            Outcome::Refused { kind: Refusal::Gone, .. } => "gone",
        }
    }

    #[test]
    fn only_a_message_id_is_a_delivery() {
        assert_eq!(reply(Call::Post, 200, &json!({"id": "42"})), Outcome::Delivered { remote_id: "42".into() });
        for body in [json!({"id": "../1"}), json!({"id": 42}), json!({}), json!("x"), json!({"id": ""})] {
            assert_eq!(kind(&reply(Call::Post, 200, &body)), "ambiguous", "{body}");
        }
        assert_eq!(kind(&reply(Call::Post, 204, &Value::Null)), "ambiguous");
        assert_eq!(kind(&reply(Call::Edit, 200, &Value::Null)), "edited");
    }

    #[test]
    fn every_known_code_means_what_discord_says() {
        let table = [
            (Call::Post, 404, 10_015, "channel"),
            (Call::Post, 401, 50_027, "channel"),
            (Call::Post, 404, 10_003, "channel"),
            (Call::Post, 403, 50_013, "channel"),
            (Call::Post, 403, 50_001, "channel"),
            (Call::Post, 400, 220_001, "channel"),
            (Call::Post, 400, 220_002, "channel"),
            (Call::Post, 400, 220_003, "channel"),
            (Call::Edit, 404, 10_015, "channel"),
            (Call::Edit, 404, 10_008, "gone"),
            (Call::Edit, 400, 30_046, "gone"),
            (Call::Edit, 429, 30_046, "gone"),
            (Call::Edit, 403, 50_005, "gone"),
            (Call::Edit, 400, 50_083, "gone"),
            (Call::Post, 400, 50_083, "channel"),
            (Call::Post, 400, 50_006, "message"),
            (Call::Post, 400, 50_035, "message"),
            (Call::Post, 400, 50_109, "message"),
            (Call::Post, 413, 40_005, "message"),
            (Call::Post, 400, 200_000, "filtered"),
            (Call::Post, 400, 200_001, "filtered"),
            (Call::Post, 400, 240_000, "filtered"),
            (Call::Post, 403, 40_333, "retry"),
            (Call::Post, 503, 130_000, "retry"),
            (Call::Post, 400, 110_001, "retry"),
            (Call::Post, 400, 20_016, "retry"),
            (Call::Post, 429, 20_028, "retry"),
            (Call::Post, 429, 20_029, "retry"),
        ];
        for (call, status, code, expected) in table {
            let outcome = reply(call, status, &json!({"code": code, "message": "m"}));
            assert_eq!(kind(&outcome), expected, "{call:?} {status} {code}");
        }
    }

    #[test]
    fn every_status_without_a_code_has_a_meaning() {
        for status in 300..600u16 {
            let expected = match status {
                300..=399 | 401 | 403 | 404 => "channel",
                429 => "retry",
                408 | 425 | 500.. => "ambiguous",
                _ => "message",
            };
            for body in ["", "<html>", "{\"code\":0}", "[]", "\u{0}"] {
                let answer = judge(Call::Post, status, &Headers::default(), body.as_bytes());
                assert_eq!(kind(&answer.outcome), expected, "{status} {body}");
            }
        }
    }

    fn wait(headers: &Headers, body: &Value) -> (Option<u64>, Scope) {
        match judge(Call::Post, 429, headers, body.to_string().as_bytes()).outcome {
            Outcome::Retry { after_ms, scope, ambiguous: false, .. } => (after_ms, scope),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_rate_limit_is_obeyed_in_every_form() {
        let header = |text: &str| Headers { retry_after: Some(text.into()), ..Headers::default() };
        assert_eq!(wait(&Headers::default(), &json!({"retry_after": 0.3521, "global": false})), (Some(353), Scope::Channel));
        assert_eq!(wait(&header("2"), &json!({"retry_after": 1.5})), (Some(1_500), Scope::Channel));
        assert_eq!(wait(&header("7"), &Value::Null), (Some(7_000), Scope::Channel), "Cloudflare has no JSON");
        assert_eq!(wait(&Headers::default(), &Value::Null), (Some(60_000), Scope::Channel));
        assert_eq!(wait(&Headers::default(), &json!({"retry_after": 2, "global": true})), (Some(2_000), Scope::Everywhere));
        let global = Headers { global: Some("true".into()), ..header("3") };
        assert_eq!(wait(&global, &Value::Null), (Some(3_000), Scope::Everywhere));
        let reset = Headers { remaining: Some("0".into()), reset_after: Some("1.25".into()), ..Headers::default() };
        assert_eq!(wait(&reset, &Value::Null), (Some(1_250), Scope::Channel));
    }

    #[test]
    fn an_absurd_wait_is_bounded() {
        for (said, expected) in
            [("1e300", 3_600_000), ("-5", 60_000), ("NaN", 60_000), ("inf", 60_000), ("soon", 60_000), ("0", 100)]
        {
            let headers = Headers { retry_after: Some(said.into()), ..Headers::default() };
            assert_eq!(wait(&headers, &Value::Null).0, Some(expected), "{said}");
        }
    }

    #[test]
    fn a_spent_bucket_pauses_the_next_call_whatever_this_one_said() {
        let headers = Headers { remaining: Some("0".into()), reset_after: Some("0.5".into()), ..Headers::default() };
        assert_eq!(judge(Call::Post, 200, &headers, b"{\"id\":\"1\"}").pause_ms, 500);
        let left = Headers { remaining: Some("1".into()), ..headers };
        assert_eq!(judge(Call::Post, 200, &left, b"{\"id\":\"1\"}").pause_ms, 0);
    }
}
