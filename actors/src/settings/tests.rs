//! Settings against a real store, without a hub.

use super::*;
use store::{Store, TempFolder, channels};

const ONE: &str =
    "https://discord.com/api/webhooks/111111111111111111/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TWO: &str =
    "https://discord.com/api/webhooks/222222222222222222/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn opened() -> (Store, TempFolder) {
    store::temporary().unwrap()
}

fn keyring() -> Arc<Keyring> {
    Arc::new(Keyring::from_secret("a secret for tests").unwrap())
}

fn pair(name: &str, url: &str) -> (String, String) {
    (name.to_owned(), url.to_owned())
}

fn load(store: &mut Store, env: Vec<(String, String)>, file: Vec<(String, String)>) -> Result<Settings, StoreError> {
    let load = |tx: &Transaction<'_>| Settings::load(tx, keyring(), env, file, AllowedHosts::default(), Wall(1));
    store.writer.transact(load).map_err(|e| e.error)
}

fn names(settings: &Settings) -> Vec<(i64, String, Source)> {
    settings.webhooks().into_iter().map(|(id, w)| (id, w.name, w.source)).collect()
}

fn write(store: &mut Store, settings: &Settings, webhooks: &[(&str, &str)]) {
    let made = |(name, url): &(&str, &str)| Webhook { name: (*name).into(), url: (*url).into(), source: Source::Database };
    let wanted: Vec<Webhook> = webhooks.iter().map(made).collect();
    let rules = settings.rules.clone();
    let change = |tx: &Transaction<'_>| {
        rules.write_webhooks(tx, &wanted, "test", Wall(2))?;
        rules.apply(tx, Wall(2))
    };
    settings.keep(store.writer.transact(change).unwrap());
}

#[test]
fn without_any_webhook_the_primary_channel_is_disabled() {
    let (mut store, _folder) = opened();
    let settings = load(&mut store, vec![], vec![]).unwrap();
    assert!(settings.webhooks().is_empty() && settings.channels().is_empty());
    assert!(!channels::get(store.writer.conn(), channels::PRIMARY).unwrap().unwrap().enabled);
}

#[test]
fn name_by_name_the_database_goes_before_the_environment_before_the_file() {
    let (mut store, _folder) = opened();
    let settings = load(&mut store, vec![pair(PRIMARY, ONE)], vec![pair(PRIMARY, TWO), pair("ops", TWO)]).unwrap();
    assert_eq!(names(&settings), [(1, PRIMARY.into(), Source::Environment), (2, "ops".into(), Source::File)]);
    write(&mut store, &settings, &[("ops", ONE)]);
    assert_eq!(names(&settings), [(1, PRIMARY.into(), Source::Environment), (2, "ops".into(), Source::Database)]);
}

#[test]
fn a_restart_finds_what_was_set_and_keeps_the_rows_and_why_one_stopped() {
    let (mut store, _folder) = opened();
    let settings = load(&mut store, vec![], vec![]).unwrap();
    write(&mut store, &settings, &[(PRIMARY, ONE), ("ops", TWO)]);
    store.writer.transact(|tx| channels::set_stopped(tx, 2, Some("404"))).unwrap();
    let again = load(&mut store, vec![], vec![]).unwrap();
    assert_eq!(again.webhooks(), settings.webhooks());
    assert_eq!(channels::get(store.writer.conn(), 2).unwrap().unwrap().stopped_reason.as_deref(), Some("404"));
    write(&mut store, &again, &[(PRIMARY, ONE), ("ops", ONE)]);
    assert_eq!(channels::get(store.writer.conn(), 2).unwrap().unwrap().stopped_reason, None);
}

#[test]
fn a_channel_of_the_environment_is_tried_again_after_a_restart() {
    let (mut store, _folder) = opened();
    load(&mut store, vec![pair(PRIMARY, ONE)], vec![]).unwrap();
    store.writer.transact(|tx| channels::set_stopped(tx, 1, Some("404"))).unwrap();
    load(&mut store, vec![pair(PRIMARY, TWO)], vec![]).unwrap();
    assert_eq!(channels::get(store.writer.conn(), 1).unwrap().unwrap().stopped_reason, None);
}

#[test]
fn a_wrong_url_of_the_environment_stops_the_start_and_is_named() {
    let (mut store, _folder) = opened();
    let refused = load(&mut store, vec![pair(PRIMARY, "ftp://x/CaNaRy")], vec![]).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("webhook primary") && !refused.contains("CaNaRy"), "{refused}");
}

