//! A hub reduced to its store, its writer and its alert actor; what happens in it is written as a timetable.

use super::peer::Peer;
use crate::alert::discord::{AllowedHosts, Deliver, WebhookUrl};
use crate::alert::text::Texts;
use crate::alert::{AlertActor, AlertParts, Channel, ChannelStatus, Status};
use crate::clock::Clock;
use crate::db::{Db, Limits};
use crate::supervision::{Addr, ChildId, ChildSpec, Exit, Supervisor};
use actix::prelude::*;
use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts, NewIncident};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use store::channels::{self, ChannelEdit};
use store::{Store, StoreError, TempFolder, Transaction, alerts};
use tokio::sync::Notify;

pub(super) struct Town {
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) peer: Peer,
    pub(super) alerts: Addr<AlertActor>,
    supervisor: Supervisor,
    spec: Arc<ChildSpec>,
    channels: Vec<i64>,
    _folder: TempFolder,
}

/// Runs `test` with paused time in a town of so many channels.
pub(super) fn in_town<F, T>(channels: usize, test: F)
where
    F: FnOnce(Town) -> T,
    T: Future<Output = Town>,
{
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    System::with_tokio_rt(runtime).block_on(async {
        let town = test(Town::new(channels).await).await;
        assert_eq!(town.peer.uncommitted(), 0, "a call was made before it was committed as on its way");
        town.supervisor.shutdown().await;
    });
}

impl Town {
    async fn new(count: usize) -> Town {
        let (store, folder) = store::temporary().unwrap();
        let Store { writer, reader, .. } = store;
        let clock = Clock::for_tests();
        let db = Db::new(writer, 0, reader, clock.clone(), Arc::new(Notify::new()), Limits::default());
        let exit = Exit::calling(|child, why| panic!("{child} gave up: {why}"));
        let supervisor = Supervisor::start("town", clock.clone(), exit.clone());
        let writer = db.actor(exit);
        supervisor.spawn(&Arc::new(ChildSpec::core("db")), ChildId::Name("db"), move |_| writer);
        let channels = open_channels(&db, count).await;
        let peer = Peer::new(db.clone(), clock.clone());
        let spec = Arc::new(ChildSpec::core("alert"));
        let actor = alert_actor(&db, &clock, &peer, &channels);
        let alerts = supervisor.spawn(&spec, ChildId::Name("alert"), move |_| actor);
        Town { db, clock, peer, alerts, supervisor, spec, channels, _folder: folder }
    }

    /// The actor ends in the middle of what it does, as by `kill -9`, and another one begins.
    pub(super) async fn crash(&mut self) {
        let mut spec = (*self.spec).clone();
        spec.shutdown_limit_ms = 0;
        self.supervisor.terminate(&ChildId::Name("alert")).await;
        self.spec = Arc::new(spec);
        let actor = alert_actor(&self.db, &self.clock, &self.peer, &self.channels);
        self.alerts = self.supervisor.spawn(&self.spec, ChildId::Name("alert"), move |_| actor);
    }

    pub(super) async fn pass(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.db.write_news("test", change).await.unwrap()
    }

    /// Host `h{host}` goes down; answers its alert.
    pub(super) async fn down(&self, host: i64) -> i64 {
        self.all_down(host..=host).await[0]
    }

