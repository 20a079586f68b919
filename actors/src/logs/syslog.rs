//! The syslog receivers: one actor for UDP, one for TCP. They know senders by their addresses only, and whatever these send, memory, connections
//! and the share of the machine they take stay bounded.

use super::spool::Spools;
use crate::clock::Clock;
use crate::supervision::{AdminError, Child, ChildDef, ChildSpec, Context, Supervisor};
use actix::prelude::*;
use domain::logs::Frames;
use domain::time::Steady;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// The largest datagram there is.
const DATAGRAM_BYTES: usize = 65_536;
/// Read from a connection at once.
const READ_BYTES: usize = 16_384;
/// Datagrams taken without a pause; then heartbeats have their turn. Together some 50,000 a second.
const DATAGRAMS_AT_ONCE: u32 = 256;
/// The pause.
const REST: Duration = Duration::from_millis(5);
/// The pause after an error of a socket.
const ERROR_REST: Duration = Duration::from_secs(1);

/// Bounds of what senders may do over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyslogLimits {
    /// Connections at once.
    pub connections_most: usize,
    /// Of them from one address.
    pub connections_per_sender: usize,
    /// After this without a byte a connection is closed. Senders keep theirs open for as long as nothing is to be said.
    pub idle_wait_ms: i64,
    /// How long one message may take to arrive.
    pub message_wait_ms: i64,
}

impl Default for SyslogLimits {
    fn default() -> SyslogLimits {
        SyslogLimits { connections_most: 128, connections_per_sender: 8, idle_wait_ms: 24 * 3_600_000, message_wait_ms: 30_000 }
    }
}

/// What listens, bound already; none of it by default.
#[derive(Debug, Default)]
pub struct Listeners {
    /// `SYSLOG_UDP`.
    pub udp: Option<UdpSocket>,
    /// `SYSLOG_TCP`.
    pub tcp: Option<TcpListener>,
}

/// A receiver that fails again and again is told as given up and tried every five minutes: the hub goes on without it.
const fn spec(name: &'static str) -> ChildSpec {
    let mut spec = ChildSpec::many(name);
    spec.many = false;
    spec
}

/// Starts the receivers under `supervisor`; they stop before what was started before them.
///
/// # Errors
/// As [`Supervisor::start_child`].
pub async fn receive(
    supervisor: &Supervisor,
    listeners: Listeners,
    spools: &Spools,
    clock: &Clock,
    limits: SyslogLimits,
) -> Result<(), AdminError> {
    for child in children(listeners, spools, clock, limits) {
        supervisor.start_child(&child).await?;
    }
    Ok(())
}

fn children(listeners: Listeners, spools: &Spools, clock: &Clock, limits: SyslogLimits) -> Vec<ChildDef> {
    let udp = listeners.udp.map(|socket| {
        let (socket, spools) = (Arc::new(socket), spools.clone());
        ChildDef::new(spec("syslog udp"), move |_| SyslogUdp { socket: socket.clone(), spools: spools.clone() })
    });
    let tcp = listeners.tcp.map(|listener| {
        let (listener, spools, clock) = (Arc::new(listener), spools.clone(), clock.clone());
        ChildDef::new(spec("syslog tcp"), move |_| SyslogTcp {
            listener: listener.clone(),
            door: Arc::new(Door { spools: spools.clone(), clock: clock.clone(), limits, open: Mutex::default() }),
        })
    });
    udp.into_iter().chain(tcp).collect()
}

/// Takes datagrams: each is a message.
pub(crate) struct SyslogUdp {
    socket: Arc<UdpSocket>,
    spools: Spools,
}

impl Actor for SyslogUdp {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let (socket, spools) = (self.socket.clone(), self.spools.clone());
        ctx.spawn(async move { datagrams(&socket, &spools).await }.into_actor(self));
    }
}

impl Supervised for SyslogUdp {}

impl Child for SyslogUdp {}

async fn datagrams(socket: &UdpSocket, spools: &Spools) {
    let socket = made("the UDP socket", || {
        socket.set_nonblocking(true)?;
        tokio::net::UdpSocket::from_std(socket.try_clone()?)
    })
    .await;
    let mut buffer = vec![0; DATAGRAM_BYTES];
    let mut taken = 0;
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => spools.take(from.ip(), &buffer[..length]),
            Err(e) => {
                log::warn!("syslog: a datagram could not be taken: {e}");
                sleep(ERROR_REST).await;
            }
        }
        taken += 1;
        if taken == DATAGRAMS_AT_ONCE {
            taken = 0;
            sleep(REST).await;
        }
    }
}

