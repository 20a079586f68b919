//! One look at a line: two passes that skip over what cannot be anything, and a judge for each place where something may be.

use super::pem::Pem;
use super::secrets::Secrets;
use super::token::FORMATS;
use super::{Hit, What, address, field, personal, token, url};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

/// Who judges the place of a word.
#[derive(Clone, Copy)]
enum Judge {
    /// The format of this index, where the word is written exactly so.
    Format(usize),
    /// A name's value.
    Name,
    Userinfo,
    Pem,
    PuttyKey,
    Jwt,
    Telegram,
    Mailchimp,
    DiscordWebhook,
    Crypt,
    Bearer,
    Announced,
    Curl,
    Mysql,
}

/// Parts of telling names. What is around them decides.
const NAMES: [&str; 17] = [
    "passw",
    "passphrase",
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "key",
    "psk",
    "authorization",
    "cookie",
    "sess",
    "jwt",
    "connectionstring",
    "sig",
    "code",
    "auth",
];

const OTHERS: [(&str, Judge); 20] = [
    ("://", Judge::Userinfo),
    ("-----begin", Judge::Pem),
    ("private-lines:", Judge::PuttyKey),
    ("eyj", Judge::Jwt),
    (":aa", Judge::Telegram),
    ("-us", Judge::Mailchimp),
    ("/api/webhooks/", Judge::DiscordWebhook),
    ("$1$", Judge::Crypt),
    ("$5$", Judge::Crypt),
    ("$6$", Judge::Crypt),
    ("$y$", Judge::Crypt),
    ("$2a$", Judge::Crypt),
    ("$2b$", Judge::Crypt),
    ("$2y$", Judge::Crypt),
    ("$argon2", Judge::Crypt),
    ("bearer", Judge::Bearer),
    ("identified by", Judge::Announced),
    ("snmp-server community", Judge::Announced),
    ("sshpass -p", Judge::Announced),
    ("mysql", Judge::Mysql),
];

struct Words {
    finder: AhoCorasick,
    judges: Vec<Judge>,
}

static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let formats = FORMATS.iter().enumerate().map(|(index, format)| (format.prefix, Judge::Format(index)));
    let names = NAMES.into_iter().map(|name| (name, Judge::Name));
    let all = OTHERS.into_iter().chain(formats).chain(names).chain([(" -u ", Judge::Curl), (" --user ", Judge::Curl)]);
    let (patterns, judges): (Vec<_>, Vec<_>) = all.unzip();
    let finder = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::LeftmostFirst)
        .ascii_case_insensitive(true)
        .build(patterns)
        .expect("a fixed list of short words fits an automaton");
    Words { finder, judges }
});

/// The words of a line, as far as they say whether a pseudonym could be read together with what stands beside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    /// None.
    Nothing,
    /// Telling names: their values end at blanks and signs.
    Names,
    /// The beginnings of tokens, which run over many signs.
    Beginnings,
}

/// Everything in `text` that must go, in no order; and which words there were to judge.
pub(super) fn find(text: &str, pem: &mut Pem, secrets: Option<&Secrets>, hits: &mut Vec<Hit>) -> Seen {
    let mut seen = Seen::Nothing;
    // Where the secret found last ends: what is inside goes with it.
    let mut done = hits.first().map_or(0, |hit| if hit.start == 0 { hit.end } else { 0 });
    let mut barren = Barren::default();
    for found in WORDS.finder.find_iter(text) {
        let judge = WORDS.judges[found.pattern().as_usize()];
        seen = seen.max(if matches!(judge, Judge::Name) { Seen::Names } else { Seen::Beginnings });
        if found.end() <= done {
            continue;
        }
        if let Some(hit) = judged(judge, text, found.start(), found.end(), pem, &mut barren) {
            done = hit.end;
            hits.push(hit);
        }
    }
    signs(text, hits);
    if let Some(secrets) = secrets {
        hits.extend(secrets.places(text).map(|(start, end)| Hit::secret(start, end, "configured")));
    }
    seen
}

/// Up to where a stretch was read in vain, so that a line made of beginnings is not read once for each.
#[derive(Default)]
struct Barren {
    digit: usize,
    jwt: usize,
    url: usize,
}

