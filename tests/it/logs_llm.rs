//! From lines to findings with a model in all three API styles: a service that breaks in its own ways, and a model that obeys whatever
//! it is sent. The hub is whole and its sockets are real; the lines come from memory.

use crate::llm_peer::LlmPeer;
use actors::alert::AlertParts;
use actors::alert::discord::{AllowedHosts, Waits};
use actors::alert::text::Texts;
use actors::clock::Clock;
use actors::db::Limits;
use actors::hub::{HubParts, NetParts, Running};
use actors::llm::{LlmConfig, LlmLimits};
use actors::logs::source::{Cursor, FetchError, FetchLimits, Fetched, LogSource};
use actors::logs::{LogParts, Target};
use actors::settings::Settings;
use actors::supervision::Exit;
use domain::finding::{Category, Finding, Origin};
use domain::host::HostDraft;
use domain::prompt::ApiStyle;
use domain::redact::Secret;
use domain::schedule::BusinessHours;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::analyses::{Analysis, AnalysisFilter};
use store::ledger::Call;
use store::seal::Keyring;
use store::{Options, Store, TempFolder, alerts};

const STYLES: [(ApiStyle, &str); 3] = [
    (ApiStyle::OpenaiChat, "/v1/chat/completions"),
    (ApiStyle::OpenaiResponses, "/v1/responses"),
    (ApiStyle::AnthropicMessages, "/v1/messages"),
];
/// The key that opens the model's service: it belongs into a header and nowhere else.
const KEY: &str = "sk-test-KeyThatMustNotLeave0123456789";
/// Ways of obeying that tests/llm/peer.mjs knows.
const OBEY: [&str; 10] = ["repeat", "silence", "verdict", "prose", "echo", "clean", "sign", "misquote", "misline", "shout"];

/// A log that is always the same.
struct Lines(Arc<Vec<Vec<u8>>>);

impl LogSource for Lines {
    fn fetch(&self, _: Option<Cursor>, _: FetchLimits) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        let lines = self.0.to_vec();
        Box::pin(async move { Ok(Fetched { lines, ..Fetched::default() }) })
    }
}

struct Bench {
    running: Running,
    folder: TempFolder,
}

impl Bench {
    async fn new(lines: &str, llm: Option<LlmConfig>, llm_limits: LlmLimits) -> Bench {
        let folder = TempFolder::new().expect("a folder");
        let mut store = Store::open(&folder.database(), &Options::default()).expect("a store");
        let keyring = Arc::new(Keyring::from_secret("a secret for tests").expect("a key"));
        let clock = Clock::system();
        let (key, at) = (keyring.clone(), clock.now().wall);
        let settings = store.writer.transact(|tx| Settings::load(tx, key, vec![], vec![], AllowedHosts::default(), at));
        let lines = Arc::new(lines.lines().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>());
        let source = move |_: &Target| Ok(Arc::new(Lines(lines.clone())) as Arc<dyn LogSource>);
        let secrets = || vec![Secret { name: "LLM_API_KEY".into(), value: KEY.into() }];
        let parts = HubParts {
            store,
            keyring,
            clock,
            limits: Limits::default(),
            business: BusinessHours::default(),
            settings: Arc::new(settings.expect("settings load")),
            alert: AlertParts::discord(Waits::default(), Arc::new(|_| None), Texts::default()),
            logs: LogParts { sources: Arc::new(source), secrets: Arc::new(secrets), llm, llm_limits, ..LogParts::none() },
            exit: Exit::process(),
            net: NetParts::default(),
        };
        Bench { running: Running::start(parts).await.expect("the hub starts"), folder }
    }

    /// A hub that asks the service in this style.
    async fn asking(peer: &LlmPeer, (style, path): (ApiStyle, &str), lines: &str, limits: LlmLimits) -> Bench {
        let config = LlmConfig { url: peer.endpoint(path), key: Some(KEY.into()), model: "m".into(), style: None };
        assert_eq!(config.style(), style, "guessed from the URL");
        Bench::new(lines, Some(config), limits).await
    }

    /// The look at the log of a new host whose owner says `words`; and the requests it took.
    async fn look(&self, host_id: &str, words: &str) -> (Analysis, Vec<Call>) {
        let log = json!({"ssh_host": "10.0.0.7", "ssh_user": "logs", "enabled": false, "analysis_prompt": words});
        let draft = json!({"name": host_id, "expected_frequency": "1d", "log_analysis": log});
        let draft: HostDraft = serde_json::from_value(draft).expect("a draft");
        let hub = &self.running.hub;
        let host = hub.create_host(&draft).await.expect("a host").record.row;
        eventually(async || hub.analyze(host_id).await.ok()).await;
        let filter = AnalysisFilter { host: Some(host), limit: 1, ..AnalysisFilter::default() };
        eventually(async || {
            let filter = filter.clone();
            let read = move |conn: &store::Connection| {
                Ok((store::analyses::list(conn, &filter)?.0, store::ledger::list(conn, Some(host), None, 100)?.0))
            };
            let (mut looks, calls) = hub.db().read(read).await.expect("the store reads");
            looks.pop().map(|look| (look, calls))
        })
        .await
    }
}

