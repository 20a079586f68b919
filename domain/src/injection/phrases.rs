//! The turns of phrase by which orders are recognised: words that follow one another within a reach.

use super::Sign;
use super::plain::Plain;
use std::collections::HashMap;
use std::sync::LazyLock;

type Words = &'static [&'static str];

/// Words of the steps follow one another, each at most `reach` words after the one before.
struct Phrase {
    sign: Sign,
    reach: usize,
    steps: &'static [Words],
    /// Only where one of these words stands anywhere; empty for always.
    beside: Words,
}

const fn phrase(sign: Sign, reach: usize, steps: &'static [Words]) -> Phrase {
    Phrase { sign, reach, steps, beside: &[] }
}

const AI: Words = &["ai", "assistant", "llm", "gpt", "chatgpt", "claude", "chatbot", "model", "copilot"];
const WRITE: Words = &[
    "write", "print", "echo", "output", "include", "place", "record", "put", "repeat", "append", "insert", "return", "respond",
    "reply", "say", "add", "state",
];
const ANSWER: Words = &[
    "verdict",
    "summary",
    "recommendation",
    "conclusion",
    "assessment",
    "report",
    "response",
    "answer",
    "analysis",
    "output",
    "reply",
    "finding",
    "findings",
];
const REVEAL: Words = &[
    "summarize",
    "summarise",
    "list",
    "print",
    "output",
    "reveal",
    "show",
    "send",
    "leak",
    "dump",
    "repeat",
    "include",
    "exfiltrate",
    "disclose",
    "post",
];
const ANALYSIS: Words = &["analysis", "analyzing", "analysing", "triage", "summarize", "summarise", "summarizing", "reading"];
const STOP: Words = &["stop", "halt", "halts", "abort", "refuse", "decline", "end", "cease", "terminate"];

