//! Values under a telling name: `password=…`, `"api_key": "…"`, `--token …`, `IDENTIFIED BY '…'`, and the headers that carry
//! credentials.

use super::{Hit, is_placeholder};

/// Longest name that is looked at, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Blanks between a name and its sign, in columns that were lined up.
const MAX_BLANKS: usize = 32;
/// Words that stand where a secret would and are none.
const NO_SECRETS: [&str; 35] = [
    "yes",
    "no",
    "true",
    "false",
    "null",
    "none",
    "nil",
    "undefined",
    "empty",
    "unset",
    "set",
    "invalid",
    "incorrect",
    "wrong",
    "failed",
    "failure",
    "expired",
    "required",
    "missing",
    "changed",
    "unchanged",
    "accepted",
    "denied",
    "rejected",
    "ok",
    "unknown",
    "not",
    "is",
    "was",
    "has",
    "for",
    "bearer",
    "basic",
    "digest",
    "token",
];
/// Ways to name who proves what, before the proof, in an `Authorization` header.
const SCHEMES: [&str; 9] = ["basic", "bearer", "digest", "token", "apikey", "negotiate", "ntlm", "aws4-hmac-sha256", "hawk"];

/// What a name promises.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// A secret, of the kind the label says.
    Secret(&'static str),
    /// The same, but only in a URL's query, where the name means nothing else.
    InQuery(&'static str),
    /// An `Authorization` header.
    Authorization,
    /// Cookies to the end of the header.
    Cookies,
}

/// The value whose name holds the word at `at`.
pub(super) fn value(text: &str, at: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let start = at - bytes[..at].iter().rev().take(MAX_NAME_BYTES).take_while(|b| is_name(b)).count();
    let end = at + bytes[at..].iter().take(MAX_NAME_BYTES).take_while(|b| is_name(b)).count();
    let name = &text[start..end];
    // `<SECRET:…>` is what this module writes.
    if name == "SECRET" && text[..start].ends_with('<') {
        return None;
    }
    let (from, is_sure) = after_sign(text, start, end)?;
    let is_in_query = start > 0 && matches!(bytes[start - 1], b'?' | b'&' | b';');
    match promise(name)? {
        Promise::InQuery(_) if !is_in_query => None,
        Promise::Secret("password") if name.eq_ignore_ascii_case("pass") && !is_sure => None,
        // The shell's variables for the folder it is in and was in.
        Promise::Secret("password") if matches!(name, "PWD" | "OLDPWD") && text[from..].starts_with(['/', '~']) => None,
        Promise::Secret(label) | Promise::InQuery(label) => Some(one(text, from, is_in_query)?.labelled(label)),
        Promise::Authorization => Some(authorization(text, start, from)?.labelled("authorization")),
        Promise::Cookies => Some(to_end(text, start, from)?.labelled("cookie")),
    }
}

/// Where the value after the name in `start..end` begins, and whether the sign between them was one of assignment.
fn after_sign(text: &str, start: usize, end: usize) -> Option<(usize, bool)> {
    let rest = &text[end..];
    // Most words are followed by other words: nothing to look at.
    let first = *rest.as_bytes().first()?;
    let second = *rest.as_bytes().get(1)?;
    let may_assign =
        matches!(first, b'=' | b':' | b'"' | b'\'' | b'\\' | b']' | b'%') || (first == b' ' && !second.is_ascii_alphabetic());
    if !may_assign && !text[start..].starts_with('-') && !text[..start].ends_with('-') {
        return None;
    }
    let unquoted = rest.trim_start_matches(['"', '\'', '\\', ']']);
    let spaced = unquoted.trim_start_matches(' ');
    let blanks = unquoted.len() - spaced.len();
    let sign = ["=>", ":=", "==", "=", "::", ":", "%3D", "%3d"].into_iter().find(|sign| spaced.starts_with(sign));
    // `token::Kind` is code, `https://` an address.
    let is_path = spaced.starts_with("://") || (sign == Some("::") && !spaced[2..].starts_with([' ', '\'', '"']));
    if let Some(sign) = sign.filter(|_| blanks <= MAX_BLANKS && !is_path) {
        let after = &spaced[sign.len()..];
        let value = after.trim_start_matches(' ');
        // `password= user=anna`: nothing was assigned.
        let is_left_out = value.len() < after.len() && blanks == 0 && sign == "=" && names_another(value);
        return (!is_left_out).then_some((text.len() - value.len(), sign != ":"));
    }
    let is_option = text[..start].ends_with("--") || text[start..].starts_with("--") || text[start..].starts_with('-');
    let is_quoted = spaced.starts_with(['\'', '"']) && blanks == 1;
    if unquoted.len() == rest.len() && blanks == 1 && (is_option || is_quoted) {
        return Some((text.len() - spaced.len(), true));
    }
    // Routers: `secret 5 $1$…`, `password 7 094F…`.
    let typed = spaced.strip_prefix(|c: char| c.is_ascii_digit()).and_then(|typed| typed.strip_prefix(' '));
    typed.filter(|_| blanks == 1).map(|typed| (text.len() - typed.len(), true))
}

/// Whether `text` begins with another `name=`.
fn names_another(text: &str) -> bool {
    let name = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.')).count();
    name > 0 && matches!(text.as_bytes().get(name), Some(b'='))
}

/// What a value under `name` is.
fn promise(name: &str) -> Option<Promise> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let plain = plain.as_str();
    let ends = |words: &[&str]| words.iter().any(|word| plain.ends_with(word));
    let promise = match plain {
        "authorization" | "proxyauthorization" | "xauthorization" => Promise::Authorization,
        "cookie" | "setcookie" | "cookies" => Promise::Cookies,
        "key" | "auth" | "sig" | "signature" | "code" | "sid" | "session" | "jwt" | "xamzsignature" | "xamzcredential"
        | "xgoogsignature" | "hmac" => Promise::InQuery("query"),
        _ if ends(&["password", "passwd", "passwort", "passphrase", "pwd", "passw", "passwordhash", "userpassword"])
            || plain == "pass" =>
        {
            Promise::Secret("password")
        }
        _ if ends(&[
            "apikey",
            "accesskey",
            "secretkey",
            "authkey",
            "subscriptionkey",
            "licensekey",
            "accountkey",
            "accesskeyid",
            "functionkey",
        ]) =>
        {
            Promise::Secret("api-key")
        }
        _ if ends(&[
            "privatekey",
            "encryptionkey",
            "signingkey",
            "masterkey",
            "sharedkey",
            "presharedkey",
            "psk",
            "storagekey",
            "deploykey",
            "sessionkey",
        ]) =>
        {
            Promise::Secret("key")
        }
        _ if ends(&["secret", "secrets", "secretid", "secretvalue", "clientsecret"]) => Promise::Secret("secret"),
        _ if ends(&["token", "tokenvalue", "jwt", "bearer"]) && !ends(&["unexpectedtoken", "nexttoken", "pagetoken"]) => {
            Promise::Secret("token")
        }
        _ if ends(&["credential", "credentials", "connectionstring"]) => Promise::Secret("credential"),
        _ if ends(&["sessionid", "sessid", "phpsessid", "jsessionid", "sessioncookie"]) => Promise::Secret("session"),
        _ => return None,
    };
    Some(promise)
}

