//! Tokens that services issue in a form of their own, recognised wherever they stand.

/// A format: how it begins, what may follow, and how much of it must.
pub(super) struct Format {
    pub(super) prefix: &'static str,
    pub(super) label: &'static str,
    alphabet: Alphabet,
    min_bytes: usize,
    /// Needs a digit somewhere: the prefix alone is an ordinary word.
    needs_digit: bool,
}

#[derive(Clone, Copy)]
enum Alphabet {
    Alnum,
    /// Letters, digits, `_` and `-`.
    Name,
    /// Those and `.`, `=`, `:`, `+`, `/`, `~`, `%`.
    Wide,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Alphabet::Alnum => byte.is_ascii_alphanumeric(),
            Alphabet::Name => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Alphabet::Wide => byte.is_ascii_alphanumeric() || b"_-.=:+/~%".contains(&byte),
        }
    }
}

const fn alnum(prefix: &'static str, label: &'static str, min_bytes: usize) -> Format {
    Format { prefix, label, alphabet: Alphabet::Alnum, min_bytes, needs_digit: false }
}

const fn name(prefix: &'static str, label: &'static str, min_bytes: usize) -> Format {
    Format { prefix, label, alphabet: Alphabet::Name, min_bytes, needs_digit: false }
}

const fn wide(prefix: &'static str, label: &'static str, min_bytes: usize) -> Format {
    Format { prefix, label, alphabet: Alphabet::Wide, min_bytes, needs_digit: false }
}

const fn mixed(prefix: &'static str, label: &'static str, min_bytes: usize) -> Format {
    Format { prefix, label, alphabet: Alphabet::Name, min_bytes, needs_digit: true }
}

