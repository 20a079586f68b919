//! O2: more than the hub can take. What is too much is refused at once with a spread wait, what is answered 200 is stored, every
//! sign of life counts, and an absent host is told all the while.

use crate::api::{Api, KEY};
use crate::discord_peer::Peer;
use crate::process::{Answer, Client, HubProcess, wait_for};
use crate::seeded;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Who send as fast as they can.
const CLIENTS: usize = 12;
/// The host that is silent: the last one.
const ABSENT: usize = CLIENTS + 1;
/// Refusals after which every possible wait has been said, unless the waits are not spread: 0.8^200 is nothing.
const ENOUGH: usize = 200;
/// However slow the machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn excess_is_refused_with_a_spread_wait_while_the_rest_is_stored_and_absence_told() {
    let peer = Peer::start_blocking();
    let folder = seeded::folder(ABSENT, |n| if n == ABSENT { 2 } else { 86_400 });
    std::fs::create_dir(folder.path().join("config")).expect("config/");
    std::fs::write(folder.path().join("config/settings.yaml"), "limits:\n  ingest_waiting_requests: 1\n").expect("settings");
    let (url, origin) = (peer.url(), peer.origin());
    let env = [("DISCORD_WEBHOOK_URL", url.as_str()), ("WEBHOOK_ALLOWED_HOSTS", origin.as_str()), ("API_KEY", KEY)];
    let hub = HubProcess::start(folder.path(), &env);

    let (over, good, waits) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(BTreeMap::<u64, usize>::new()));
    std::thread::scope(|scope| {
        for n in 1..=CLIENTS {
            let (over, good, waits, address) = (&over, &good, &waits, &hub.address);
            scope.spawn(move || {
                let mut client = Client::new(address);
                while !over.load(Ordering::Relaxed) {
                    let answer = client.send("POST", &seeded::path(n), &[], b"").expect("an answer on the same connection");
                    match answer.status {
                        200 => drop(good.fetch_add(1, Ordering::Relaxed)),
                        _ => *waits.lock().expect("nobody panicked").entry(refused(&answer)).or_default() += 1,
                    }
                }
            });
        }
        let told = || peer.titles().iter().any(|title| title == "Alert: Host Down");
        let spread = || waits.lock().expect("nobody panicked").len() == 5;
        let all = wait_for(PATIENCE, || {
            let refused: usize = waits.lock().expect("nobody panicked").values().sum();
            (told() && (spread() || refused > 20 * ENOUGH) && refused >= ENOUGH).then_some(())
        });
        over.store(true, Ordering::Relaxed);
        assert!(all.is_some(), "refused {:?}, the absent host is told: {}", waits.lock(), told());
    });
    let waits = waits.into_inner().expect("nobody panicked");
    println!("answered 200: {}; refused, by the seconds of Retry-After: {waits:?}", good.load(Ordering::Relaxed));
    assert_eq!(waits.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5], "spread over 1 to 5 s: {waits:?}");
    let mut api = Api::new(&hub);
    assert_eq!(api.alerted(), [seeded::name(ABSENT)], "a sign of life counts even when it is refused");
    assert_eq!(api.get("/api/v1/hosts").status, 200);
    assert_eq!(hub.terminate(), Some(0));
    assert_eq!(seeded::stored(folder.path()), good.load(Ordering::Relaxed), "stored is what was answered 200");
}

/// Everything about a refusal; answers the seconds it asks to wait.
fn refused(answer: &Answer) -> u64 {
    let error = &answer.json()["error"];
    assert_eq!((answer.status, error["code"].as_str()), (503, Some("overloaded")), "{error}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
    let wait = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("Retry-After in whole seconds");
    assert!((1..=5).contains(&wait), "{wait}");
    wait
}