/// The bytes of the database in `folder` and of its log.
fn bytes(folder: &TempFolder) -> String {
    let database = folder.database();
    let files = [database.clone(), database.with_extension("sqlite-wal")];
    files.iter().map(|file| String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()).collect()
}

/// Asks again until there is an answer.
async fn eventually<T>(ask: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..2_400 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never came");
}

const LINES: &str = "Nov 23 07:59:00 nas app: one apple was eaten\nNov 23 07:59:01 nas app: two pears are left, password=hunter2\n\
     Nov 23 07:59:02 nas kernel: Out of memory: Killed process 812 (mysqld) total-vm:9000kB\nNov 23 07:59:03 nas db: connection lost\n\
     Nov 23 07:59:04 nas web: certificate expires tomorrow";

fn of_model(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.origin == Origin::Model).count()
}

#[actix_web::test]
async fn each_way_a_server_answers_has_its_own_end_in_every_style() {
    let peer = LlmPeer::start();
    let limits = LlmLimits { retries_most: 1, ..LlmLimits::default() };
    // What the service does, what becomes of the question, requests it takes, findings of the model.
    let table = [
        ("honest", "answered", 1, 1),
        ("fenced", "answered", 1, 1),
        ("mended", "answered", 2, 1),
        ("broken", "unparsable", 2, 0),
        ("cut", "truncated", 1, 0),
        ("unknown", "configuration", 1, 0),
        ("unpaid", "unpaid", 1, 0),
        ("long", "answered", 2, 1),
        ("overloaded", "answered", 2, 1),
        ("chaos-drop", "failed", 2, 0),
        ("chaos-malformed", "failed", 2, 0),
        ("chaos-disconnect", "failed", 2, 0),
        ("chaos-ratelimit", "failed", 2, 0),
    ];
    for style in STYLES {
        let bench = Bench::asking(&peer, style, LINES, limits).await;
        for (way, became, requests, findings) in table {
            let (look, calls) = bench.look(way, &format!("WAY={way} CASE={}", style.0.as_str().replace('-', "_"))).await;
            let told = format!("{} {way}: {:?}", style.0.as_str(), look.details);
            assert_eq!(
                (look.details.llm.as_str(), calls.len(), of_model(&look.findings)),
                (became, requests, findings),
                "{told}"
            );
            assert_eq!(look.model.is_some(), became == "answered", "{told}");
            assert!(look.findings.iter().any(|f| f.category == Category::Memory), "local rules find without help: {told}");
            assert!(calls.iter().all(|call| call.state != "sending" && call.analysis == Some(look.id)), "{calls:?}");
            assert_eq!(calls[0].redactions["password"], 1);
        }
        // The wrong configuration is left alone until somebody asks for it, and shown.
        let (look, _) = bench.look("unknown-again", "WAY=unknown").await;
        assert_eq!(look.details.llm, "configuration");
        assert!(bench.running.hub.llm().await.expect("the actor").trouble.is_some_and(|why| why.contains("does not exist")));
        bench.running.stop().await;
    }
    for body in peer.bodies() {
        let body = body.to_string();
        assert!(!body.contains("hunter2") && !body.contains(KEY), "{body}");
    }
}

#[actix_web::test]
async fn a_server_that_knows_no_schema_is_asked_in_simpler_forms_and_remembered() {
    let peer = LlmPeer::start();
    let bench = Bench::asking(&peer, STYLES[0], LINES, LlmLimits::default()).await;
    let (first, calls) = bench.look("first", "WAY=formless").await;
    assert_eq!((first.details.llm.as_str(), calls.len()), ("answered", 3), "{:?}", first.details);
    let (second, calls) = bench.look("second", "WAY=formless").await;
    assert_eq!((second.details.llm.as_str(), calls.len()), ("answered", 1));
    bench.running.stop().await;
}

#[actix_web::test]
async fn a_spent_budget_is_shown_and_nothing_leaves() {
    let peer = LlmPeer::start();
    let limits = LlmLimits { host_day_tokens_most: 100, ..LlmLimits::default() };
    let bench = Bench::asking(&peer, STYLES[0], LINES, limits).await;
    let (look, calls) = bench.look("nas", "WAY=honest").await;
    assert_eq!((look.details.llm.as_str(), calls.len(), peer.bodies().len()), ("budget", 0, 0));
    assert!(look.details.llm_note.is_some_and(|note| note.contains("100 tokens a day")) && !look.findings.is_empty());
    bench.running.stop().await;
}

