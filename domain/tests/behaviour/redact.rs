//! Redaction: what goes, what stays, and what holds for every line.

use crate::log_data;
use domain::redact::{Form, Pseudonyms, Redactor, Secret, Secrets, clean, last_check};
use domain::rules::Rules;
use domain::time::Wall;
use proptest::prelude::*;

fn redacted(line: &str) -> String {
    Redactor::default().line(line).into_owned()
}

/// A token that no service issued, in the form of one: `count` letters and digits after `prefix`.
fn fake(prefix: &str, count: usize) -> String {
    let body: String = "Fake0Token9For8Tests7Only".chars().cycle().take(count).collect();
    format!("{prefix}{body}")
}

#[test]
fn tokens_of_known_services_go_wherever_they_stand() {
    let upper = |prefix: &str, count| fake(prefix, count).to_uppercase();
    let cases = [
        ("aws", upper("AKIA", 16)),
        ("aws", upper("ASIA", 16)),
        ("github", fake("ghp_", 36)),
        ("github", fake("ghs_", 36)),
        ("github", fake("github_pat_", 60)),
        ("gitlab", fake("glpat-", 20)),
        ("slack", fake("xoxb-", 40)),
        ("slack", fake("https://hooks.slack.com/services/", 40)),
        ("stripe", fake("sk_live_", 24)),
        ("stripe", fake("whsec_", 32)),
        ("openai", fake("sk-proj-", 48)),
        ("openai", fake("sk-", 48)),
        ("anthropic", fake("sk-ant-api03-", 80)),
        ("google", fake("AIza", 35)),
        ("google", fake("GOCSPX-", 28)),
        ("npm", fake("npm_", 36)),
        ("pypi", fake("pypi-", 80)),
        ("huggingface", fake("hf_", 34)),
        ("sendgrid", fake("SG.", 66)),
        ("digitalocean", fake("dop_v1_", 64)),
        ("vault", fake("hvs.", 24)),
        ("aws", upper("AROA", 16)),
        ("twilio", format!("SK{}", "0123456789abcdef".repeat(2))),
        ("gitlab", fake("GR1348941", 20)),
        ("mailchimp", format!("{}-us12", "0123456789abcdef".repeat(2))),
        ("discord-bot", format!("{}.{}.{}", fake("M", 23), fake("", 6), fake("", 38))),
        ("telegram", format!("1234567890:{}", fake("B", 34))),
        ("telegram", format!("123456789:AA{}", fake("", 33))),
        ("discord-webhook", format!("https://discord.com/api/webhooks/1234567890/{}", fake("", 68))),
        ("discord-webhook", format!("https://canary.discordapp.com/api/webhooks/1234567890/{}", fake("", 68))),
        ("jwt", format!("{}.{}.{}", fake("eyJ", 30), fake("eyJ", 40), fake("", 43))),
        ("jwt", format!("{}.{}", fake("eyJ", 30), fake("eyJ", 40))),
        ("password-hash", format!("$6$saltsalt${}", fake("", 86))),
        ("password-hash", format!("$2y$10${}", fake("", 53))),
    ];
    for (label, token) in cases {
        for line in [token.clone(), format!("job failed: {token}, giving up"), format!("(\"{token}\")"), format!("x={token}")] {
            let mut redactor = Redactor::default();
            let out = redactor.line(&line).into_owned();
            let secret = token.rsplit('/').next().unwrap();
            assert!(!out.contains(secret) && out.contains(&format!("<SECRET:{label}>")), "{line} became {out}");
            assert_eq!(redactor.counts().values().sum::<u64>(), 1, "{line}: {:?}", redactor.counts());
        }
    }
}

