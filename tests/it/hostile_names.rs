//! A6: names and notes that want to be more than text, through the API and `hosts.yaml` to the peer. Nobody is mentioned, no link
//! or markdown survives, no message is refused, and every host can still be recognised.

use crate::api::{Api, KEY, path_of};
use crate::discord_peer::{Message, Mode, Peer};
use crate::process::{Client, HubProcess, wait_for};
use serde_json::{Value, json};
use std::time::Duration;

/// However slow the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Texts that mean something to Discord, a terminal, a template, a database or a browser.
const TRICKS: [&str; 52] = [
    "@everyone",
    "@here",
    "<@1234567890>",
    "<@!1234567890>",
    "<@&1234567890>",
    "<#1234567890>",
    "<:smile:1234567890>",
    "<t:1700000000:R>",
    "</deploy:1234567890>",
    "**bold**",
    "__under__ _it_",
    "~~struck~~",
    "||spoiler||",
    "`code`",
    "```rust\nfence```",
    "``` fence",
    "# heading",
    "> quote",
    ">>> quotes",
    "- list",
    "1. list",
    "[text](https://evil.example)",
    "[x](<https://evil.example>)",
    "https://evil.example/a?b=c",
    "<https://evil.example>",
    "discord.gg/invite",
    "javascript:alert(1)",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "{{host}}",
    "{{{why}}}",
    "{{#each this}}x{{/each}}",
    "{{> host_down}}",
    "${jndi:ldap://evil}",
    "%s%n%x",
    "\u{202e}drowssap",
    "\u{2066}isolate\u{2069}",
    "ze\u{200b}ro\u{200d}wi\u{feff}dth",
    "@\u{200b}everyone",
    "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}",
    "Z\u{334}\u{335}\u{336}\u{337}\u{338}a\u{334}\u{335}\u{336}lgo",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦",
    "🏳\u{fe0f}\u{200d}🌈",
    "\u{1f1e9}\u{1f1ea}",
    "日本語の名前",
    "שלום عليكم",
    "\u{a0}\u{2003}wide\u{3000}space",
    "'; DROP TABLE hosts;--",
    "back\\slash \\@everyone",
    "\\u0040everyone",
    "＠everyone ＜@1＞",
    "\u{e0041}\u{e0042}tags",
];

/// Names that are no names: refused by the field.
const REFUSED: [&str; 7] = ["", "   ", "nul\0", "bell\u{7}", "line\nbreak", "c1\u{85}x", "\u{1b}[31mred"];

/// Every trick alone, filled up to the longest name, and beside the others: all different.
fn names() -> Vec<String> {
    let mut names = Vec::new();
    for (n, trick) in TRICKS.iter().enumerate().filter(|(_, trick)| !trick.contains('\n')) {
        names.push(format!("{trick} a{n}"));
        names.push(format!("{n}{}", trick.repeat(30)).chars().take(100).collect());
    }
    names.push("*".repeat(100));
    names.push("𝕏".repeat(100));
    names.push("\u{200b}".repeat(3));
    names.iter().map(|name| name.trim().to_owned()).collect()
}