/// A place of a secret that has no label yet.
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn labelled(self, label: &'static str) -> Hit {
        Hit::secret(self.start, self.end, label)
    }
}

/// The one value that begins at `from`: quoted, or up to where unquoted values end.
fn one(text: &str, from: usize, is_in_query: bool) -> Option<Span> {
    let (start, end) = match quoted(text, from) {
        Some(inside) => inside,
        None => (from, from + unquoted(&text[from..], is_in_query)),
    };
    // A lone bracket or dash is punctuation: `Unexpected token: {`.
    let is_sign = start == from && end - start < 4 && !text[start..end].bytes().any(|b| b.is_ascii_alphanumeric() || b >= 0x80);
    (is_secret(&text[start..end]) && !is_sign).then_some(Span { start, end })
}

/// The inside of the quotes that open at `from`; without a closing one, all the rest.
fn quoted(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = &text[from..];
    let opening = ["\\\"", "\\'", "\"", "'", "`", "%22"].into_iter().find(|quote| rest.starts_with(quote))?;
    let start = from + opening.len();
    let (bytes, mut at) = (text.as_bytes(), start);
    while at < text.len() {
        if text[at..].starts_with(opening) {
            return Some((start, at));
        }
        // A sign after a backslash is not the closing quote.
        at += if bytes[at] == b'\\' { 2 } else { 1 };
        while at < text.len() && !text.is_char_boundary(at) {
            at += 1;
        }
    }
    Some((start, text.len()))
}

