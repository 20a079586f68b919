//! A store, its writer and the alert actor over real sockets.

use super::PATIENT;
use crate::discord_peer::{Mode, Peer};
use actors::alert::discord::{AllowedHosts, WebhookUrl};
use actors::alert::text::Texts;
use actors::alert::{AlertActor, AlertParts, Channel, Drain, SendTest, Status};
use actors::clock::Clock;
use actors::db::{Db, Limits};
use actors::supervision::{ChildId, ChildSpec, Exit, Supervisor};
use domain::host::Severity;
use domain::incident::{AlertType, Facts, NewIncident};
use domain::time::Wall;
use std::sync::Arc;
use std::time::Duration;
use store::channels::{ChannelEdit, PRIMARY, upsert};
use store::{Store, alerts};
use tokio::sync::Notify;

/// How long a retry, at most, and the machine may take.
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

fn incident(clock: &Clock) -> NewIncident {
    let now = clock.now().wall;
    let facts = Facts { detected_at: now, ..super::messages::incident(1, "web-01").facts };
    NewIncident { alert_type: AlertType::MissingHeartbeat, severity: Severity::Critical, message: facts.headline(), facts }
}

#[actix_web::test]
async fn an_outage_is_told_followed_and_ended_whatever_the_peer_does() {
    let (peer, clock) = (Peer::start().await, Clock::system());
    let (store, _folder) = store::temporary().unwrap();
    let Store { writer, reader, .. } = store;
    let db = Db::new(writer, 0, reader, clock.clone(), Arc::new(Notify::new()), Limits::default());
    let exit = Exit::calling(|child, why| panic!("{child}: {why}"));
    let supervisor = Supervisor::start("test", clock.clone(), exit.clone());
    let writer = db.actor(exit);
    supervisor.spawn(&Arc::new(ChildSpec::core("db")), ChildId::Name("db"), move |_| writer);
    let edit = ChannelEdit { id: Some(PRIMARY), name: "primary", url_sealed: None, enabled: true };
    db.write("channel", move |tx| upsert(tx, &edit, Wall(0)).map(drop)).await.unwrap();
    let url = WebhookUrl::parse(&peer.url(), &AllowedHosts::parse(&[peer.origin()]).unwrap()).unwrap();
    let channels = Arc::new(move || vec![Channel { id: PRIMARY, name: "primary".into(), url: url.clone() }]);
    let parts =
        AlertParts::discord(PATIENT, Arc::new(|alert| Some(format!("https://hub.example/ack/{alert}"))), Texts::default());
    let actor = AlertActor::new(db.clone(), clock.clone(), channels, parts);
    let alert = supervisor.spawn(&Arc::new(ChildSpec::core("alert")), ChildId::Name("alert"), move |_| actor);

    assert!(alert.send(SendTest { channel: PRIMARY }).await.unwrap().delivered);
    peer.then([Mode::AcceptThenDrop, Mode::Status(502)]);
    let (now, opened) = (clock.now(), incident(&clock));
    let id = db.write_news("down", move |tx| alerts::open(tx, Some(1), &opened, now)).await.unwrap().0;
    until("it is told again", || peer.messages().len() == 3).await;
    assert_eq!(peer.titles(), ["Test: Pulsewarden", "Alert: Host Down", "Alert: Host Down"]);
    let repeats = peer.messages().iter().filter(|message| message.body.to_string().contains("possible repeat")).count();
    assert_eq!(repeats, 1);

    let now = clock.now();
    db.write_news("known", move |tx| alerts::acknowledge(tx, id, "ana", None, None, now).map(drop)).await.unwrap();
    until("the newer message is changed", || peer.titles()[2] == "Acknowledged: Host Down").await;
    let now = clock.now();
    db.write_news("up", move |tx| alerts::resolve(tx, id, "heartbeat received", now).map(drop)).await.unwrap();
    until("its end is told", || peer.titles().len() == 4 && peer.titles()[2] == "Resolved: Host Down").await;
    assert_eq!(peer.titles()[3], "Recovered: Host Up");

    alert.send(Drain).await.unwrap();
    let status = alert.send(Status).await.unwrap().unwrap().remove(0);
    assert_eq!((status.waiting, status.last_error, status.stopped), (0, None, None));
    assert_eq!(peer.violations(), Vec::<String>::new());
    supervisor.shutdown().await;
}
