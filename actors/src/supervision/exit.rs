//! Where an escalation ends: the process, or a test.

use super::ChildId;
use std::rc::Rc;

/// The exit code of a process whose supervisor gave up on a child it cannot do without (`EX_SOFTWARE`).
pub const ESCALATED: i32 = 70;

pub(super) type OnTrouble = Rc<dyn Fn(&ChildId, &str)>;

/// What an escalation at the top does: in production it ends the process, in a test it tells the test.
#[derive(Clone)]
pub struct Exit(OnTrouble);

impl Exit {
    /// Ends the process with code [`ESCALATED`], for compose or systemd to start again.
    pub fn process() -> Exit {
        Exit::calling(|_, _| end_process())
    }

    /// Calls `act` with the child that could not be kept and its last reason. If it returns, all children are stopped.
    pub fn calling(act: impl Fn(&ChildId, &str) + 'static) -> Exit {
        Exit(Rc::new(act))
    }

    /// Escalates. A supervisor does so once.
    pub fn escalate(&self, child: &ChildId, reason: &str) {
        (self.0)(child, reason);
    }
}

/// Ends the process at once: what is committed is safe, and a start from disk is the only cure.
pub(super) fn end_process() -> ! {
    log::logger().flush();
    std::process::exit(ESCALATED)
}
