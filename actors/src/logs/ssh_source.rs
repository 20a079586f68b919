//! A host's log over SSH: checks where it goes, by which key the machine is known, and which of the lines that come are new.
//!
//! One attempt a call. A host whose key waits for an admin, or has changed, is not even called.

use super::source::{Cursor, FetchError, FetchLimits, Fetched, LogSource};
use super::ssh::RussShell;
use super::ssh_shell::{Bounds, Call, Cut, KeyFile, Output, Session, Shell, ShellError};
use crate::clock::Clock;
use crate::db::{Db, DbError};
use domain::logs::bookmark::Bookmark;
use domain::logs::reading::{Reading, Step};
use domain::logs::target::{SshTarget, is_internal};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::host_keys::{self, HostKey, KeyState, Owner, ShownKey};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Most connections at once.
const SESSIONS_MOST: usize = 8;
/// A private key is small; a larger file is a mistake.
const KEY_FILE_BYTES: u64 = 64 << 10;
/// How soon a host whose key waits for an admin may be asked for again: it costs nothing until he has accepted it.
const PENDING_WAIT: Duration = Duration::from_secs(60);

/// What opens encrypted private keys; prints nothing.
#[derive(Clone)]
pub struct Passphrase(Arc<str>);

impl Passphrase {
    /// Hides `text`.
    pub fn new(text: &str) -> Passphrase {
        Passphrase(text.into())
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(hidden)")
    }
}

/// What the operator says about SSH.
#[derive(Clone, Debug, Default)]
pub struct SshSettings {
    /// `SSH_ALLOW_PUBLIC`: machines outside of the user's own network may be called.
    pub allow_public: bool,
    /// `SSH_KEY_PASSPHRASE`.
    pub passphrase: Option<Passphrase>,
}

/// Whose log it is.
#[derive(Clone, Debug)]
pub struct LogHost {
    /// `hosts.id`.
    pub row: i64,
    /// The public id.
    pub host_id: String,
    /// The name for people.
    pub name: String,
}

impl LogHost {
    fn owner(&self) -> Owner<'_> {
        Owner { row: self.row, host_id: &self.host_id, name: &self.name }
    }
}

/// What all hosts' sources share; clones share it, too.
#[derive(Clone)]
pub struct Ssh(Arc<Shared>);

struct Shared {
    db: Db,
    clock: Clock,
    settings: SshSettings,
    shell: Box<dyn Shell>,
    sessions: Semaphore,
}

impl Ssh {
    /// SSH as the operator wants it.
    pub fn new(db: Db, clock: Clock, settings: SshSettings) -> Ssh {
        Ssh::with_shell(db, clock, settings, Box::new(RussShell))
    }

    /// With another client: for tests.
    pub fn with_shell(db: Db, clock: Clock, settings: SshSettings, shell: Box<dyn Shell>) -> Ssh {
        Ssh(Arc::new(Shared { db, clock, settings, shell, sessions: Semaphore::new(SESSIONS_MOST) }))
    }

    /// The log of `host`, fetched as `target` says.
    pub fn source(&self, host: LogHost, target: SshTarget) -> SshSource {
        SshSource { shared: self.0.clone(), host, target }
    }
}

/// One host's log.
pub struct SshSource {
    shared: Arc<Shared>,
    host: LogHost,
    target: SshTarget,
}

impl LogSource for SshSource {
    fn fetch(&self, since: Option<Cursor>, limits: FetchLimits) -> BoxFuture<'_, Result<Fetched, FetchError>> {
        self.fetched(since, limits).boxed()
    }
}

impl SshSource {
    async fn fetched(&self, since: Option<Cursor>, limits: FetchLimits) -> Result<Fetched, FetchError> {
        let pinned = self.pinned().await?;
        let key = key_file(&self.target.key_path, self.shared.settings.passphrase.as_ref()).await?;
        let total_wait = Duration::from_millis(limits.total_wait_ms);
        let place = timeout(total_wait, self.shared.sessions.acquire()).await;
        let _place = place.map_err(|_| retry("too many logs are being fetched"))?.map_err(|_| retry("the hub is stopping"))?;
        let address = self.address(Duration::from_millis(limits.connect_wait_ms)).await?;
        let connect_wait = Duration::from_millis(limits.connect_wait_ms);
        let call = Call { address, user: self.target.user.clone(), key, pinned, connect_wait };
        let mut session = match self.shared.shell.call(call).await {
            Ok(session) => session,
            Err(error) => return Err(self.refused(error).await),
        };
        let read = self.read(session.as_mut(), since, limits).await;
        session.end().await;
        read
    }

