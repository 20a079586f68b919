//! What the operator asks by signals. They are heard from before the start on: one that comes during it ends nothing half-way, and
//! is not lost where the program is process 1 of a container, which no unheard signal can end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals the program hears.
pub struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

/// What a signal asks for.
pub(super) enum Asked {
    Stop,
    Reload,
}

impl Signals {
    /// Hears them from now on. Inside a runtime.
    ///
    /// # Errors
    /// The machine's.
    pub fn hear() -> std::io::Result<Signals> {
        let (term, int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Signals { term, int, hup: signal(SignalKind::hangup())? })
    }

    /// The next one, also if it came before this was called.
    pub(super) async fn next(&mut self) -> Asked {
        tokio::select! {
            biased;
            _ = self.term.recv() => Asked::Stop,
            _ = self.int.recv() => Asked::Stop,
            _ = self.hup.recv() => Asked::Reload,
        }
    }
}
