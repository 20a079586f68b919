//! What should be told, computed second by second from the plan and the product's rule, with none of the hub's code.

use super::plan::{D, H, HostPlan, Plan, S};

/// A time a host should be reported down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    pub host: usize,
    pub down: i64,
    pub up: Option<i64>,
    /// The verdict hangs on a second or two around the edge of an absence or a window: either answer is right.
    pub unsure: bool,
}

/// The hub writes its sign of life every two seconds, so a kill may count as up to three seconds earlier.
const EDGE: i64 = 4 * S;

/// Every outage of every host.
pub fn outages(plan: &Plan) -> Vec<Outage> {
    plan.hosts.iter().enumerate().flat_map(|(i, host)| of_host(plan, i, host)).collect()
}

fn of_host(plan: &Plan, index: usize, host: &HostPlan) -> Vec<Outage> {
    let threshold = (host.frequency_s + host.grace_s) * S;
    let mut found: Vec<Outage> = Vec::new();
    let (mut reference, mut is_down, mut unsure, mut next_beat) = (0, false, false, 0);
    let mut was_away = None;
    for now in (0..plan.length).step_by(S as usize) {
        let away = plan.absences.iter().find(|a| (a.from..a.to).contains(&now));
        if let (Some(away), None) = (away, was_away) {
            let silence = away.from - base(plan, host, reference, away.from);
            let due_before = silence > threshold && is_open(plan, host, away.from);
            unsure = (silence - threshold).abs() <= EDGE;
            was_away = Some((due_before, away.to));
        }
        if let (None, Some((due_before, to))) = (away, was_away) {
            if !due_before {
                reference = reference.max(to);
            }
            was_away = None;
        }
        while let Some(beat) = host.beats.get(next_beat).filter(|b| **b <= now) {
            next_beat += 1;
            let lost = plan.absences.iter().any(|a| (a.from..a.to).contains(beat));
            if lost {
                continue;
            }
            reference = reference.max(*beat);
            unsure = plan.absences.iter().any(|a| (beat - a.to).abs() <= EDGE || (beat - a.from).abs() <= EDGE);
            if std::mem::replace(&mut is_down, false)
                && let Some(last) = found.last_mut()
            {
                last.up = Some(*beat);
                last.unsure |= unsure;
            }
        }
        let overdue = now - base(plan, host, reference, now) > threshold && is_open(plan, host, now);
        if away.is_none() && !is_down && overdue {
            is_down = true;
            let near_edge = plan.absences.iter().any(|a| (now - a.from).abs() <= EDGE);
            found.push(Outage { host: index, down: now, up: None, unsure: unsure || near_edge });
        }
    }
    found
}

/// What the silence is counted from: the last sign of life, or the opening of today's window.
fn base(plan: &Plan, host: &HostPlan, reference: i64, now: i64) -> i64 {
    if !host.office_hours || !is_open(plan, host, now) {
        return reference;
    }
    let wall = now + plan.wall_ahead(now);
    let opened = wall.div_euclid(D) * D + 13 * H;
    reference.max(opened - plan.wall_ahead(now))
}

/// Monday to Friday, 08:00 to 18:00 in New York: 13:00 to 23:00 UTC all this week.
fn is_open(plan: &Plan, host: &HostPlan, now: i64) -> bool {
    let wall = now + plan.wall_ahead(now);
    !host.office_hours || (wall.div_euclid(D) < 5 && (13 * H..23 * H).contains(&wall.rem_euclid(D)))
}