    /// The key the machine must show, if it was ever seen; a stop before anything is sent when nobody has accepted it.
    async fn pinned(&self) -> Result<Option<ShownKey>, FetchError> {
        let (row, address) = (self.host.row, self.target.address());
        let known = self.shared.db.read(move |conn| host_keys::get(conn, row)).await.map_err(|e| retry(&e.to_string()))?;
        match known {
            Some(known) if known.address != address && known.state != KeyState::Changed => Ok(None),
            None => Ok(None),
            Some(HostKey { state: KeyState::Accepted, shown, .. }) => Ok(Some(shown)),
            Some(HostKey { state: KeyState::Pending, shown, .. }) => Err(pending(&shown)),
            Some(HostKey { state: KeyState::Changed, .. }) => Err(changed()),
        }
    }

    /// The address that is called: looked up once, checked, and never looked up again.
    async fn address(&self, wait: Duration) -> Result<SocketAddr, FetchError> {
        let host = self.target.bare_host().to_owned();
        let found = timeout(wait, tokio::net::lookup_host((host.as_str(), self.target.port))).await;
        let found: Vec<SocketAddr> = match found {
            Ok(Ok(found)) => found.collect(),
            Ok(Err(error)) => return Err(retry(&format!("{host} cannot be looked up: {error}"))),
            Err(_) => return Err(retry(&format!("{host} cannot be looked up: no answer"))),
        };
        allowed(&host, &found, self.shared.settings.allow_public)
    }

    /// What a failed call means; a key that was shown is written down first.
    async fn refused(&self, error: ShellError) -> FetchError {
        let (host, address, now) = (self.host.clone(), self.target.address(), self.shared.clock.now());
        let shown = match error {
            ShellError::Shows(shown) => Some(shown),
            ShellError::ShowsNone => None,
            other => return other.into(),
        };
        let row = host.row;
        let noted = self.shared.db.write_news("host key", move |tx| {
            let known = host_keys::get(tx, row)?;
            let is_pinned = known.as_ref().is_some_and(|known| known.state != KeyState::Pending && known.address == address);
            match &shown {
                Some(shown) if !is_pinned => {
                    let known = host_keys::first_seen(tx, host.owner(), &address, shown, now.wall)?;
                    Ok((known.state, known.shown))
                }
                _ => {
                    host_keys::offer(tx, host.owner(), &address, shown.as_ref(), now)?;
                    let known = host_keys::get(tx, row)?.ok_or(store::StoreError::NotFound)?;
                    Ok((KeyState::Changed, known.shown))
                }
            }
        });
        match noted.await {
            Ok((KeyState::Pending, shown)) => pending(&shown),
            Ok((KeyState::Accepted, _)) => {
                retry_within("the machine has another address now, and is the same by its key", PENDING_WAIT)
            }
            Ok((KeyState::Changed, _)) => changed(),
            // Not written down means not told: it must be seen again.
            Err(error) => retry(&format!("the host key could not be stored: {error}")),
        }
    }

    async fn read(&self, session: &mut dyn Session, since: Option<Cursor>, limits: FetchLimits) -> Result<Fetched, FetchError> {
        let from = since.as_ref().and_then(|cursor| Bookmark::from_json(&cursor.0));
        let lines_most = u32::try_from(limits.lines_most).unwrap_or(u32::MAX);
        let mut reading = Reading::new(&self.target.command, from, self.shared.clock.now().wall, lines_most);
        let began = self.shared.clock.steady();
        loop {
            let output = session.run(reading.command(), bounds(limits, self.shared.clock.steady().since_ms(began))).await?;
            if output.stdout.is_empty() && output.cut.is_none() && output.exit_code != Some(0) {
                // The command failed: that says nothing about the log, so the place in it stays.
                return Ok(failed(output, since));
            }
            if let Step::Done(heard) = reading.hear(&output.stdout, output.cut.is_some()) {
                return Ok(Fetched {
                    lines: heard.lines,
                    cursor: Cursor(heard.bookmark.to_json()),
                    exit_code: output.exit_code,
                    was_cut: heard.was_cut,
                    note: note(heard.note, output.cut),
                    stderr: complaints(output),
                });
            }
        }
    }
}

/// What is left of the limits `gone_ms` after the first command was begun.
fn bounds(limits: FetchLimits, gone_ms: i64) -> Bounds {
    let ms = Duration::from_millis;
    let left_ms = limits.total_wait_ms.saturating_sub(gone_ms.max(0).cast_unsigned());
    Bounds { bytes_most: limits.bytes_most, idle_wait: ms(limits.idle_wait_ms), total_wait: ms(left_ms) }
}

fn failed(output: Output, since: Option<Cursor>) -> Fetched {
    Fetched {
        lines: Vec::new(),
        cursor: since.unwrap_or_default(),
        exit_code: output.exit_code,
        was_cut: false,
        note: Some("the command failed and printed nothing: the log was not read".into()),
        stderr: complaints(output),
    }
}

