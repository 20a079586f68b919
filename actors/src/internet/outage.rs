//! What an outage leaves behind: its row, its one incident, and for hosts behind the uplink a time in which they could not be heard.

use crate::db::DbError;
use crate::host::Bench;
use crate::hosts::{HostsActor, Unheard};
use crate::supervision::Addr;
use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use domain::time::{Now, Steady, Wall};
use domain::uplink::{Judged, Step, Verdict};
use std::sync::Arc;
use std::time::Duration;
use store::outages::Outage;
use store::{StoreError, Transaction, alerts, events, outages, outbox};

/// Between two tries to store what must be kept.
const AGAIN: Duration = Duration::from_secs(5);
/// For how long its news is held back, each round anew.
const NEWS_HELD_MS: i64 = 60_000;
/// The same for every outage, so that there is one incident at a time.
const MESSAGE: &str = "The internet uplink is down";

/// Does what `step` asks for, and answers the outage that lasts then.
pub(super) async fn settle(
    bench: Arc<Bench>,
    hosts: Addr<HostsActor>,
    outage: Option<Outage>,
    step: Step,
    judged: Judged,
) -> Option<Outage> {
    match (step, outage) {
        (Step::Down { since, good }, None) => begin(&bench, &judged, since, good.map(|good| good.steady)).await,
        (Step::Up, Some(outage)) => {
            end(&bench, &hosts, &outage).await;
            None
        }
        (Step::Other, Some(mut outage)) => {
            log::warn!("uplink: still down, by now {}: {}", judged.verdict, judged.in_words());
            outage.verdict = judged.verdict;
            outage.evidence.clone_from(&judged.evidence);
            let id = outage.id;
            // The last word counts, and there will be another one: this is not worth a second try.
            if let Err(e) = bench.db.write("uplink changed", move |tx| outages::change(tx, id, &judged)).await {
                log::warn!("uplink: what changed about the outage was not stored: {e}");
            }
            Some(outage)
        }
        (_, Some(outage)) => {
            hold_news(&bench, &outage).await;
            Some(outage)
        }
        (_, None) => None,
    }
}

/// The incident says itself that nobody can be reached, so its message is tried once, for a channel on the local network, and then
/// waits for the end: one message tells both.
async fn hold_news(bench: &Bench, outage: &Outage) {
    let (Some(alert), until) = (outage.alert, bench.clock.steady().plus_ms(NEWS_HELD_MS)) else { return };
    if let Err(e) = bench.db.write("hold news of the uplink", move |tx| outbox::hold(tx, alert, until)).await {
        log::warn!("uplink: its news was not held back: {e}");
    }
}

async fn begin(bench: &Bench, judged: &Judged, since: Now, good: Option<Steady>) -> Option<Outage> {
    log::warn!("uplink: down, {}: {}", judged.verdict, judged.in_words());
    let stored = stored(bench, "uplink down", |now| {
        let (judged, incident) = (judged.clone(), incident(judged, since));
        move |tx: &Transaction<'_>| {
            let (alert, _) = alerts::open(tx, None, &incident, now)?;
            let id = outages::begin(tx, &judged, since, good, alert)?;
            events::append(tx, None, now.wall, "uplink down", &format!("{}: {}", judged.verdict, judged.in_words()))?;
            Ok((id, alert))
        }
    });
    let (id, alert) = stored.await?;
    let Judged { verdict, evidence } = judged.clone();
    Some(Outage { id, verdict, evidence, began: since, good, ended: None, unjudged: None, alert: Some(alert) })
}

/// Hosts are told first, and only then that the uplink works: nobody is judged in between by what he could not say.
async fn end(bench: &Bench, hosts: &Addr<HostsActor>, outage: &Outage) {
    let to = bench.clock.steady();
    let told = hosts.send(Unheard { from: outage.deaf_from(), to }).await;
    let unjudged = told.unwrap_or_else(|e| {
        log::error!("uplink: hosts behind it were not told that they could not be heard: {e}");
        0
    });
    let (id, alert, began, verdict) = (outage.id, outage.alert, outage.began.wall, outage.verdict);
    let done = stored(bench, "uplink up", |now| {
        let text = in_words(began, now.wall, verdict, unjudged);
        move |tx: &Transaction<'_>| {
            if outages::end(tx, id, now, unjudged)? {
                events::append(tx, None, now.wall, "uplink up", &text)?;
            }
            let Some(alert) = alert else { return Ok(()) };
            alerts::resolve(tx, alert, &text, now)?;
            outbox::release(tx, alert, now.steady).map(drop)
        }
    });
    done.await;
    log::warn!("{}", in_words(began, bench.clock.now().wall, verdict, unjudged));
}

/// `uplink down 02:03 to 02:17 UTC (isp); 9 hosts unjudged`.
fn in_words(from: Wall, to: Wall, verdict: Verdict, unjudged: usize) -> String {
    let same_day = from.utc().date_naive() == to.utc().date_naive();
    let format = if same_day { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    let (from, to) = (from.utc().format(format), to.utc().format(format));
    let hosts = match unjudged {
        0 => "no host unjudged".to_owned(),
        1 => "1 host unjudged".to_owned(),
        n => format!("{n} hosts unjudged"),
    };
    format!("uplink down {from} to {to} UTC ({verdict}); {hosts}")
}

fn incident(judged: &Judged, since: Now) -> NewIncident {
    let facts = Facts {
        host_id: None,
        host_name: String::new(),
        cause: Cause::Hub,
        last_seen_at: None,
        expected_every_s: 0,
        grace_s: 0,
        deadline_at: None,
        detected_at: since.wall,
        why: format!("{MESSAGE} ({}): {}", judged.verdict, judged.evidence.first().map_or("", String::as_str)),
    };
    NewIncident { alert_type: AlertType::Internet, severity: Severity::Critical, message: MESSAGE.to_owned(), facts }
}

/// Tries until it is stored, with the time of each try; none when the hub stops.
async fn stored<T, F>(bench: &Bench, what: &'static str, make: impl Fn(Now) -> F) -> Option<T>
where
    T: Send + 'static,
    F: FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
{
    loop {
        match bench.db.write_news(what, make(bench.clock.now())).await {
            Ok(done) => return Some(done),
            Err(DbError::Stopping) => return None,
            Err(e) => log::error!("{what}: this could not be stored and is tried again: {e}"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_in_one_sentence() {
        let at = |minutes: i64| Wall(1_795_420_800_000 + minutes * 60_000); // 2026-11-23 08:00
        let told = in_words(at(3), at(17), Verdict::Isp, 9);
        assert_eq!(told, "uplink down 08:03 to 08:17 UTC (isp); 9 hosts unjudged");
        assert!(in_words(at(3), at(17), Verdict::Dns, 1).ends_with("(dns); 1 host unjudged"));
        let long = in_words(at(3), at(24 * 60), Verdict::CaptivePortal, 0);
        assert_eq!(long, "uplink down 2026-11-23 08:03 to 2026-11-24 08:00 UTC (captive portal); no host unjudged");
    }
}
