//! Hosts that keep calling while pages are looked at: one connection, an even pace.

use crate::dice::Dice;
use crate::history::{Size, TOKEN};
use crate::machine::host_id;
use crate::process::{Client, stopwatch};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A thread that sends heartbeats until it is stopped.
pub(crate) struct Beater {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl Beater {
    /// Sends `a_second` heartbeats, each of a host that chance picks.
    pub(crate) fn start(address: &str, size: Size, a_second: u64) -> Beater {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut client, ends) = (Client::new(address), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let (mut dice, began, mut sent) = (Dice::new(11), stopwatch(), 0_u64);
            while !ends.load(Ordering::Relaxed) {
                let host = host_id(size.seed, dice.within(0, size.hosts as i64 - 1) as usize);
                let path = format!("/api/v1/heartbeat/{host}?token={TOKEN}");
                let answer = client.send("GET", &path, &[], b"").expect("the hub answers");
                assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                sent += 1;
                let due = began + Duration::from_micros(sent * 1_000_000 / a_second);
                std::thread::sleep(due.saturating_duration_since(stopwatch()));
            }
            sent as f64 / (stopwatch() - began).as_secs_f64()
        });
        Beater { stop, thread }
    }

    /// Stops; answers how many it sent a second.
    pub(crate) fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("every heartbeat was answered 200")
    }
}