fn note(heard: Option<&'static str>, cut: Option<Cut>) -> Option<String> {
    let limit = match cut {
        Some(Cut::Idle) => Some("the command stopped printing and did not end"),
        Some(Cut::Total) => Some("the command took too long"),
        Some(Cut::Full) | None => None,
    };
    let notes: Vec<&str> = [limit, heard].into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn complaints(output: Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stderr).into_owned();
    if let Some(signal) = output.signal {
        text.push_str(&format!("(killed by signal {signal})"));
    }
    text
}

/// The first of `found` that may be called.
fn allowed(host: &str, found: &[SocketAddr], allow_public: bool) -> Result<SocketAddr, FetchError> {
    let Some(first) = found.first() else { return Err(retry(&format!("{host} has no address"))) };
    let internal = found.iter().find(|address| is_internal(address.ip()));
    match internal.or(allow_public.then_some(first)) {
        Some(address) => Ok(*address),
        None => Err(FetchError::Refused {
            why: format!(
                "{host} is {}, which is not in a private network: name a machine of your own network, or let the operator set \
                 SSH_ALLOW_PUBLIC=true",
                first.ip()
            ),
        }),
    }
}

/// The private key at `path`.
async fn key_file(path: &str, passphrase: Option<&Passphrase>) -> Result<KeyFile, FetchError> {
    let whole = match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    };
    let refused = |why: String| FetchError::Refused { why: format!("the private key {path} {why}") };
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        std::fs::File::open(whole)?.take(KEY_FILE_BYTES + 1).read_to_string(&mut text)?;
        Ok::<String, std::io::Error>(text)
    });
    let text = match read.await {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return Err(refused(format!("cannot be read: {error}"))),
        Err(error) => return Err(refused(format!("cannot be read: {error}"))),
    };
    if text.len() as u64 > KEY_FILE_BYTES {
        return Err(refused(format!("has more than {KEY_FILE_BYTES} bytes: is it the right file?")));
    }
    Ok(KeyFile { text: text.into(), passphrase: passphrase.map(|passphrase| passphrase.0.clone()) })
}

fn retry(why: &str) -> FetchError {
    FetchError::Retryable { why: why.to_owned(), at_most_wait: None }
}

fn retry_within(why: &str, wait: Duration) -> FetchError {
    FetchError::Retryable { why: why.to_owned(), at_most_wait: Some(wait) }
}

fn pending(shown: &ShownKey) -> FetchError {
    let why = format!("the SSH host key {} is new: an admin must accept it on the page of the host", shown.fingerprint);
    retry_within(&why, PENDING_WAIT)
}

fn changed() -> FetchError {
    let why = "the SSH host key has changed: an admin must accept the new one or forget the old one on the page of the host";
    FetchError::Stopped { why: why.to_owned() }
}

impl From<ShellError> for FetchError {
    fn from(error: ShellError) -> FetchError {
        let why = error.to_string();
        match error {
            ShellError::BadKey(_) | ShellError::NoCommand(_) => FetchError::Refused { why },
            ShellError::Denied => FetchError::Stopped {
                why: "the server refused the key: put its public half into authorized_keys of the account on that machine, or name another \
                      user or key; nothing is tried again until then, so that the server does not lock the hub out"
                    .into(),
            },
            ShellError::Shows(_) | ShellError::ShowsNone => changed(),
            ShellError::Unreachable(_) | ShellError::Lost(_) => retry(&why),
        }
    }
}

impl From<DbError> for FetchError {
    fn from(error: DbError) -> FetchError {
        retry(&error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 22)).collect()
    }

    #[test]
    fn only_internal_addresses_are_called_unless_the_operator_says_otherwise() {
        let call = |list: &[&str], public| allowed("nas", &addresses(list), public).map(|address| address.ip().to_string());
        assert_eq!(call(&["203.0.113.5", "10.0.0.5"], false), Ok("10.0.0.5".into()));
        assert_eq!(call(&["203.0.113.5"], true), Ok("203.0.113.5".into()));
        assert!(matches!(call(&["203.0.113.5"], false), Err(FetchError::Refused { why }) if why.contains("SSH_ALLOW_PUBLIC")));
        assert!(matches!(call(&["::ffff:203.0.113.5"], false), Err(FetchError::Refused { .. })));
        assert!(matches!(call(&[], true), Err(FetchError::Retryable { .. })));
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_read_is_told_by_its_path() {
        let missing = key_file("/nowhere/id_ed25519", None).await.unwrap_err().to_string();
        assert!(missing.contains("/nowhere/id_ed25519 cannot be read"), "{missing}");
        let hidden = format!("{:?} {:?}", Passphrase::new("hunter2"), KeyFile { text: "hunter2".into(), passphrase: None });
        assert!(!hidden.contains("hunter2"));
    }
}