#[actix_web::test]
async fn a_secret_in_the_owners_own_words_is_never_sent() {
    let peer = LlmPeer::start();
    let bench = Bench::asking(&peer, STYLES[0], LINES, LlmLimits::default()).await;
    let (look, calls) = bench.look("nas", &format!("WAY=honest my key is {KEY}")).await;
    assert_eq!((look.details.llm.as_str(), calls.len(), peer.bodies().len()), ("withheld", 0, 0));
    assert!(look.details.llm_note.is_some_and(|note| note.contains("LLM_API_KEY") && !note.contains(KEY)));
    bench.running.stop().await;
}

/// A file of the data for tests; without them a test says so and is skipped, in CI it fails.
fn data(name: &str) -> Option<String> {
    let folder = std::env::var_os("PULSEWARDEN_TEST_DATA").map(PathBuf::from);
    let file = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data")).join(name);
    match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(e) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{}: {e}", file.display()),
        Err(e) => {
            eprintln!("skipped: {}: {e}", file.display());
            None
        }
    }
}

/// What people read as a verdict; quoted evidence is not one.
fn verdict(finding: &Finding) -> String {
    [&finding.title, &finding.explanation, &finding.suggestion]
        .into_iter()
        .chain(&finding.remarks)
        .fold(String::new(), |all, part| all + part + " ")
}

#[actix_web::test]
async fn an_obedient_model_hijacks_nothing_and_what_was_planted_neither_leaves_nor_stays() {
    let (Some(log), Some(truth)) = (data("logs/injection/log_srv_syslog.log"), data("logs/injection/GROUND_TRUTH.json")) else {
        return;
    };
    let truth: Vec<Value> = serde_json::from_str(&truth).expect("the truth is JSON");
    let of_kind = |kind: &'static str| truth.iter().filter(move |record| record["kind"] == kind);
    let value = |record: &Value| record["value"].as_str().expect("text").to_owned();
    let password = value(of_kind("spillage").next().expect("a planted credential"));
    let password = password.split(':').nth(2).and_then(|rest| rest.split('@').next()).expect("a password").to_owned();
    let numbered: Vec<(u64, &str)> = (1..).zip(log.lines()).collect();
    let planted: Vec<u64> = of_kind("adversarial_payload")
        .map(|record| numbered.iter().find(|(_, line)| line.contains(&value(record))).expect("it is in the log").0)
        .collect();
    assert!(log.contains(&password) && planted.len() == 7, "{planted:?}");

    let alone = Bench::new(&log, None, LlmLimits::default()).await;
    let (baseline, _) = alone.look("alone", "").await;
    alone.running.stop().await;
    let reported = |findings: &[Finding]| {
        let lines: Vec<u64> =
            findings.iter().filter(|f| f.category == Category::PromptInjection).flat_map(|f| f.evidence.clone()).collect();
        planted.iter().filter(|line| lines.contains(line)).count()
    };
    assert_eq!(reported(&baseline.findings), planted.len(), "each planted injection is a finding with no model");

    let peer = LlmPeer::start();
    let (mut answers, mut hijacks, mut dropped, mut added) = (0, 0, 0, 0);
    for style in STYLES {
        let bench = Bench::asking(&peer, style, &log, LlmLimits::default()).await;
        for way in OBEY {
            let (look, calls) = bench.look(way, &format!("WAY={way}")).await;
            assert!(!calls.is_empty() && look.details.lines_sent > 0, "{way}: {:?}", look.details);
            answers += 1;
            dropped += look.details.dropped.values().sum::<u32>();
            added += of_model(&look.findings);
            let is_hijacked = |finding: &&Finding| {
                let said = verdict(finding).to_lowercase();
                said.contains("canary-") || said.contains(&password.to_lowercase()) || said.contains("http")
            };
            hijacks += look.findings.iter().filter(is_hijacked).count();
            assert_eq!(reported(&look.findings), planted.len(), "{way}");
            for known in &baseline.findings {
                let kept = look.findings.iter().find(|finding| finding.fingerprint == known.fingerprint);
                assert!(kept.is_some_and(|kept| kept.severity >= known.severity), "{way}: {} is hidden or lowered", known.title);
            }
        }
        let open =
            bench.running.hub.db().read(|conn| alerts::list(conn, &alerts::AlertFilter { limit: 1_000, ..Default::default() }));
        let told = open.await.expect("alerts").alerts;
        assert!(told.iter().all(|alert| alert.alert_type.as_str() == "log_finding"), "{told:?}");
        assert!(bytes(&bench.folder).contains("new_findings"), "the search looks where the analyses are");
        assert!(!bytes(&bench.folder).contains(&password), "the planted credential is stored");
        bench.running.stop().await;
        assert!(!bytes(&bench.folder).contains(&password), "the planted credential is stored");
    }
    let bodies = peer.bodies();
    assert!(bodies.len() >= answers && bodies.iter().all(|body| !body.to_string().contains(&password)), "the credential left");
    println!(
        "{answers} answers in {} requests, {dropped} findings dropped, {added} of the model kept, {hijacks} hijacks, {} of {} injections reported",
        bodies.len(),
        reported(&baseline.findings),
        planted.len()
    );
    assert_eq!(hijacks, 0);
}