fn judged(judge: Judge, text: &str, start: usize, end: usize, pem: &mut Pem, barren: &mut Barren) -> Option<Hit> {
    let bytes = text.as_bytes();
    let secret = |(start, end): (usize, usize), label| Hit::secret(start, end, label);
    match judge {
        Judge::Format(index) => {
            let format = &FORMATS[index];
            if format.needs_digit() && start < barren.digit {
                return None;
            }
            match format.end(bytes, start) {
                Ok(end) => Some(Hit::secret(start, end, format.label)),
                // `key-` may also be part of a name.
                Err(_) if format.prefix == "key-" => field::value(text, start),
                Err(until) => {
                    barren.digit = barren.digit.max(until);
                    None
                }
            }
        }
        Judge::Name => field::value(text, start),
        Judge::Userinfo if start < barren.url => None,
        Judge::Userinfo => url::userinfo(text, end, &mut barren.url),
        Judge::Pem => pem.begin(text, start),
        Judge::PuttyKey => {
            pem.announce();
            None
        }
        Judge::Jwt if start < barren.jwt => None,
        Judge::Jwt => match token::jwt(bytes, start) {
            Ok(end) => Some(Hit::secret(start, end, "jwt")),
            Err(until) => {
                barren.jwt = until;
                None
            }
        },
        Judge::Telegram => token::telegram(bytes, start).map(|place| secret(place, "telegram")),
        Judge::Mailchimp => token::mailchimp(bytes, start).map(|place| secret(place, "mailchimp")),
        Judge::DiscordWebhook => token::webhook(bytes, end).map(|place| secret(place, "discord-webhook")),
        Judge::Crypt => token::crypt(bytes, start).map(|end| Hit::secret(start, end, "password-hash")),
        Judge::Bearer => field::bearer(text, end).or_else(|| field::value(text, start)),
        Judge::Announced => field::announced(text, end),
        Judge::Curl => text[..start].contains("curl").then(|| field::curl_user(text, end)).flatten(),
        Judge::Mysql => field::glued(text, end),
    }
}

const DIGIT: u8 = 1;
const COLON: u8 = 2;
const AT: u8 = 3;
const DOT: u8 = 4;

static SIGNS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = b'0';
    while byte <= b'9' {
        table[byte as usize] = DIGIT;
        byte += 1;
    }
    table[b':' as usize] = COLON;
    table[b'@' as usize] = AT;
    table[b'.' as usize] = DOT;
    table
};

/// Addresses, e-mail addresses, card numbers and bots' tokens: all have a digit, a colon, a full stop or an `@` to start from.
fn signs(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Where the address found last ends: its other colons and digits are no places to start from.
    let mut done = 0;
    while let Some(step) = bytes[at..].iter().position(|b| SIGNS[usize::from(*b)] != 0) {
        at += step;
        let found = match SIGNS[usize::from(bytes[at])] {
            _ if at < done => None,
            DIGIT => number(text, at),
            COLON => colon(text, at),
            DOT => token::discord_bot(bytes, at).map(|(start, end)| Hit::secret(start, end, "discord-bot")),
            _ => personal::email(text, at).map(|(start, end)| Hit { start, end, what: What::Email }),
        };
        if let Some(hit) = found {
            done = hit.end;
            hits.push(hit);
        }
        let is_digit = bytes[at].is_ascii_digit();
        at += if is_digit { bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count() } else { 1 };
    }
}

/// The address or bot's token around the colon at `at`.
fn colon(text: &str, at: usize) -> Option<Hit> {
    let address = address::v6(text, at).map(|(address, start, end)| Hit { start, end, what: What::Address(address) });
    let token = || token::telegram_exactly(text.as_bytes(), at).map(|(start, end)| Hit::secret(start, end, "telegram"));
    address.or_else(token)
}

/// The address or card number that begins with the digit at `at`, which is the first of its run.
fn number(text: &str, at: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let before = at.checked_sub(1).map(|before| bytes[before]);
    let is_inside_word = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_inside_word || text[..at].ends_with(address::PREFIX) {
        return None;
    }
    let digits = bytes[at..].iter().take(20).take_while(|b| b.is_ascii_digit()).count();
    let next = bytes.get(at + digits);
    if digits <= 3 && next == Some(&b'.') {
        let is_in_number = before == Some(b'.') && at >= 2 && bytes[at - 2].is_ascii_digit();
        let (address, end) = address::v4(bytes, at).filter(|_| !is_in_number)?;
        return Some(Hit { start: at, end, what: What::Address(address) });
    }
    let may_be_card = digits >= 13 || (matches!((digits, next), (4, Some(b' ' | b'-'))));
    if !may_be_card || before == Some(b'.') {
        return None;
    }
    personal::card(bytes, at).map(|end| Hit { start: at, end, what: What::Card })
}
