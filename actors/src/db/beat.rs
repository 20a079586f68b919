//! One heartbeat on its way to disk: the row, and whatever it changes about its host.

use super::batch::{Side, Turn};
use crate::incident::failed;
use crate::roster::{HostEntry, Pulse};
use domain::host::Status;
use domain::signal::Signal;
use domain::time::{Now, Steady, Wall};
use std::net::IpAddr;
use std::sync::Arc;
use store::beats::NewBeat;
use store::{StoreError, Transaction, beats, hosts, verdicts};

/// A parsed and proved heartbeat.
#[derive(Debug)]
pub struct Beat {
    /// Whose.
    pub entry: Arc<HostEntry>,
    /// When the hub had it, on both timelines.
    pub at: Now,
    /// What it says.
    pub signal: Signal,
    /// The caller's address.
    pub source_ip: Option<IpAddr>,
    /// JSON of what else was sent, if anything was.
    pub metadata: Option<String>,
    /// Makes a retry count once.
    pub key: Option<String>,
    /// Pairs a start with its finish.
    pub run_id: Option<String>,
    /// How long a snooze or an extension is to be, in seconds.
    pub for_s: u32,
}

/// A heartbeat that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeatDone {
    /// `heartbeats.id`.
    pub id: i64,
    /// Whether it had been stored before under the same key.
    pub repeated: bool,
}

impl Beat {
    /// Whether this is nothing but a sign of life of a host that is up and has no run open: one insert.
    pub(super) fn is_plain(&self) -> bool {
        self.key.is_none() && self.changes_nothing()
    }

    /// Whether the host's status and run stay as they are.
    fn changes_nothing(&self) -> bool {
        let pulse = &self.entry.pulse;
        self.signal.is_success() && pulse.status() == Status::Up && pulse.run_started().is_none()
    }
}

impl Side {
    /// Writes `beat` inside the batch's transaction.
    pub(super) fn write_beat(&mut self, tx: &Transaction<'_>, turn: &mut Turn, beat: &Beat) -> Result<BeatDone, StoreError> {
        let row = beat.entry.row;
        if let Some(key) = &beat.key
            && let Some(id) = beats::find_key(tx, row, key)?
        {
            // A client that repeats itself lives: its pulse has that already, and a restart must not forget it.
            self.note_unwritten(turn, self.next_id(), &beat.entry);
            return Ok(BeatDone { id, repeated: true });
        }
        let plain = beat.changes_nothing();
        let duration_ms = if plain { None } else { self.follow_run(tx, turn, beat)? };
        let id = self.append(tx, turn, beat, duration_ms)?;
        if let Some(key) = &beat.key {
            beats::remember_key(tx, row, key, id, beat.at.wall)?;
        }
        if !plain {
            change_status(tx, turn, beat)?;
        }
        Ok(BeatDone { id, repeated: false })
    }

    fn append(
        &mut self,
        tx: &Transaction<'_>,
        turn: &mut Turn,
        beat: &Beat,
        duration_ms: Option<i64>,
    ) -> Result<i64, StoreError> {
        let pulse = &beat.entry.pulse;
        let mut text = IpText { bytes: [0; 48], used: 0 };
        let previous = pulse.last_beat();
        let id = beats::insert(
            tx,
            &NewBeat {
                host: beat.entry.row,
                at: beat.at.wall,
                source_ip: beat.source_ip.map(|ip| text.write(ip)),
                metadata: beat.metadata.as_deref(),
                signal: beat.signal,
                duration_ms,
                previous,
            },
        )?;
        turn.remember_beat(&beat.entry, previous);
        pulse.set_last_beat(Some(id));
        self.note_unwritten(turn, id, &beat.entry);
        Ok(id)
    }

    /// Opens or closes the host's run; the length of the run this beat ends.
    fn follow_run(&mut self, tx: &Transaction<'_>, turn: &mut Turn, beat: &Beat) -> Result<Option<i64>, StoreError> {
        let pulse = &beat.entry.pulse;
        if beat.signal == Signal::Start {
            if pulse.last_seen().is_some_and(|seen| beat.at.steady < seen) {
                return Ok(None); // overtaken by its own finish
            }
            hosts::start_run(tx, beat.entry.row, beat.at, beat.run_id.as_deref())?;
            turn.remember_run(&beat.entry);
            pulse.set_run(Some(beat.at.steady), 0);
            return Ok(None);
        }
        if beat.signal == Signal::Extend {
            let extra_s = hosts::extend_run(tx, beat.entry.row, beat.run_id.as_deref(), beat.for_s)?;
            turn.remember_run(&beat.entry);
            pulse.set_run(pulse.run_started(), extra_s);
            return Ok(None);
        }
        if !beat.signal.is_life() || pulse.run_started().is_none() {
            return Ok(None);
        }
        // A failure ends any run, and so does the success of a host that is down: its old run must not pull it down again.
        let any = beat.signal.is_failure() || pulse.status() == Status::Down;
        let rid = if any { None } else { beat.run_id.as_deref() };
        let Some((_, started)) = hosts::end_run(tx, beat.entry.row, rid)? else {
            return Ok(None);
        };
        turn.remember_run(&beat.entry);
        pulse.set_run(None, 0);
        Ok(Some(beat.at.steady.since_ms(started).max(0)))
    }
}

fn change_status(tx: &Transaction<'_>, turn: &mut Turn, beat: &Beat) -> Result<(), StoreError> {
    let (pulse, row) = (&beat.entry.pulse, beat.entry.row);
    if beat.signal.is_success() && pulse.status() != Status::Up {
        let recovery = verdicts::go_up(tx, row, beat.at, "heartbeat received")?;
        turn.remember_status(&beat.entry);
        turn.news |= recovery.is_some_and(|r| r.alert_id.is_some());
        pulse.set_status(Status::Up);
    } else if beat.signal.is_failure() && pulse.status() != Status::Down {
        let seen = seen_of(pulse);
        write_seen(tx, row, seen, pulse)?;
        let incident = failed(beat);
        if verdicts::go_down(tx, row, seen.map(|(_, steady)| steady), beat.at, &incident.message, &incident)?.is_some() {
            turn.remember_status(&beat.entry);
            turn.news = true;
            pulse.set_status(Status::Down);
        }
    }
    Ok(())
}

/// What a pulse has heard last, read once: a heartbeat may come in between two looks.
pub(super) fn seen_of(pulse: &Pulse) -> Option<(Wall, Steady)> {
    pulse.last_seen_wall().zip(pulse.last_seen())
}

/// Writes what a pulse has heard into its host's row.
pub(super) fn write_seen(tx: &Transaction<'_>, row: i64, seen: Option<(Wall, Steady)>, pulse: &Pulse) -> Result<(), StoreError> {
    beats::flush_seen(tx, row, seen, pulse.last_beat().unwrap_or(0))
}

/// Room for an address as text without an allocation.
struct IpText {
    bytes: [u8; 48],
    used: usize,
}

impl IpText {
    fn write(&mut self, ip: IpAddr) -> &str {
        use std::fmt::Write;
        self.used = 0;
        let _ = write!(self, "{ip}"); // 48 bytes hold every address
        std::str::from_utf8(&self.bytes[..self.used]).unwrap_or_default()
    }
}

impl std::fmt::Write for IpText {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.used + text.len();
        let room = self.bytes.get_mut(self.used..end).ok_or(std::fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}