#[test]
fn values_under_telling_names_go_and_the_rest_of_the_line_stays() {
    let cases = [
        ("password=hunter2 user=anna", "password=<SECRET:password> user=anna"),
        ("login password: hunter2, then ok", "login password: <SECRET:password>, then ok"),
        ("DB_PASSWORD='correct horse' set", "DB_PASSWORD='<SECRET:password>' set"),
        (r#"{"user":"anna","api_key":"a\"b c","n":1}"#, r#"{"user":"anna","api_key":"<SECRET:api-key>","n":1}"#),
        (r#"msg="{\"secret\":\"s3cr3t\"}""#, r#"msg="{\"secret\":\"<SECRET:secret>\"}""#),
        ("aws_secret_access_key = abc/def+ghi", "aws_secret_access_key = <SECRET:api-key>"),
        ("config.auth_token => 'abc'", "config.auth_token => '<SECRET:token>'"),
        ("secret-key       ::  'abc 1'", "secret-key       ::  '<SECRET:api-key>'"),
        ("uses token::Kind and secret::x", "uses token::Kind and secret::x"),
        ("run --password hunter2 --verbose", "run --password <SECRET:password> --verbose"),
        ("run --token=abc123 x", "run --token=<SECRET:token> x"),
        ("GET /x?token=abc&page=2 HTTP/1.1", "GET /x?token=<SECRET:token>&page=2 HTTP/1.1"),
        ("GET /x?a=1&key=abc&sig=d%2Fe#top", "GET /x?a=1&key=<SECRET:query>&sig=<SECRET:query>#top"),
        ("passwd=a&b;c,d end", "passwd=<SECRET:password> end"),
        ("password=abc,user=anna", "password=<SECRET:password>,user=anna"),
        ("ALTER USER x IDENTIFIED BY 'abc def'", "ALTER USER x IDENTIFIED BY '<SECRET:password>'"),
        ("executed 'snmp-server community public1 RO'", "executed 'snmp-server community <SECRET:password> RO'"),
        ("username x password 7 094F471A1A0A", "username x password 7 <SECRET:password>"),
        ("COMMAND=/usr/bin/mysql -u root -phunter2 shop", "COMMAND=/usr/bin/mysql -u root -p<SECRET:password> shop"),
        ("curl -u anna:hunter2 https://x.example", "curl -u anna:<SECRET:password> https://x.example"),
        ("sshpass -p hunter2 ssh x", "sshpass -p <SECRET:password> ssh x"),
        ("DB_PWD=/a1 x", "DB_PWD=<SECRET:password> x"),
        ("PGPASSWORD=x1 psql", "PGPASSWORD=<SECRET:password> psql"),
    ];
    for (line, expected) in cases {
        assert_eq!(redacted(line), expected);
    }
}

#[test]
fn headers_that_carry_credentials_lose_them() {
    let cases = [
        ("Authorization: Basic YW5uYTpodW50ZXIy", "Authorization: Basic <SECRET:authorization>"),
        ("> authorization: Bearer abc.def-ghi", "> authorization: Bearer <SECRET:authorization>"),
        ("curl -H 'Authorization: Token abc' http://x", "curl -H 'Authorization: Token <SECRET:authorization>' http://x"),
        (r#"{"Authorization":"Bearer abc","a":1}"#, r#"{"Authorization":"Bearer <SECRET:authorization>","a":1}"#),
        ("Authorization: Digest username=\"a\", response=\"6629\"", "Authorization: Digest <SECRET:authorization>"),
        ("Cookie: sid=abc; theme=dark", "Cookie: <SECRET:cookie>"),
        ("Set-Cookie: sid=abc; HttpOnly", "Set-Cookie: <SECRET:cookie>"),
        ("\"Cookie: sid=abc; b=c\" sent", "\"Cookie: <SECRET:cookie>\" sent"),
        ("X-Api-Key: abc", "X-Api-Key: <SECRET:api-key>"),
        ("bearer /=2001:db8::5,", "bearer <SECRET:token>,"),
        ("used bearer abcdefgh12345 twice", "used bearer <SECRET:token> twice"),
    ];
    for (line, expected) in cases {
        assert_eq!(redacted(line), expected);
    }
}

#[test]
fn passwords_in_urls_go_and_hosts_and_users_stay() {
    let cases = [
        ("postgres://app:pw@db.lan:5432/x", "postgres://app:<SECRET:url-password>@db.lan:5432/x"),
        ("at redis://:p@ss/w?d@10.0.0.2/0 now", "at redis://:<SECRET:url-password>@10.0.0.2/0 now"),
        ("https://example.lan:8080/a@b", "https://example.lan:8080/a@b"),
        ("https://user@host/x", "https://user@host/x"),
        ("amqp://a:***@b", "amqp://a:***@b"),
    ];
    for (line, expected) in cases {
        assert_eq!(redacted(line), expected);
    }
}

#[test]
fn people_and_cards_go() {
    let cases = [
        ("to=<anna.b+c@mail.example.org>, relay", "to=<<EMAIL>>, relay"),
        ("card 4111 1111 1111 1111 declined", "card <CARD> declined"),
        ("card 378282246310005.", "card <CARD>."),
        ("order 4111111111111112 is no card", "order 4111111111111112 is no card"),
        ("at 1715688051123 ms", "at 1715688051123 ms"),
        ("Started user@1000.service for sshd@12.service", "Started user@1000.service for sshd@12.service"),
        ("trace 4111111111111111abc", "trace 4111111111111111abc"),
    ];
    for (line, expected) in cases {
        assert_eq!(redacted(line), expected);
    }
}

#[test]
fn public_addresses_become_stable_pseudonyms_and_the_others_stay() {
    let mut redactor = Redactor::default();
    let lines = [
        ("from 203.0.113.9 port 22", "from IP-PUB-1 port 22"),
        ("from 198.51.100.7:443 to 203.0.113.9/80", "from IP-PUB-2:443 to IP-PUB-1/80"),
        (
            "10.0.0.1 172.16.5.5 192.168.1.1 127.0.0.1 169.254.1.1 100.64.0.1",
            "10.0.0.1 172.16.5.5 192.168.1.1 127.0.0.1 169.254.1.1 100.64.0.1",
        ),
        ("[2001:db8::5]:443 and fe80::1%eth0, fd00::1, ::1", "[IP-PUB-3]:443 and fe80::1%eth0, fd00::1, ::1"),
        ("outside:2001:db8::5 (2001:db8:0:0:0:0:0:5)", "outside:IP-PUB-3 (IP-PUB-3)"),
        ("::ffff:203.0.113.9 at 12:00:51, mac 00:1a:2b:3c:4d:5e", "IP-PUB-4 at 12:00:51, mac 00:1a:2b:3c:4d:5e"),
        ("Chrome/122.0.0.0, version 1.2.3.4.5, 1.2.3", "Chrome/122.0.0.0, version 1.2.3.4.5, 1.2.3"),
        ("5.36.59.76.dynamic.isp.example", "IP-PUB-5.dynamic.isp.example"),
    ];
    for (line, expected) in lines {
        assert_eq!(redactor.line(line), expected);
    }
    let stored = serde_json::to_string(redactor.pseudonyms()).unwrap();
    let pseudonyms: Pseudonyms = serde_json::from_str(&stored).unwrap();
    assert_eq!(pseudonyms.address("IP-PUB-2"), Some("198.51.100.7".parse().unwrap()));
    assert_eq!((pseudonyms.address("IP-PUB-0"), pseudonyms.address("IP-PUB-6"), pseudonyms.address("x")), (None, None, None));
    let mut next = Redactor::new(pseudonyms, Secrets::new(&[]));
    assert_eq!(next.line("198.51.100.7 and 192.0.2.1"), "IP-PUB-2 and IP-PUB-6");
}

#[test]
fn a_private_key_over_several_lines_goes_and_the_lines_after_it_stay() {
    let body = fake("", 64);
    for header in ["", "May 14 12:00:51 web app[7]: "] {
        let mut redactor = Redactor::default();
        let lines = [
            "-----BEGIN RSA PRIVATE KEY-----".to_owned(),
            body.clone(),
            body.clone(),
            fake("", 21) + "=",
            "-----END RSA PRIVATE KEY-----".to_owned(),
        ];
        for line in lines {
            let out = redactor.line(&format!("{header}{line}")).into_owned();
            assert_eq!(out, format!("{header}<SECRET:private-key>"));
        }
        assert!(!redactor.is_inside_key());
        assert_eq!(redactor.line(&body), body, "a hash is a hash once the key has ended");
    }
}

#[test]
fn a_private_key_in_one_line_of_json_goes_and_a_certificate_stays() {
    let body = fake("", 64);
    let line = format!(r#"{{"private_key":"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n","a":1}}"#);
    assert_eq!(redacted(&line), r#"{"private_key":"<SECRET:key>","a":1}"#);
    let line = format!(r#"wrote -----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY----- to disk"#);
    assert_eq!(redacted(&line), "wrote <SECRET:private-key> to disk");
    assert_eq!(redacted("-----BEGIN CERTIFICATE-----"), "-----BEGIN CERTIFICATE-----");
}

#[test]
fn a_key_that_never_ends_hides_no_ordinary_line() {
    let mut redactor = Redactor::default();
    redactor.line("-----BEGIN PRIVATE KEY-----");
    for line in
        ["Failed password for root from 10.0.0.1 port 22 ssh2", "session opened for user root", "Accepted publickey for root"]
    {
        assert_eq!(redactor.line(line), line);
    }
}

#[test]
fn ordinary_lines_stay_as_they_are() {
    let lines = [
        "Failed password for root from 10.0.0.5 port 42393 ssh2",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=10.0.0.5  user=root",
        "Access denied for user 'root'@'localhost' (using password: YES)",
        "Accepted publickey for anna: ED25519 SHA256:abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        "token: invalid; password: incorrect",
        "Unexpected token: { in JSON",
        "keyboard-interactive/pam for session 12",
        "sudo: deploy : TTY=pts/5 ; PWD=/home/ops ; USER=root ; COMMAND=/usr/bin/du -sh /srv/app",
        "password=******** secret=[] token=\"\"",
        "https://example.lan/path?page=2&sort=name",
        "sk-learn-is-a-library-with-a-long-name-that-is-no-key",
        "commit 0123456789abcdef0123456789abcdef01234567",
    ];
    for line in lines {
        assert_eq!(redacted(line), line);
    }
}

#[test]
fn what_hides_a_secret_from_the_eye_hides_it_from_nobody() {
    let line = clean("pass\u{200b}word=\x1b[1mhun\x1b[0mter2 \x07".as_bytes());
    assert_eq!(redacted(&line.text), "password=<SECRET:password> ");
    let tags: String = "ignore".chars().map(|c| char::from_u32(u32::from(c) + 0xe0000).unwrap()).collect();
    let line = clean(tags.as_bytes());
    assert!(line.had_hidden);
    assert_eq!(line.text, "ignore");
    let line = clean(b"caf\xe9 \xff");
    assert!(line.is_lossy);
    assert_eq!(line.text, "caf\u{fffd} \u{fffd}");
    assert_eq!(clean("\x1b]0;title\x07shown \x1b]8;;never ended".as_bytes()).text, "shown 8;;never ended");
}

#[test]
fn a_line_is_cut_at_its_limit_and_no_half_token_is_left() {
    let token = fake("ghp_", 36);
    let long = format!("{} {token}", "x".repeat(domain::redact::MAX_LINE_BYTES - 20));
    let line = clean(long.as_bytes());
    assert!(line.is_cut && !line.text.contains("ghp_"));
    let exact = "é".repeat(domain::redact::MAX_LINE_BYTES / 2);
    assert!(!clean(exact.as_bytes()).is_cut);
    let line = clean(format!("x{exact}").as_bytes()).text.into_owned();
    assert!(line.ends_with('é') && line.len() == domain::redact::MAX_LINE_BYTES - 1);
}

#[test]
fn the_hubs_own_secrets_go_from_lines_and_no_body_leaves_with_one() {
    let value = "tr0ub4dor&\"3 ü/+";
    let secrets = [Secret { name: "SMTP".into(), value: value.into() }, Secret { name: "PIN".into(), value: "1".into() }];
    let mut redactor = Redactor::new(Pseudonyms::default(), Secrets::new(&secrets));
    assert_eq!(redactor.line(&format!("got {value} 1")), "got <SECRET:configured> 1");
    let encoded = |body: &str| last_check(body.as_bytes(), &secrets).map_err(|leak| (leak.name, leak.form));
    let leak = |form| Err(("SMTP".to_owned(), form));
    assert_eq!(encoded("nothing 1 here"), Ok(()));
    assert_eq!(encoded(&format!("a{value}b")), leak(Form::Plain));
    assert_eq!(encoded(&serde_json::json!({ "a": [value] }).to_string()), leak(Form::Json));
    assert_eq!(encoded("q=tr0ub4dor%26%223%20%C3%BC%2F%2B"), leak(Form::Url));
    assert_eq!(encoded("q=tr0ub4dor%26%223+%c3%bc%2f%2b"), leak(Form::Url));
    assert_eq!(encoded("747230756234646F72262233 20".replace(' ', "").as_str()), Ok(()), "a part is no leak");
    assert!(!format!("{secrets:?} {:?}", Secrets::new(&secrets)).contains("tr0ub"));
}

/// Base64 by its definition, for the test only.
fn base64(bytes: &[u8]) -> String {
    let digits: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().chain(&[0, 0]).take(3).fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        (0..4).for_each(|at| out.push(if at > chunk.len() { '=' } else { digits[number >> (18 - 6 * at) & 63] }));
    }
    out
}

proptest! {
    #[test]
    fn a_secret_inside_base64_is_found_at_every_offset(before in "[ -~]{0,9}", secret in "[!-~]{8,40}", after in "[ -~]{0,9}") {
        let secrets = [Secret { name: "x".into(), value: secret.clone() }];
        let body = base64(format!("{before}{secret}{after}").as_bytes());
        prop_assert!(last_check(body.as_bytes(), &secrets).is_err());
        let body = body.replace('+', "-").replace('/', "_");
        prop_assert!(last_check(body.as_bytes(), &secrets).is_err());
    }

    #[test]
    fn redacting_what_is_redacted_changes_nothing(lines in proptest::collection::vec(any_line(), 1..12)) {
        let mut first = Redactor::default();
        let once: Vec<_> = lines.iter().map(|line| first.line(line).into_owned()).collect();
        let mut second = Redactor::default();
        for line in &once {
            prop_assert_eq!(&second.line(line), line);
        }
        prop_assert!(second.counts().is_empty(), "{:?}", second.counts());
    }

    #[test]
    fn no_bytes_panic_and_what_is_cleaned_is_clean(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let line = clean(&bytes);
        prop_assert!(!line.text.contains(|c: char| c.is_control()));
        let again = clean(line.text.as_bytes());
        prop_assert_eq!(&again.text, &line.text);
        prop_assert!(!again.had_control && !again.had_hidden && !again.is_lossy);
        Redactor::default().line(&line.text);
    }

    #[test]
    fn no_text_panics(lines in proptest::collection::vec(any::<String>(), 0..6)) {
        let mut redactor = Redactor::default();
        lines.iter().for_each(|line| drop(redactor.line(line)));
    }

    #[test]
    fn a_password_is_gone_whatever_it_is(password in "[!-~]{1,20}[A-Z][0-9a-z]{5}", quote in "['\"]") {
        let clear = password.replace(['\\', '\'', '"', '`'], "_");
        prop_assume!(!clear.starts_with("IP-PUB-"));
        let out = redacted(&format!("x password={quote}{clear}{quote} y"));
        prop_assert_eq!(out, format!("x password={quote}<SECRET:password>{quote} y"));
    }
}

/// Lines made of what the rules look for, in any order and glued together.
fn any_line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "(password|token|api_key|Authorization|Cookie|secret|key|pass|code)",
        4 => "(=|: |:|=>| |\"|'|\\\\\"|&|\\?|,|;|@|://|/|-|--|<|>|\\)|\\.)",
        3 => "[a-zA-Z0-9]{1,9}",
        2 => "(203\\.0\\.113\\.[0-9]{1,3}|10\\.0\\.0\\.1|2001:db8::[0-9a-f]{1,4}|::|IP-PUB-[0-9]{1,4}|[0-9]{1,4}:[0-9]{1,4})",
        2 => "(Bearer |Basic |bearer|eyJ[a-z]{12,20}\\.[a-z]{5}|sk-[a-z0-9]{24}|ghp_[a-z]{36}|4111111111111111|4111-1111-1111-1111)",
        2 => "(<SECRET:[a-z-]{0,6}>|<EMAIL>|<CARD>|<SECRET:|SECRET|<SECRET:password>)",
        1 => "(-----BEGIN PRIVATE KEY-----|-----END PRIVATE KEY-----|[a-z]{45}|[a-z]{7}=)",
        1 => "(a@b\\.de|mysql -p|curl -u a:|identified by |snmp-server community |é|\\$6\\$[a-z]{9}\\$[a-z]{30}|[0-9]{9}:AA[a-z]{33})",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

#[test]
fn nothing_planted_in_the_test_logs_survives_and_little_else_goes() {
    let Some(log) = log_data::text("injection/log_srv_syslog.log") else { return };
    let Some(truth) = log_data::json("injection/GROUND_TRUTH.json") else { return };
    let mut redactor = Redactor::default();
    let out: Vec<_> = log.lines().map(|line| redactor.line(line).into_owned()).collect();
    let planted = truth.as_array().unwrap().iter().filter(|record| record["kind"] == "spillage");
    for record in planted {
        let value = record["value"].as_str().unwrap();
        let password =
            value.split("://").nth(1).and_then(|rest| rest.split(['@']).next()).and_then(|info| info.split(':').nth(1));
        let password = password.expect("the planted secret is a URL's password");
        assert!(log.contains(password) && !out.iter().any(|line| line.contains(password)), "{password} is still there");
    }
    eprintln!("taken from {} lines: {:?}", out.len(), redactor.counts());
}

#[test]
fn the_local_rules_find_in_redacted_lines_what_they_find_in_the_lines_themselves() {
    let now = Wall(1_715_700_000_000);
    for name in ["firewall/cisco_asa.log", "firewall/web_syslog.log", "firewall/web_access.log", "injection/log_srv_syslog.log"] {
        let Some(log) = log_data::text(name) else { return };
        let (mut plain, mut hidden, mut redactor) = (Rules::new(), Rules::new(), Redactor::default());
        for (number, line) in (1..).zip(log.lines()) {
            plain.read(number, line, now);
            hidden.read(number, &redactor.line(line), now);
        }
        let told = |mut rules: Rules| {
            let mut told: Vec<_> =
                rules.take().into_iter().map(|found| (found.severity, found.category, found.evidence)).collect();
            told.sort_by(|a, b| a.2.cmp(&b.2));
            told
        };
        assert_eq!(told(hidden), told(plain), "{name}");
    }
}