#[test]
fn no_name_is_more_than_text() {
    let (names, peer, folder) = (names(), Peer::start_blocking(), tempfile::tempdir().expect("a folder"));
    assert!(names.len() >= 100, "{}", names.len());
    let draft = |n: usize| json!({"name": names[n], "host_id": format!("n{n:03}"), "expected_frequency": "1d"});
    let half = names.len() / 2;
    std::fs::create_dir(folder.path().join("config")).expect("config/");
    // JSON is YAML.
    let file = json!({"hosts": (0..half).map(draft).collect::<Vec<_>>()}).to_string();
    std::fs::write(folder.path().join("config/hosts.yaml"), file).expect("hosts.yaml");
    let (url, origin) = (peer.url(), peer.origin());
    let env = [("DISCORD_WEBHOOK_URL", url.as_str()), ("WEBHOOK_ALLOWED_HOSTS", origin.as_str()), ("API_KEY", KEY)];
    let hub = HubProcess::start(folder.path(), &env);
    let mut api = Api::new(&hub);
    (half..names.len()).for_each(|n| drop(api.add(&draft(n))));
    for name in REFUSED.map(str::to_owned).into_iter().chain(["x".repeat(10_000), "👨".repeat(101)]) {
        let answer =
            api.post("/api/v1/hosts", json!({"name": name, "host_id": "no", "expected_frequency": 5}).to_string().as_bytes());
        assert_eq!((answer.status, answer.json()["error"]["field"].as_str()), (422, Some("name")), "{name:.50?}");
    }
    let shown = |n: usize, api: &mut Api| {
        path_of(api.get(&format!("/api/v1/hosts/n{n:03}")).json()["heartbeat_url"].as_str().expect("a URL"))
    };
    let paths: Vec<String> = (0..names.len()).map(|n| shown(n, &mut api)).collect();
    let say = |n: usize, signal: &str, body: &[u8]| {
        let (path, token) = paths[n].split_once('?').expect("a token");
        let answer = Client::new(&hub.address).send("POST", &format!("{path}{signal}?{token}"), &[], body).expect("an answer");
        assert_eq!(answer.status, 200);
    };
    let told = || {
        let health = Api::new(&hub).get("/api/v1/health").json().to_string();
        health.contains(": 0 waiting").then_some(())
    };

    peer.set_mode(Mode::Away);
    (0..names.len()).for_each(|n| say(n, "/fail", TRICKS[n % TRICKS.len()].as_bytes()));
    let alerts = api.get("/api/v1/alerts?limit=500").json()["alerts"].as_array().expect("a list").clone();
    for (alert, trick) in alerts.iter().zip(TRICKS.iter().filter(|trick| !trick.chars().any(char::is_control))) {
        let note = json!({"by": trick, "note": trick.repeat(3)}).to_string();
        let answer = api.post(&format!("/api/v1/alerts/{}/acknowledge", alert["id"]), note.as_bytes());
        assert_eq!(answer.status, 200, "{trick}: {}", answer.json());
    }
    peer.set_mode(Mode::Ok);
    wait_for(PATIENCE, told).expect("everything is told");
    let crowd = peer.messages();
    (0..names.len()).for_each(|n| say(n, "", b""));
    wait_for(PATIENCE, told).expect("every end is told");
    for n in [0, 4, 22, 42, 70, names.len() - 1] {
        say(n, "/fail", b"");
        wait_for(PATIENCE, told).expect("it is told");
    }
    let singles: Vec<Message> = peer.messages().into_iter().filter(|message| message.title() == "Alert: Job Failed").collect();
    assert!(singles.len() >= 6 && crowd.iter().any(|message| message.title().contains("jobs failed")), "{:?}", peer.titles());

    assert_eq!(peer.violations(), Vec::<String>::new());
    let digests: String = crowd.iter().map(|message| text(message.first_body())).collect();
    for (n, name) in names.iter().enumerate() {
        assert!(is_recognised(name, n, &digests), "{name:?} is not recognised in {digests}");
    }
    for message in peer.messages() {
        message.before.iter().chain([&message.body]).for_each(is_only_text);
    }
    println!("{} names, {} messages, 0 refused", names.len(), peer.messages().len());
    assert_eq!(hub.terminate(), Some(0));
}

/// All that a person reads, except the hub's own link.
fn text(body: &Value) -> String {
    let mut text = String::new();
    for embed in body["embeds"].as_array().into_iter().flatten() {
        let fields = embed["fields"].as_array().into_iter().flatten().filter(|field| field["name"] != "Acknowledge");
        let parts = [&embed["title"], &embed["description"], &embed["footer"]["text"]].into_iter();
        for part in parts.chain(fields.flat_map(|field| [&field["name"], &field["value"]])) {
            text.push_str(part.as_str().unwrap_or_default());
            text.push('\n');
        }
    }
    text
}

/// Its letters and digits are there in their order; a name that shows nothing is told by its id.
fn is_recognised(name: &str, n: usize, said: &str) -> bool {
    let essence = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let wanted = essence(name);
    if wanted.is_empty() && name.chars().all(|c| c == '\u{200b}') {
        return said.contains(&format!("n{n:03}"));
    }
    essence(said).contains(&wanted)
}

fn is_only_text(body: &Value) {
    let said = text(body);
    for trick in ["@everyone", "@here", "<@", "://", "\u{202e}", "\u{2066}", "\u{200b}", "\u{feff}", "\u{e0041}"] {
        assert!(!said.contains(trick), "{trick:?} in {said}");
    }
    let mut escaped = false;
    for c in said.chars() {
        assert!(escaped || !matches!(c, '*' | '`' | '|' | '[' | ']' | '~' | '<'), "{c} counts as markdown in {said}");
        escaped = c == '\\' && !escaped;
    }
}