/// Bytes of an unquoted value: up to a blank or quote; up to `&`, `,` or `;` where another name follows.
fn unquoted(rest: &str, is_in_query: bool) -> usize {
    let mut end = rest.len();
    for (at, byte) in rest.bytes().enumerate() {
        let ends = match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' => true,
            b'&' if is_in_query => true,
            b'#' => is_in_query,
            b'&' | b',' | b';' | b'|' => {
                names_another(&rest[at + 1..]) || rest[at + 1..].starts_with(' ') || rest.len() == at + 1
            }
            b'\\' => matches!(rest.as_bytes().get(at + 1), Some(b'"' | b'n' | b'r')),
            _ => false,
        };
        if ends {
            end = at;
            break;
        }
    }
    let value = &rest[..end];
    if is_placeholder(value) {
        return end;
    }
    // Brackets and stops belong to the sentence, unless they were opened inside.
    let mut value = value;
    while let Some(last) = value.chars().next_back().filter(|c| matches!(c, ')' | ']' | '}' | ',' | ';' | '.' | '>')) {
        let opening = match last {
            ')' => '(',
            ']' => '[',
            '}' => '{',
            '>' => '<',
            _ => '\0',
        };
        if value.contains(opening) {
            break;
        }
        value = &value[..value.len() - 1];
    }
    value.len()
}

fn is_secret(value: &str) -> bool {
    let is_masked = value.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-' | b'?'));
    let is_word = |word: &&str| word.eq_ignore_ascii_case(value.trim_end_matches([':', ',', '.', ';', '!']));
    !(value.is_empty() || is_masked || is_placeholder(value) || NO_SECRETS.iter().any(is_word))
}

/// What an `Authorization` header proves with; its scheme stays.
fn authorization(text: &str, name: usize, from: usize) -> Option<Span> {
    let (start, end) = bounds(text, name, from);
    let inside = &text[start..end];
    let scheme = inside.split(' ').next().unwrap_or("");
    if !SCHEMES.iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return one(text, from, false);
    }
    let proof = inside[scheme.len()..].trim_start_matches(' ');
    let start = end - proof.len();
    // One word for most schemes; `Digest` and `AWS4` list fields to the end.
    let is_list = scheme.eq_ignore_ascii_case("digest") || scheme.len() > 12;
    let end = if is_list { end } else { start + unquoted(proof, false) };
    (end > start && !is_placeholder(&text[start..end])).then_some(Span { start, end })
}

/// All of a header's value.
fn to_end(text: &str, name: usize, from: usize) -> Option<Span> {
    let (start, end) = bounds(text, name, from);
    let end = start + text[start..end].trim_end().len();
    (end > start && is_secret(&text[start..end])).then_some(Span { start, end })
}

/// From where to where a header's value goes: inside its quotes, or the quotes around the header, or to the end of the line.
fn bounds(text: &str, name: usize, from: usize) -> (usize, usize) {
    if let Some(inside) = quoted(text, from) {
        return inside;
    }
    let before = text[..name].bytes().next_back().filter(|b| matches!(b, b'"' | b'\''));
    let end = before.and_then(|quote| text[from..].find(char::from(quote)));
    (from, end.map_or(text.len(), |end| from + end))
}

/// A token after the word `bearer` that ends at `end`.
pub(super) fn bearer(text: &str, end: usize) -> Option<Hit> {
    let rest = text[end..].strip_prefix(' ')?;
    let run = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"._~+/=-".contains(b)).count();
    let has_digit = rest[..run].bytes().any(|b| b.is_ascii_digit());
    let is_token = (run >= 20 || (run >= 8 && has_digit)) && !is_placeholder(&rest[..run]);
    is_token.then(|| Hit::secret(end + 1, end + 1 + run, "token"))
}

/// What follows `words` that announce a secret without a sign: `IDENTIFIED BY '…'`, `snmp-server community …`, `sshpass -p…`.
pub(super) fn announced(text: &str, end: usize) -> Option<Hit> {
    let from = end + (text[end..].len() - text[end..].trim_start_matches(' ').len());
    Some(one(text, from, false)?.labelled("password"))
}

/// The password after `curl -u name:` at the name.
pub(super) fn curl_user(text: &str, from: usize) -> Option<Hit> {
    let from = from + usize::from(text[from..].starts_with(['"', '\'']));
    let end = from + unquoted(&text[from..], false);
    let colon = from + text[from..end].find(':')?;
    is_secret(&text[colon + 1..end]).then(|| Hit::secret(colon + 1, end, "password"))
}

/// The password that is glued to `-p` in a command of MySQL's, after `from`.
pub(super) fn glued(text: &str, from: usize) -> Option<Hit> {
    let start = from + text[from..].find(" -p")? + 3;
    (!text[start..].starts_with([' ', '-'])).then_some(())?;
    Some(one(text, start, false)?.labelled("password"))
}