/// Takes connections: each is a stream of messages.
pub(crate) struct SyslogTcp {
    listener: Arc<TcpListener>,
    door: Arc<Door>,
}

impl Actor for SyslogTcp {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let (listener, door) = (self.listener.clone(), self.door.clone());
        ctx.spawn(async move { connections(&listener, door).await }.into_actor(self));
    }
}

impl Supervised for SyslogTcp {}

impl Child for SyslogTcp {}

/// What all connections share.
struct Door {
    spools: Spools,
    clock: Clock,
    limits: SyslogLimits,
    /// How many each sender has open.
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Door {
    /// A place for one more connection of this sender, if it may have one.
    fn enter(self: &Arc<Door>, from: IpAddr) -> Option<Place> {
        if !self.spools.admits(from) {
            return None;
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= self.limits.connections_most {
            return None;
        }
        let count = open.entry(from).or_default();
        if *count >= self.limits.connections_per_sender {
            return None;
        }
        *count += 1;
        Some(Place { door: self.clone(), from })
    }
}

/// A connection's place; given back when it ends, however it ends.
struct Place {
    door: Arc<Door>,
    from: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.door.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.from);
            }
        }
    }
}

async fn connections(listener: &TcpListener, door: Arc<Door>) {
    let listener = made("the TCP socket", || {
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener.try_clone()?)
    })
    .await;
    // They end with this future, and so with the actor.
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    // Who may not come in finds the door closed at once.
                    if let Some(place) = door.enter(from.ip().to_canonical()) {
                        tasks.spawn(messages(stream, from, place));
                    }
                }
                Err(e) => {
                    log::warn!("syslog: a connection could not be taken: {e}");
                    sleep(ERROR_REST).await;
                }
            },
            Some(_) = tasks.join_next() => {}
        }
    }
}

/// Reads one connection until it ends, is idle, is too slow, or sends what is no message.
async fn messages(mut stream: TcpStream, from: SocketAddr, place: Place) {
    let Door { spools, clock, limits, .. } = &*place.door;
    let mut frames = Frames::new(spools.limits().message_bytes.max(DATAGRAM_BYTES));
    let mut told = |message: &[u8]| spools.take(from.ip(), message);
    let mut buffer = vec![0; READ_BYTES];
    let mut begun: Option<Steady> = None;
    loop {
        let wait_ms = begun.map_or(limits.idle_wait_ms, |begun| limits.message_wait_ms - clock.steady().since_ms(begun));
        let wait = Duration::from_millis(wait_ms.max(0).cast_unsigned());
        let count = match timeout(wait, stream.read(&mut buffer)).await {
            Ok(Ok(count)) if count > 0 => count,
            Ok(_) => break,
            Err(_) => {
                log::info!(
                    "syslog: a connection of {} was closed: {}",
                    from.ip(),
                    if begun.is_some() { "too slow" } else { "idle" }
                );
                break;
            }
        };
        let mut is_whole = false;
        let fed = frames.feed(&buffer[..count], &mut |message| {
            is_whole = true;
            told(message);
        });
        if let Err(e) = fed {
            log::info!("syslog: a connection of {} was closed: {e}", from.ip());
            return;
        }
        begun = match (frames.is_inside(), begun) {
            (false, _) => None,
            (true, Some(begun)) if !is_whole => Some(begun),
            (true, _) => Some(clock.steady()),
        };
        if count == buffer.len() {
            sleep(REST).await; // a flood: the sender waits, heartbeats do not
        }
    }
    frames.end(&mut told);
}

/// Makes a socket of the runtime's; what stands in the way is told and waited out.
async fn made<S>(what: &str, make: impl Fn() -> std::io::Result<S>) -> S {
    loop {
        match make() {
            Ok(socket) => return socket,
            Err(e) => log::error!("syslog: {what} cannot be used: {e}"),
        }
        sleep(ERROR_REST).await;
    }
}