/// The formats, by the public descriptions of the services that issue them.
pub(super) const FORMATS: &[Format] = &[
    alnum("AKIA", "aws", 16),
    alnum("ASIA", "aws", 16),
    alnum("ABIA", "aws", 16),
    alnum("ACCA", "aws", 16),
    alnum("AGPA", "aws", 16),
    alnum("AIDA", "aws", 16),
    alnum("AROA", "aws", 16),
    alnum("AIPA", "aws", 16),
    alnum("ANPA", "aws", 16),
    alnum("ANVA", "aws", 16),
    alnum("A3T", "aws", 17),
    name("ghp_", "github", 30),
    name("gho_", "github", 30),
    name("ghu_", "github", 30),
    name("ghs_", "github", 30),
    name("ghr_", "github", 30),
    name("github_pat_", "github", 22),
    name("glpat-", "gitlab", 20),
    name("gldt-", "gitlab", 20),
    name("glrt-", "gitlab", 20),
    name("glcbt-", "gitlab", 20),
    name("glptt-", "gitlab", 20),
    name("glft-", "gitlab", 20),
    name("glsoat-", "gitlab", 20),
    name("glagent-", "gitlab", 20),
    name("glimt-", "gitlab", 20),
    name("gloas-", "gitlab", 20),
    name("GR1348941", "gitlab", 20),
    name("xoxb-", "slack", 10),
    name("xoxp-", "slack", 10),
    name("xoxa-", "slack", 10),
    name("xoxr-", "slack", 10),
    name("xoxs-", "slack", 10),
    name("xoxo-", "slack", 10),
    name("xoxc-", "slack", 10),
    name("xoxd-", "slack", 10),
    wide("xoxe.", "slack", 10),
    name("xoxe-", "slack", 10),
    name("xapp-", "slack", 10),
    wide("hooks.slack.com/services/", "slack", 20),
    wide("hooks.slack.com/workflows/", "slack", 20),
    alnum("sk_live_", "stripe", 10),
    alnum("sk_test_", "stripe", 10),
    alnum("rk_live_", "stripe", 10),
    alnum("rk_test_", "stripe", 10),
    wide("whsec_", "stripe", 16),
    mixed("sk-ant-", "anthropic", 16),
    mixed("sk-", "openai", 20),
    mixed("sess-", "openai", 24),
    name("AIza", "google", 35),
    name("GOCSPX-", "google", 20),
    wide("ya29.", "google", 20),
    alnum("npm_", "npm", 30),
    name("pypi-", "pypi", 50),
    alnum("rubygems_", "rubygems", 30),
    alnum("cio", "crates-io", 32),
    alnum("hf_", "huggingface", 30),
    wide("SG.", "sendgrid", 40),
    alnum("dop_v1_", "digitalocean", 32),
    alnum("doo_v1_", "digitalocean", 32),
    alnum("dor_v1_", "digitalocean", 32),
    alnum("dapi", "databricks", 32),
    alnum("shpat_", "shopify", 24),
    alnum("shpca_", "shopify", 24),
    alnum("shppa_", "shopify", 24),
    alnum("shpss_", "shopify", 24),
    name("sq0atp-", "square", 20),
    name("sq0csp-", "square", 20),
    name("EAAAE", "square", 40),
    name("hvs.", "vault", 20),
    name("hvb.", "vault", 20),
    name("hvr.", "vault", 20),
    wide("ATATT3", "atlassian", 40),
    wide("ATCTT3", "atlassian", 40),
    name("figd_", "figma", 20),
    name("glsa_", "grafana", 24),
    wide("glc_", "grafana", 30),
    alnum("NRAK-", "newrelic", 20),
    alnum("lin_api_", "linear", 30),
    name("PMAK-", "postman", 30),
    wide("dp.pt.", "doppler", 30),
    wide("dp.st.", "doppler", 30),
    name("pscale_tkn_", "planetscale", 24),
    name("pscale_pw_", "planetscale", 24),
    name("dckr_pat_", "docker", 20),
    name("AGE-SECRET-KEY-1", "age", 40),
    name("tskey-", "tailscale", 16),
    wide("ops_eyJ", "onepassword", 40),
    wide("sntrys_", "sentry", 40),
    alnum("sntryu_", "sentry", 40),
    alnum("sbp_", "supabase", 32),
    alnum("sb_secret_", "supabase", 16),
    mixed("AKC", "artifactory", 20),
    alnum("pul-", "pulumi", 32),
    name("HRKU-", "heroku", 30),
    alnum("nvapi-", "nvidia", 32),
    name("gsk_", "groq", 32),
    name("xai-", "xai", 40),
    alnum("r8_", "replicate", 30),
    name("fly1_", "fly", 30),
    wide("FlyV1 ", "fly", 30),
    mixed("SK", "twilio", 32),
    wide("EZAK", "easypost", 40),
    name("FLWSECK", "flutterwave", 20),
    name("key-", "mailgun", 32),
    wide("webhook.office.com/", "teams", 30),
    name("hc-ping.com/", "ping-url", 16),
    wide("MIIE", "key-material", 60),
    wide("MIIJ", "key-material", 60),
    wide("MIIC", "key-material", 60),
    wide("MHcCAQEE", "key-material", 40),
    wide("b3BlbnNzaC1rZXktdjEA", "key-material", 20),
];

impl Format {
    /// The token of this format whose prefix starts at `start`: its end. Without one, up to where there is none of any
    /// format that needs a digit: a run that was read once is not read again for each prefix in it.
    pub(super) fn end(&self, bytes: &[u8], start: usize) -> Result<usize, usize> {
        let after = start + self.prefix.len();
        let is_inside_word = start > 0 && (bytes[start - 1].is_ascii_alphanumeric() || bytes[start - 1] == b'_');
        let is_host = self.prefix.contains('/');
        if (is_inside_word && !is_host) || bytes.get(start..after) != Some(self.prefix.as_bytes()) {
            return Err(start);
        }
        let run = bytes[after..].iter().take_while(|b| self.alphabet.has(**b)).count();
        // A sentence's full stop is no part of it.
        let trimmed = bytes[after..after + run].iter().rev().take_while(|b| matches!(b, b'.' | b':')).count();
        let has_digit = !self.needs_digit || bytes[after..after + run].iter().any(u8::is_ascii_digit);
        match run - trimmed >= self.min_bytes && has_digit {
            true => Ok(after + run - trimmed),
            false if has_digit => Err(start),
            false => Err(after + run),
        }
    }

