//! Very many at once, and everything going wrong at random: every incident is named, in order, with few repeats.

use super::peer::Do;
use super::town::{Town, in_town};
use serde_json::{Value, json};
use std::collections::HashMap;

fn descriptions(bodies: &[Value]) -> Vec<String> {
    let text = |body: &Value| {
        let embeds = body["embeds"].as_array().into_iter().flatten();
        let part = |embed: &Value, key: &str| embed[key].as_str().unwrap_or_default().to_owned();
        embeds.map(|embed| format!("{} {} ", part(embed, "title"), part(embed, "description"))).collect::<String>()
    };
    bodies.iter().map(text).collect()
}

fn names(text: &str) -> Vec<i64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| word.strip_prefix('h').and_then(|n| n.parse().ok())).collect()
}

#[test]
fn eleven_outages_are_one_message_that_follows_them() {
    in_town(1, |town| async move {
        let alerts = town.all_down(1..=11).await;
        town.pass(1_000).await;
        assert_eq!(town.peer.read(), ["11 hosts down"]);
        town.acknowledge(alerts[0]).await;
        town.up(alerts[1]).await;
        town.pass(10_000).await;
        let text = town.peer.bodies()[0].to_string();
        for title in ["9 hosts down", "1 acknowledged", "1 host recovered"] {
            assert!(text.contains(title), "{text}");
        }
        assert_eq!(town.peer.read()[1], "Recovered: Host Up h2");
        town
    });
}

#[test]
fn a_new_outage_is_told_before_thousands_of_old_messages_are_brought_up_to_date() {
    in_town(1, |town| async move {
        let alerts = town.all_down(1..=3_000).await;
        town.until_all_is_told(15_000).await;
        let now = town.clock.now();
        let all_known = move |tx: &store::Transaction<'_>| {
            alerts.iter().try_for_each(|alert| store::alerts::acknowledge(tx, *alert, "ana", None, None, now).map(drop))
        };
        town.db.write("everybody knows", all_known).await.unwrap();
        let told = town.peer.read().len();
        town.down(9_999).await;
        town.pass(5_000).await;
        assert_eq!(town.peer.read()[told], "Alert: Host Down h9999");
        town.until_all_is_told(15_000).await;
        assert!(town.peer.edits() < 60, "{} edits", town.peer.edits());
        town
    });
}

#[test]
fn five_thousand_outages_and_their_ends_are_all_named() {
    in_town(1, |town| async move {
        let began = town.clock.steady();
        let alerts = town.all_down(1..=5_000).await;
        town.pass(1_000).await;
        assert!(town.peer.calls()[0].0.since_ms(began) <= 5_000);
        town.until_all_is_told(600_000).await;
        let mut named: Vec<i64> = descriptions(&town.peer.bodies()).iter().flat_map(|text| names(text)).collect();
        named.sort_unstable();
        assert!(named == (1..=5_000).collect::<Vec<_>>(), "each host exactly once");
        let messages = town.peer.read().len();
        town.all_up(alerts).await;
        town.until_all_is_told(600_000).await;
        let ends = descriptions(&town.peer.bodies()[messages..]);
        let mut named: Vec<i64> = ends.iter().flat_map(|text| names(text)).collect();
        named.sort_unstable();
        let missing: Vec<i64> = (1..=5_000).filter(|host| named.binary_search(host).is_err()).collect();
        assert!(missing.is_empty(), "{missing:?}");
        assert_eq!(named.len(), 5_000);
        let is_end = |text: &String| text.contains("hosts recovered") || text.starts_with("Recovered: Host Up");
        assert!(ends.iter().all(is_end), "{ends:#?}");
        assert!(
            descriptions(&town.peer.bodies()[..messages]).iter().all(|text| !text.contains("hosts down")),
            "old messages follow"
        );
        town
    });
}

/// A small generator, so that a seed replays.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn fault(&mut self) -> Do {
        match self.roll(12) {
            0 => Do::Down,
            1 => Do::AcceptAndDrop,
            2 => Do::Say(500, Value::Null),
            3 => Do::Say(429, json!({"retry_after": 1.5, "global": self.roll(2) == 0})),
            4 => Do::Say(429, Value::Null),
            5 => Do::Slow(self.roll(5_000)),
            6 => Do::Say(400, json!({"code": 50_035})),
            7 => Do::Panic,
            _ => Do::Accept,
        }
    }
}

/// What happened to hosts in one run.
#[derive(Default)]
struct History {
    opened: Vec<(i64, i64)>,
    crashes: usize,
}

async fn random_day(town: &mut Town, seed: u64) -> History {
    let (mut dice, mut open, mut history) = (Dice(seed), HashMap::<i64, i64>::new(), History::default());
    let mut panics = 0;
    for _ in 0..60 {
        let mut fault = dice.fault();
        if matches!(fault, Do::Panic) {
            panics += 1;
            // More than three restarts in a minute escalate, which is another promise.
            fault = if panics <= 2 { fault } else { Do::Down };
        }
        // A body that is refused in every form is given up, so the plain one is taken here.
        let plain = matches!(fault, Do::Say(400, _)).then_some(Do::Accept);
        town.peer.then([fault].into_iter().chain(plain));
        let host = 1 + dice.roll(25) as i64;
        match dice.roll(10) {
            0 => {
                history.crashes += 1;
                town.crash().await;
            }
            1 | 2 => {
                if let Some(alert) = open.get(&host) {
                    town.acknowledge(*alert).await;
                }
            }
            3..=6 => {
                if let Some(alert) = open.remove(&host) {
                    town.up(alert).await;
                }
            }
            _ => {
                let alert = town.down(host).await;
                if open.insert(host, alert).is_none() {
                    history.opened.push((host, alert));
                }
            }
        }
        town.pass(dice.roll(4) * dice.roll(4_000)).await;
    }
    history.crashes += panics;
    town.peer.heal();
    history
}

fn one_day(seed: u64) {
    in_town(1, |mut town| async move {
        let history = random_day(&mut town, seed).await;
        town.until_all_is_told(1_800_000).await;
        let texts = descriptions(&town.peer.bodies());
        let mut times: HashMap<i64, usize> = HashMap::new();
        for host in texts.iter().flat_map(|text| names(text)) {
            *times.entry(host).or_default() += 1;
        }
        for (host, _) in &history.opened {
            assert!(times.contains_key(host), "seed {seed}: h{host} is named in no message: {texts:#?}");
        }
        let marked = texts_with_repeat(&town);
        let doubts = town.peer.doubtful() + history.crashes;
        assert!(marked <= doubts, "seed {seed}: {marked} repeats for {doubts} doubts");
        for (host, _) in &history.opened {
            in_order(&texts, *host, seed);
        }
        town
    });
}

fn texts_with_repeat(town: &Town) -> usize {
    town.peer.bodies().iter().filter(|body| body.to_string().contains("possible repeat")).count()
}

/// The first that is heard of a host is that it was or is down.
fn in_order(texts: &[String], host: i64, seed: u64) {
    let first = texts.iter().find(|text| names(text).contains(&host)).expect("it is named");
    assert!(!first.starts_with("Recovered: "), "seed {seed}: h{host} begins with {first}");
}

#[test]
fn whatever_goes_wrong_every_incident_is_named_in_order_with_few_repeats() {
    for seed in 0..25 {
        one_day(seed);
    }
}
