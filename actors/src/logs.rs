//! The LogsActor: keeps one analyst for each host whose log is described, and nobody else's.
//!
//! It looks into the store after each change of a host, and by itself (notify for speed, poll for truth); what it finds there is
//! what runs: a new description starts an analyst, another one is told to it, a removed host's ends. What analysts share is the
//! [`Desk`]; an analyst that panics is rebuilt from the store and takes no other with it.

mod analyst;
mod desk;
mod intake;
mod look;
mod memory;
mod news;
mod reading;
pub mod source;
pub mod spool;
mod ssh;
pub mod ssh_shell;
pub mod ssh_source;
mod syslog;

pub use analyst::{AnalystActor, Analyze, Begun};
pub use desk::{Analysts, Desk, LogLimits, LogParts, SecretsNow, Sources, Target};
pub use intake::Intake;
pub use memory::addresses;
pub use ssh_source::{LogHost, Passphrase, Ssh, SshSettings};
pub use syslog::{Listeners, SyslogLimits, receive};

use crate::supervision::{Addr, Child, ChildId, ChildSpec, Context, Supervisor};
use actix::prelude::*;
use analyst::Described;
use domain::log_settings::LogSettings;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often it looks by itself.
const LOOK_MS: u64 = 30_000;
/// Hosts whose logs may be analysed; the others are named in the log.
const HOSTS_MOST: usize = 10_000;

/// A host's description changed, or there is another host.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct HostsChanged;

/// The keeper of the analysts.
pub struct LogsActor {
    desk: Arc<Desk>,
    supervisor: Supervisor,
    spec: Arc<ChildSpec>,
    /// By public id: the host's row, its description as stored, and who reads its log.
    known: HashMap<String, Known>,
    is_looking: bool,
    is_news: bool,
}

struct Known {
    row: i64,
    settings: String,
    paused: bool,
    addr: Addr<AnalystActor>,
}

impl LogsActor {
    /// A keeper without analysts yet; `spec` is shared by all of them.
    pub fn new(desk: Arc<Desk>, supervisor: Supervisor, spec: Arc<ChildSpec>) -> LogsActor {
        LogsActor { desk, supervisor, spec, known: HashMap::new(), is_looking: false, is_news: false }
    }

    /// Reads which hosts there are; news that come meanwhile are read after it.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.is_looking, true) {
            self.is_news = true;
            return;
        }
        let db = self.desk.db.clone();
        let read = async move { db.read(store::logs::hosts).await };
        ctx.spawn(read.into_actor(self).map(|read, actor, ctx| {
            actor.is_looking = false;
            match read {
                Ok(hosts) => actor.follow(hosts),
                Err(e) => log::warn!("logs: the hosts could not be read, what ran goes on: {e}"),
            }
            if std::mem::take(&mut actor.is_news) {
                actor.look(ctx);
            }
        }));
    }

    fn look_by_itself(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
        ctx.run_later(Duration::from_millis(LOOK_MS), Self::look_by_itself);
    }

    /// Makes what runs what is described.
    fn follow(&mut self, mut hosts: Vec<store::logs::LogHost>) {
        if hosts.len() > HOSTS_MOST {
            log::error!("logs: {} hosts are described, the first {HOSTS_MOST} are analysed", hosts.len());
            hosts.truncate(HOSTS_MOST);
        }
        let is_there = |id: &str, row: i64| hosts.iter().any(|host| host.host_id == id && host.row == row);
        let gone: Vec<String> =
            self.known.iter().filter(|(id, known)| !is_there(id, known.row)).map(|(id, _)| id.clone()).collect();
        gone.iter().for_each(|host_id| self.end(host_id));
        hosts.into_iter().for_each(|host| self.keep(host));
    }

    fn end(&mut self, host_id: &str) {
        self.known.remove(host_id);
        self.desk.analysts.remove(host_id);
        drop(self.supervisor.terminate(&child_id(host_id)));
    }

    fn keep(&mut self, host: store::logs::LogHost) {
        let settings: LogSettings = match serde_json::from_str(&host.settings) {
            Ok(settings) => settings,
            Err(e) => return log::error!("logs: the description of {} cannot be understood: {e}", host.host_id),
        };
        let target =
            Target { row: host.row, host_id: host.host_id.clone().into(), settings: Arc::new(settings), paused: host.paused };
        if let Some(known) = self.known.get_mut(&host.host_id) {
            if known.settings != host.settings || known.paused != host.paused {
                (known.settings, known.paused) = (host.settings, host.paused);
                known.addr.do_send(Described(target));
            }
            return;
        }
        let desk = self.desk.clone();
        let addr = self.supervisor.spawn(&self.spec, child_id(&host.host_id), move |_| AnalystActor::new(desk, target));
        self.desk.analysts.put(&host.host_id, addr.clone());
        self.known.insert(host.host_id, Known { row: host.row, settings: host.settings, paused: host.paused, addr });
    }
}

/// Host actors have the plain ids; no id of a host holds a colon.
fn child_id(host_id: &str) -> ChildId {
    ChildId::Key(format!("log:{host_id}").into())
}

impl Actor for LogsActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look_by_itself(ctx);
    }
}

impl Supervised for LogsActor {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // Who runs is still known: analysts outlive their keeper.
        (self.is_looking, self.is_news) = (false, false);
    }
}

impl Child for LogsActor {}

impl Handler<HostsChanged> for LogsActor {
    type Result = ();

    fn handle(&mut self, _: HostsChanged, ctx: &mut Context<Self>) {
        self.look(ctx);
    }
}
