//! Logs in virtual time: lines come from a shelf, no model is asked.

use super::{World, life_reading};
use crate::llm::LlmLimits;
use crate::logs::source::{Cursor, FetchError, FetchLimits, Fetched, LogSource};
use crate::logs::{Begun, LogLimits, LogParts, Target};
use domain::finding::Level;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::TempFolder;
use store::analyses::{Analysis, AnalysisFilter};
use store::findings::{FindingFilter, Found};

/// Answers the next thing it was given, and notes where each read began; with nothing left there are no lines.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    next: VecDeque<Result<Vec<Vec<u8>>, FetchError>>,
    asked_from: Vec<i64>,
}

impl Shelf {
    fn put(&self, lines: &[&str]) {
        self.0.lock().unwrap().next.push_back(Ok(lines.iter().map(|line| line.as_bytes().to_vec()).collect()));
    }

    fn fail(&self, error: FetchError) {
        self.0.lock().unwrap().next.push_back(Err(error));
    }

    fn asked_from(&self) -> Vec<i64> {
        self.0.lock().unwrap().asked_from.clone()
    }

    fn parts(&self) -> LogParts {
        let shelf = self.clone();
        let source = move |_: &Target| Ok(Arc::new(shelf.clone()) as Arc<dyn LogSource>);
        LogParts {
            sources: Arc::new(source),
            secrets: Arc::new(Vec::new),
            llm: None,
            llm_limits: LlmLimits::default(),
            limits: LogLimits::default(),
        }
    }
}

impl LogSource for Shelf {
    fn fetch(&self, since: Option<Cursor>, _: FetchLimits) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        let mut inside = self.0.lock().unwrap();
        let from = since.and_then(|cursor| cursor.0.as_i64()).unwrap_or(0);
        inside.asked_from.push(from);
        let next = inside.next.pop_front().unwrap_or(Ok(Vec::new()));
        Box::pin(async move {
            let lines = next?;
            let cursor = Cursor(serde_json::json!(from + lines.len() as i64));
            Ok(Fetched { lines, cursor, ..Fetched::default() })
        })
    }
}

const LOG: &str = r#","log_analysis":{"ssh_host":"10.0.0.7","ssh_user":"logs"}"#;
const KILLED: &str = "Nov 23 07:59:00 nas kernel: Out of memory: Killed process 812 (mysqld) total-vm:9000kB";
const SECOND_ROOT: &str = "Nov 23 07:59:01 nas useradd[9]: new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/bash";
const THIRD_ROOT: &str = "Nov 23 08:30:01 nas useradd[9]: new user: name=mallory, UID=0, GID=0, home=/root, shell=/bin/bash";

fn reading(shelf: &Shelf, story: impl AsyncFnOnce(&World)) {
    let folder = TempFolder::new().unwrap();
    life_reading(&folder, 0, shelf.parts(), story);
}

impl World {
    async fn analyses(&self) -> Vec<Analysis> {
        let filter = AnalysisFilter { limit: 100, ..AnalysisFilter::default() };
        self.running.hub.db().read(move |conn| store::analyses::list(conn, &filter)).await.unwrap().0
    }

    async fn findings(&self) -> Vec<Found> {
        let filter = FindingFilter { limit: 100, ..FindingFilter::default() };
        self.running.hub.db().read(move |conn| store::findings::list(conn, &filter)).await.unwrap().0
    }

    /// What was said of anything but heartbeats.
    fn said_of_logs(&self) -> Vec<String> {
        self.said().into_iter().filter(|said| !said.contains("Host")).collect()
    }

    async fn log_state(&self) -> store::logs::LogState {
        self.running.hub.db().read(|conn| store::logs::state(conn, 1)).await.unwrap()
    }
}

#[test]
fn lines_become_findings_on_the_hosts_schedule_and_a_critical_one_is_told_once() {
    let shelf = Shelf::default();
    shelf.put(&[KILLED, SECOND_ROOT]);
    shelf.put(&[SECOND_ROOT]);
    reading(&shelf, async |w| {
        w.host("nas", LOG).await;
        w.at(60).await;
        let first = w.analyses().await;
        assert_eq!((first.len(), first[0].lines, first[0].severity), (1, 2, Some(Level::Critical)), "{first:?}");
        assert_eq!((first[0].details.llm.as_str(), first[0].log_source.as_str()), ("not_configured", "ssh logs@10.0.0.7:22"));
        assert_eq!(w.said_of_logs(), ["Alert: Log Finding"]);
        w.at(1_900).await;
        assert_eq!((w.analyses().await.len(), shelf.asked_from()), (2, vec![0, 2]));
        assert_eq!(w.said().iter().filter(|said| said.contains("Log")).count(), 1, "the same finding again: {:?}", w.said());
        let found = w.findings().await;
        let eve = found.iter().find(|found| found.finding.title == "New account eve").unwrap();
        assert_eq!((eve.times, eve.alert, eve.finding.evidence.as_slice()), (2, Some(1), &[3][..]));
        assert_eq!(found.len(), 2);
    });
}