static PHRASES: [Phrase; 24] = [
    phrase(
        Sign::Override,
        4,
        &[
            &["ignore", "disregard", "forget", "override", "overrule", "bypass", "discard", "neglect", "drop"],
            &[
                "previous",
                "prior",
                "above",
                "earlier",
                "preceding",
                "all",
                "any",
                "your",
                "system",
                "former",
                "other",
                "these",
                "those",
                "everything",
            ],
            &[
                "instruction",
                "instructions",
                "prompt",
                "prompts",
                "directive",
                "directives",
                "guidelines",
                "guardrails",
                "orders",
                "rules",
                "context",
                "programming",
                "training",
            ],
        ],
    ),
    phrase(
        Sign::Override,
        3,
        &[
            &["new", "updated", "real", "actual"],
            &["instructions", "directives"],
            &["follow", "follows", "are", "obey", "supersede"],
        ],
    ),
    phrase(
        Sign::Boundary,
        1,
        &[&["end", "begin", "start"], &["of"], &["logs", "log", "prompt", "instructions", "untrusted", "transcript", "context"]],
    ),
    phrase(Sign::Persona, 3, &[&["you"], &["are"], &["now", "an", "a", "the", "no"], AI]),
    phrase(Sign::Persona, 2, &[&["as", "dear", "attention", "hey", "hello", "note"], &["an", "to", "ai", "the", "any"], AI]),
    phrase(Sign::Persona, 1, &[&["language"], &["model", "models"]]),
    Phrase {
        sign: Sign::Persona,
        reach: 1,
        steps: &[&["you"], &["are"], &["now"]],
        beside: &["dan", "unrestricted", "jailbroken", "developer", "mode"],
    },
    phrase(Sign::Persona, 1, &[&["pretend", "roleplay", "act"], &["as", "to", "that"], &["you", "if", "an", "a"]]),
    phrase(
        Sign::Persona,
        2,
        &[
            &["instructions", "message", "note"],
            &["for", "to"],
            &["the"],
            &["ai", "llm", "analyst", "analyser", "analyzer", "assistant"],
        ],
    ),
    phrase(
        Sign::Verdict,
        4,
        &[
            &["mark", "classify", "report", "treat", "label", "consider", "rate", "conclude", "flag", "call", "score"],
            &["this", "these", "it", "all", "everything", "the", "them", "host"],
            &["as", "is", "are", "to"],
            &["benign", "safe", "clean", "harmless", "normal", "informational", "authorized", "authorised", "trusted"],
        ],
    ),
    phrase(
        Sign::Verdict,
        2,
        &[
            &["suppress", "whitelist", "allowlist", "silence", "hide", "omit", "skip", "exclude", "downgrade"],
            &["any", "all", "every", "this", "the", "these"],
            &[
                "alert", "alerts", "finding", "findings", "warning", "warnings", "entry", "event", "activity", "incident",
                "host", "line",
            ],
        ],
    ),
    phrase(
        Sign::Verdict,
        2,
        &[
            &["do", "dont", "never"],
            &["not", "report", "mention", "flag", "alert", "raise"],
            &["report", "mention", "flag", "alert", "raise", "this", "any", "it"],
        ],
    ),
    phrase(
        Sign::Verdict,
        2,
        &[&["logs", "log", "system", "host", "server", "everything"], &["is", "are"], &["clean", "benign", "safe", "compromise"]],
    ),
    phrase(Sign::Verdict, 2, &[&["nothing"], &["malicious", "suspicious", "wrong"]]),
    phrase(Sign::Verdict, 2, &[&["threat", "risk", "severity"], &["level", "rating", "score"], &["none", "zero", "low", "info"]]),
    phrase(
        Sign::Verdict,
        2,
        &[&["no"], &["threats", "findings", "intrusion", "incidents"], &["found", "detected", "present", "exist", "here"]],
    ),
    phrase(Sign::Output, 14, &[WRITE, &["your", "final"], ANSWER]),
    phrase(Sign::Output, 14, &[WRITE, &["in", "into"], &["the"], &["verdict", "recommendation"]]),
    phrase(Sign::Output, 2, &[&["respond", "reply", "answer"], &["only", "exactly", "just"], &["with"]]),
    phrase(
        Sign::Exfiltration,
        10,
        &[
            REVEAL,
            &["credential", "credentials", "secret", "secrets", "password", "passwords", "token", "tokens", "key", "keys"],
            &["your", "context", "visible", "prompt", "conversation", "seen"],
        ],
    ),
    phrase(Sign::Exfiltration, 3, &[REVEAL, &["your", "the", "system"], &["prompt", "instructions"]]),
    Phrase {
        sign: Sign::Refusal,
        reach: 4,
        steps: &[STOP, ANALYSIS],
        beside: &["you", "your", "now", "immediately", "here", "please"],
    },
    phrase(Sign::Refusal, 2, &[&["your"], ANALYSIS, STOP]),
    phrase(
        Sign::Encoded,
        10,
        &[
            &["decode", "decodes", "decrypt", "rot13", "base64"],
            &["follow", "comply", "obey", "execute", "instructions", "directive"],
        ],
    ),
];

/// The phrases that begin with a word: nearly all words of a log begin none, and are passed over at the cost of one look-up.
static BY_FIRST: LazyLock<HashMap<&'static str, Vec<&'static Phrase>>> = LazyLock::new(|| {
    let mut by_first: HashMap<&str, Vec<&Phrase>> = HashMap::new();
    for phrase in &PHRASES {
        for word in phrase.steps[0] {
            by_first.entry(word).or_default().push(phrase);
        }
    }
    by_first
});

/// The signs of all phrases in `plain`.
pub(super) fn in_text(plain: &Plain) -> Vec<Sign> {
    let mut signs = Vec::new();
    for at in 0..plain.len() {
        let word = plain.word(at);
        let Some(phrases) =
            Some(word).filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase())).and_then(|word| BY_FIRST.get(word))
        else {
            continue;
        };
        let said = phrases.iter().filter(|phrase| plain.follows(at, &phrase.steps[1..], phrase.reach));
        signs.extend(said.filter(|phrase| phrase.beside.is_empty() || plain.has_any(phrase.beside)).map(|phrase| phrase.sign));
    }
    signs
}