    /// All these hosts go down in one transaction.
    pub(super) async fn all_down(&self, hosts: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let (hosts, now) = (hosts.into_iter().collect::<Vec<_>>(), self.clock.now());
        let open = move |tx: &Transaction<'_>| {
            hosts.iter().map(|host| Ok(alerts::open(tx, Some(*host), &missed(&format!("h{host}"), now.wall), now)?.0)).collect()
        };
        self.change(open).await
    }

    pub(super) async fn up(&self, alert: i64) {
        self.all_up(vec![alert]).await;
    }

    pub(super) async fn all_up(&self, list: Vec<i64>) {
        let now = self.clock.now();
        let resolve = move |tx: &Transaction<'_>| {
            list.iter().try_for_each(|id| alerts::resolve(tx, *id, "heartbeat received", now).map(drop))
        };
        self.change(resolve).await;
    }

    pub(super) async fn acknowledge(&self, alert: i64) {
        let now = self.clock.now();
        self.change(move |tx| alerts::acknowledge(tx, alert, "ana", Some("on it"), None, now).map(drop)).await;
    }

    /// Somebody sets the channel's URL again.
    pub(super) async fn change_channel(&self, channel: i64) {
        self.edit_channel(channel, true).await;
    }

    /// Somebody takes the channel's URL away.
    pub(super) async fn disable_channel(&self, channel: i64) {
        self.edit_channel(channel, false).await;
    }

    async fn edit_channel(&self, channel: i64, enabled: bool) {
        let at = self.clock.now().wall;
        let edit = move |tx: &Transaction<'_>| {
            let name = format!("channel {channel}");
            channels::upsert(tx, &ChannelEdit { id: Some(channel), name: &name, url_sealed: None, enabled }, at).map(drop)
        };
        self.change(edit).await;
    }

    pub(super) async fn status(&self) -> Vec<ChannelStatus> {
        self.alerts.send(Status).await.unwrap().unwrap()
    }

    pub(super) async fn waiting(&self) -> i64 {
        self.status().await.iter().map(|channel| channel.waiting).sum()
    }

    /// Waits until nothing waits any more; answers how long that took.
    pub(super) async fn until_all_is_told(&self, most_ms: i64) -> i64 {
        let began = self.clock.steady();
        while self.waiting().await > 0 {
            self.pass(2_000).await;
            let passed = self.clock.steady().since_ms(began);
            assert!(passed <= most_ms, "{} notices still wait after {passed} ms", self.waiting().await);
        }
        self.clock.steady().since_ms(began)
    }
}

async fn open_channels(db: &Db, count: usize) -> Vec<i64> {
    let at = domain::time::Wall(0);
    let open = move |tx: &Transaction<'_>| {
        let all: Vec<i64> = (1..=count as i64).collect();
        for id in &all {
            let name = format!("channel {id}");
            let known = channels::get(tx, *id)?.map(|channel| channel.id);
            channels::upsert(tx, &ChannelEdit { id: known, name: &name, url_sealed: None, enabled: true }, at)?;
        }
        Ok(all)
    };
    db.write("channels", open).await.unwrap()
}

fn alert_actor(db: &Db, clock: &Clock, peer: &Peer, channels: &[i64]) -> AlertActor {
    let all: Vec<Channel> = channels.iter().map(|id| channel(*id)).collect();
    let peer = peer.clone();
    let deliver = Box::new(move || Rc::new(peer.clone()) as Rc<dyn Deliver>);
    let parts =
        AlertParts { deliver, links: Arc::new(|alert| Some(format!("https://hub/ack/{alert}"))), texts: Texts::default() };
    AlertActor::new(db.clone(), clock.clone(), Arc::new(move || all.clone()), parts)
}

fn channel(id: i64) -> Channel {
    let url = format!("https://discord.com/api/webhooks/{id}/secret");
    Channel { id, name: format!("channel {id}"), url: WebhookUrl::parse(&url, &AllowedHosts::default()).unwrap() }
}

fn missed(name: &str, at: domain::time::Wall) -> NewIncident {
    let facts = Facts {
        host_id: Some(name.to_owned()),
        host_name: name.to_owned(),
        cause: Cause::Missed,
        last_seen_at: Some(at.plus_ms(-360_000)),
        expected_every_s: 300,
        grace_s: 60,
        deadline_at: Some(at),
        detected_at: at,
        why: "silent".into(),
    };
    NewIncident { alert_type: AlertType::MissingHeartbeat, severity: Severity::Critical, message: facts.headline(), facts }
}