#[test]
fn another_critical_finding_is_told_anew_and_what_people_know_of_ends_when_it_is_gone() {
    let shelf = Shelf::default();
    shelf.put(&[SECOND_ROOT]);
    shelf.put(&[THIRD_ROOT]);
    reading(&shelf, async |w| {
        w.host("nas", LOG).await;
        w.at(60).await;
        w.running.hub.acknowledge(1, "ada".into(), None, None).await.unwrap();
        w.at(1_900).await;
        let alert = w.running.hub.db().read(|conn| store::alerts::get(conn, 1)).await.unwrap().unwrap();
        assert!(alert.message.contains("New account mallory") && alert.acknowledged.is_none(), "{alert:?}");
        assert_eq!(w.said().iter().filter(|said| *said == "Alert: Log Finding").count(), 2, "{:?}", w.said());
        w.running.hub.acknowledge(1, "ada".into(), None, None).await.unwrap();
        w.at(3_800).await;
        let alert = w.running.hub.db().read(|conn| store::alerts::get(conn, 1)).await.unwrap().unwrap();
        assert_eq!(alert.resolution.as_deref(), Some("known, and not seen again"));
        assert_eq!(w.said_of_logs().last().map(String::as_str), Some("edit: Resolved: Log Finding"));
    });
}

#[test]
fn a_failed_read_is_tried_again_and_one_that_needs_a_person_stops_and_is_told() {
    let shelf = Shelf::default();
    shelf.fail(FetchError::Retryable { why: "no route".into(), at_most_wait: None });
    shelf.fail(FetchError::Stopped { why: "the host key changed".into() });
    reading(&shelf, async |w| {
        w.host("nas", LOG).await;
        w.at(40).await;
        let state = w.log_state().await;
        assert_eq!((state.failures, state.trouble.as_deref(), state.stopped), (1, Some("no route"), false));
        w.at(120).await;
        assert!(w.log_state().await.stopped);
        assert_eq!(w.said_of_logs(), ["Alert: System Error"]);
        w.at(20_000).await;
        assert_eq!(shelf.asked_from().len(), 2, "nothing is tried by itself");
        assert_eq!(w.running.hub.analyze("nas").await.unwrap(), Begun::Now);
        w.at(20_010).await;
        assert_eq!((w.analyses().await.len(), w.log_state().await.stopped), (1, false));
        assert!(w.said().contains(&"Recovered: System OK".to_owned()), "{:?}", w.said());
    });
}

#[test]
fn a_paused_host_is_read_on_demand_only_and_one_without_a_log_not_at_all() {
    let shelf = Shelf::default();
    reading(&shelf, async |w| {
        w.host("nas", LOG).await;
        w.host("bare", "").await;
        w.running.hub.pause_host("nas").await.unwrap();
        w.at(4_000).await;
        assert_eq!(w.analyses().await.len(), 0);
        assert!(w.running.hub.analyze("bare").await.is_err());
        w.running.hub.analyze("nas").await.unwrap();
        w.at(4_010).await;
        assert_eq!(w.analyses().await.len(), 1);
    });
}

#[test]
fn a_restart_goes_on_where_the_last_stored_look_ended() {
    let (shelf, folder) = (Shelf::default(), TempFolder::new().unwrap());
    shelf.put(&["session 1 opened from 198.51.100.7", "session 2 opened from 198.51.100.7"]);
    life_reading(&folder, 0, shelf.parts(), async |w| {
        w.host("nas", LOG).await;
        w.at(60).await;
        assert_eq!(w.log_state().await.lines_read, 2);
    });
    shelf.put(&["disk sda failed, said 198.51.100.7"]);
    life_reading(&folder, 100, shelf.parts(), async |w| {
        tokio::time::sleep(Duration::from_secs(1_900)).await;
        assert_eq!(shelf.asked_from(), [0, 2]);
        let state = w.log_state().await;
        assert_eq!((state.lines_read, w.analyses().await[0].details.first_line), (3, 3));
        let address = w.running.hub.addresses(1).await.unwrap();
        assert_eq!(address("IP-PUB-1"), Some("198.51.100.7".parse().unwrap()));
        assert_eq!(address("IP-PUB-2"), None);
    });
    for file in ["db.sqlite", "db.sqlite-wal"] {
        let bytes = std::fs::read(folder.database().with_file_name(file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("198.51.100.7"), "{file}");
    }
}
