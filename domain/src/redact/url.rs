//! Passwords in URLs: `scheme://user:password@host`.

use super::{Hit, is_placeholder};

/// A name without a password from this length on is a token, as in `https://TOKEN@host`.
const MIN_TOKEN_BYTES: usize = 20;

/// Bytes of a URL in which the `@` before its host is looked for.
const MAX_LOOK_BYTES: usize = 2_048;

/// The secret in the authority that begins after `://` at `from`. Without any `@`, none up to `barren`.
pub(super) fn userinfo(text: &str, from: usize, barren: &mut usize) -> Option<Hit> {
    let is_inside = |b: &u8| !matches!(b, b' ' | b'\t' | b'"' | b'\'' | b'`');
    let length = text.as_bytes()[from..].iter().take(MAX_LOOK_BYTES).take_while(|b| is_inside(b)).count();
    let mut end = from + length;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let run = &text[from..end];
    if !run.contains('@') {
        // The last bytes may belong to one that goes on behind.
        *barren = if length < MAX_LOOK_BYTES { end } else { from + MAX_LOOK_BYTES / 2 };
        return None;
    }
    let authority = &run[..run.find(['/', '?', '#']).unwrap_or(run.len())];
    let at = behind_the_password(run, authority)?;
    let info = &run[..at];
    let (start, end) = match info.find(':') {
        Some(colon) => (from + colon + 1, from + at),
        None if info.len() >= MIN_TOKEN_BYTES => (from, from + at),
        None => return None,
    };
    let is_done = is_placeholder(&text[start..end]) || text[start..end].bytes().all(|b| matches!(b, b'*' | b'x' | b'X'));
    (end > start && !is_done).then(|| Hit::secret(start, end, "url-password"))
}

/// The `@` before the host. A password may hold a slash, a question mark, a hash sign or an `@` that nobody encoded: then
/// what seems to be the host is no host, or what follows the colon no port, and the last `@` is the one.
fn behind_the_password(run: &str, authority: &str) -> Option<usize> {
    let Some((info, host)) = authority.rsplit_once('@') else {
        let (_, port) = authority.split_once(':')?;
        let is_port = port.bytes().all(|b| b.is_ascii_digit());
        return run.rfind('@').filter(|_| !is_port && !authority.starts_with('['));
    };
    let is_host = host.contains(['.', ':']) || host.eq_ignore_ascii_case("localhost") || run.len() == authority.len();
    if is_host || !info.contains(':') { Some(info.len()) } else { run.rfind('@') }
}