    /// Whether a digit must be in it.
    pub(super) fn needs_digit(&self) -> bool {
        self.needs_digit
    }
}

/// A JSON web token, or any two base64url parts of which the first is JSON, at `start`: `eyJ….….…`.
///
/// Without one, up to where none can begin.
pub(super) fn jwt(bytes: &[u8], start: usize) -> Result<usize, usize> {
    let part = |from: usize| bytes[from..].iter().take_while(|b| Alphabet::Name.has(**b)).count();
    if (start > 0 && bytes[start - 1].is_ascii_alphanumeric()) || bytes[start..start + 3] != *b"eyJ" {
        return Err(start);
    }
    let first = part(start);
    let mut end = start + first;
    if first < 12 || bytes.get(end) != Some(&b'.') || part(end + 1) == 0 {
        return Err(end);
    }
    for _ in 1..5 {
        if bytes.get(end) == Some(&b'.') {
            end += 1 + part(end + 1);
        }
    }
    Ok(end)
}

/// A bot's token around `:AA` at `colon`: its number before, 33 or more signs after.
pub(super) fn telegram(bytes: &[u8], colon: usize) -> Option<(usize, usize)> {
    let digits = bytes[..colon].iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let run = bytes[colon + 1..].iter().take_while(|b| Alphabet::Name.has(**b)).count();
    ((6..=12).contains(&digits) && run >= 30).then_some((colon - digits, colon + 1 + run))
}

/// The same where the second part begins otherwise: then its length must be right, for many things are a number and a colon.
pub(super) fn telegram_exactly(bytes: &[u8], colon: usize) -> Option<(usize, usize)> {
    let (start, end) = telegram(bytes, colon)?;
    ((8..=10).contains(&(colon - start)) && end - colon == 36).then_some((start, end))
}

/// A Discord bot's token around its first full stop at `dot`: its number in base64, six signs, and the proof.
pub(super) fn discord_bot(bytes: &[u8], dot: usize) -> Option<(usize, usize)> {
    (bytes.get(dot + 7) == Some(&b'.')).then_some(())?;
    let start = dot - bytes[..dot].iter().rev().take(32).take_while(|b| Alphabet::Name.has(**b)).count();
    let end = dot + 8 + bytes[dot + 8..].iter().take_while(|b| Alphabet::Name.has(**b)).count();
    let is_number = (23..=28).contains(&(dot - start)) && matches!(bytes[start], b'M' | b'N' | b'O');
    let is_middle = bytes[dot + 1..dot + 7].iter().all(|b| Alphabet::Name.has(*b));
    (is_number && is_middle && end - dot - 8 >= 27).then_some((start, end))
}

/// A Mailchimp key that ends in `-us` and a number, at `dash`: 32 hexadecimal digits before.
pub(super) fn mailchimp(bytes: &[u8], dash: usize) -> Option<(usize, usize)> {
    let start = dash - bytes[..dash].iter().rev().take(33).take_while(|b| b.is_ascii_alphanumeric()).count();
    let digits = bytes[dash + 3..].iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    (dash - start == 32 && (1..=2).contains(&digits)).then_some((start, dash + 3 + digits))
}

/// The token of a Discord webhook, after `/api/webhooks/` at `start`: the number stays, the token goes.
pub(super) fn webhook(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let digits = bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
    let token = start + digits + 1;
    let run = bytes.get(token..)?.iter().take_while(|b| Alphabet::Name.has(**b)).count();
    (digits > 0 && bytes[start + digits] == b'/' && run >= 8).then_some((token, token + run))
}

/// A password's hash as crypt(3) writes it, at the first `$`: its end.
pub(super) fn crypt(bytes: &[u8], start: usize) -> Option<usize> {
    let run = bytes[start..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"$./=,_+-".contains(b)).count();
    let dollars = bytes[start..start + run].iter().filter(|b| **b == b'$').count();
    let ends_clause = usize::from(bytes.get(start + run - 1) == Some(&b','));
    (dollars >= 2 && run >= 24).then_some(start + run - ends_clause)
}