#[test]
fn what_another_key_sealed_is_told_and_left_out() {
    let (mut store, _folder) = opened();
    let settings = load(&mut store, vec![], vec![]).unwrap();
    write(&mut store, &settings, &[(PRIMARY, ONE)]);
    let other = Arc::new(Keyring::from_secret("another secret of one").unwrap());
    let again =
        |tx: &Transaction<'_>| Settings::load(tx, other, vec![pair(PRIMARY, TWO)], vec![], AllowedHosts::default(), Wall(3));
    let again = store.writer.transact(again).unwrap();
    assert_eq!(names(&again), [(1, PRIMARY.into(), Source::Environment)]);
}

fn waiting(store: &Store, channel: i64) -> Vec<(i64, store::outbox::Kind)> {
    let items = store.reader.read(|conn| store::outbox::waiting(conn, channel, domain::time::Steady(99), 9)).unwrap();
    items.into_iter().map(|item| (item.alert.id, item.kind)).collect()
}

fn incident(store: &mut Store, message: &str) -> i64 {
    let incident = domain::incident::NewIncident {
        alert_type: domain::incident::AlertType::SystemError,
        severity: domain::host::Severity::Warning,
        message: message.into(),
        facts: serde_json::from_value(serde_json::json!({"cause": {"kind": "hub"}, "detected_at": Wall(1)})).unwrap(),
    };
    let now = domain::time::Now { wall: Wall(1), steady: domain::time::Steady(1) };
    store.writer.transact(|tx| store::alerts::open(tx, None, &incident, now)).unwrap().0
}

#[test]
fn the_first_webhook_is_told_of_what_is_open_already_and_only_once() {
    let (mut store, _folder) = opened();
    let settings = load(&mut store, vec![], vec![]).unwrap();
    let (open, over) = (incident(&mut store, "open"), incident(&mut store, "over"));
    let now = domain::time::Now { wall: Wall(2), steady: domain::time::Steady(2) };
    store.writer.transact(|tx| store::alerts::resolve(tx, over, "over", now)).unwrap();
    write(&mut store, &settings, &[(PRIMARY, ONE), ("ops", TWO)]);
    let told = [(open, store::outbox::Kind::Opened)];
    assert_eq!((waiting(&store, 1), waiting(&store, 2)), (told.to_vec(), told.to_vec()));
    write(&mut store, &settings, &[(PRIMARY, TWO), ("ops", TWO)]);
    load(&mut store, vec![], vec![]).unwrap();
    assert_eq!(waiting(&store, 1), told);
}

#[test]
fn what_waits_for_a_webhook_that_goes_is_skipped_and_told_when_it_is_back() {
    let (mut store, _folder) = opened();
    load(&mut store, vec![pair(PRIMARY, ONE)], vec![]).unwrap();
    let open = incident(&mut store, "open");
    load(&mut store, vec![], vec![]).unwrap();
    assert_eq!(waiting(&store, 1), []);
    load(&mut store, vec![pair(PRIMARY, ONE)], vec![]).unwrap();
    assert_eq!(waiting(&store, 1), [(open, store::outbox::Kind::Opened)]);
}

#[test]
fn an_older_answer_does_not_replace_a_newer_one() {
    let (mut store, _folder) = opened();
    let settings = load(&mut store, vec![], vec![]).unwrap();
    let old = (*settings.state()).clone();
    write(&mut store, &settings, &[(PRIMARY, ONE)]);
    settings.keep(old);
    assert_eq!(settings.webhooks().len(), 1);
}

#[test]
fn masks_tell_enough_to_recognise_and_not_enough_to_use() {
    let cases = [
        (ONE, "https://discord.com/api/webhooks/111…/••••"),
        ("https://user:pass@host/x", "https://host/••••"),
        ("http://127.0.0.1:8080/api/webhooks/1/x", "http://127.0.0.1:8080/api/webhooks/1…/••••"),
        ("https://hc-ping.com/uuid?x=1", "https://hc-ping.com/••••"),
        ("https://host?secret", "https://host/••••"),
        ("secret", "••••"),
    ];
    for (url, masked) in cases {
        assert_eq!(mask(url), masked, "{url}");
    }
}
