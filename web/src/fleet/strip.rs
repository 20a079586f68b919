//! The strip of a host: its last signs of life, with a gap where one was missed.

use domain::time::Wall;
use store::beats::Trace;
use store::uptime::Intervals;

/// Most slots of a strip.
pub(crate) const SLOTS: usize = 30;
/// Most slots one silence takes: what was before it is worth showing too.
const MISSED_MOST: i64 = 5;
/// Heartbeats read for a strip: starts and notes take no slot.
pub(crate) const STEPS: usize = 2 * SLOTS;

/// One slot of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// When it was heard; for a missed one, when it was expected at the latest.
    pub at: Wall,
    /// What happened.
    pub kind: SlotKind,
    /// How long the run took that it ended, in milliseconds.
    pub duration_ms: Option<i64>,
}

/// What a slot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// A success was heard.
    Success,
    /// A failure, or an exit code other than 0, was heard.
    Failure,
    /// Nothing was heard though the host was expected.
    Missed,
}

impl SlotKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            SlotKind::Success => "success",
            SlotKind::Failure => "failure",
            SlotKind::Missed => "missed",
        }
    }
}

/// The strip of a host that is expected every `frequency_s` seconds, from its newest heartbeats, the newest first.
///
/// A slot is missed where an incident was opened between two signs of life: so pauses, closed windows and absences of the hub
/// show no gap, just as they alerted nobody.
pub(crate) fn strip(trail: &[Trace], down: &Intervals, frequency_s: u32, now: Wall) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::with_capacity(SLOTS);
    let mut outages = down.begins().rev().peekable();
    let mut newer = now.plus_ms(1);
    for beat in trail.iter().filter(|beat| beat.signal.is_life()) {
        while let Some(from) = outages.next_if(|from| *from > beat.at) {
            // What a failing heartbeat itself reported is its own slot.
            if from < newer {
                push_missed(&mut slots, from, newer.min(now), frequency_s);
            }
        }
        let kind = if beat.signal.is_success() { SlotKind::Success } else { SlotKind::Failure };
        slots.push(Slot { at: beat.at, kind, duration_ms: beat.duration_ms });
        newer = beat.at;
        if slots.len() >= SLOTS {
            break;
        }
    }
    if trail.is_empty()
        && let Some(from) = outages.next()
    {
        push_missed(&mut slots, from, now, frequency_s);
    }
    slots.truncate(SLOTS);
    slots.reverse();
    slots
}

/// The newest first, as the strip is built.
fn push_missed(slots: &mut Vec<Slot>, from: Wall, until: Wall, frequency_s: u32) {
    let every_ms = i64::from(frequency_s.max(1)) * 1_000;
    let more = ((until.0 - from.0) / every_ms).clamp(0, MISSED_MOST - 1);
    slots.extend((0..=more).rev().map(|n| Slot { at: from.plus_ms(n * every_ms), kind: SlotKind::Missed, duration_ms: None }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::signal::Signal;

    fn beat(s: i64, signal: Signal) -> Trace {
        Trace { id: s, at: Wall(s * 1_000), signal, duration_ms: None }
    }

    fn shown(trail: &[Trace], down: &[(i64, i64)], now: i64) -> String {
        let down = Intervals::new(down.iter().map(|(from, to)| (from * 1_000, to * 1_000)).collect());
        let slots = strip(trail, &down, 60, Wall(now * 1_000));
        assert!(slots.is_sorted_by_key(|slot| slot.at), "{slots:?}");
        slots.iter().map(|slot| &slot.kind.as_str()[..1]).collect()
    }

    #[test]
    fn a_gap_shows_where_an_incident_was_opened_and_nowhere_else() {
        let trail = [beat(1_000, Signal::Success), beat(400, Signal::Success), beat(340, Signal::Success)];
        assert_eq!(shown(&trail, &[], 1_030), "sss", "a closed window or a pause");
        assert_eq!(shown(&trail, &[(900, 1_000)], 1_030), "ssmms");
        assert_eq!(shown(&trail, &[(460, 1_000)], 1_030), "ssmmmmms", "a long silence takes five slots");
        assert_eq!(shown(&trail, &[(1_090, 1_210)], 1_210), "sssmmm", "one that still lasts");
    }

    #[test]
    fn a_failure_is_a_slot_and_not_a_gap_besides_and_starts_and_notes_are_none() {
        let trail = [beat(200, Signal::Fail), beat(150, Signal::Start), beat(140, Signal::Log), beat(100, Signal::Exit(3))];
        assert_eq!(shown(&trail, &[(100, 300)], 230), "ff");
        assert_eq!(shown(&trail, &[(200, 230)], 230), "ff");
    }

    #[test]
    fn a_host_never_heard_shows_what_it_missed_and_a_busy_one_thirty_slots() {
        assert_eq!(shown(&[], &[(100, 130)], 130), "m");
        assert_eq!(shown(&[], &[], 130), "");
        let trail: Vec<Trace> = (1..=99).rev().map(|n| beat(n * 60, Signal::Success)).collect();
        assert_eq!(shown(&trail, &[], 6_000).len(), SLOTS);
    }
}
