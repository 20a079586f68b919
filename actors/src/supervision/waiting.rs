//! An explicit mark: this child waits for somebody outside, for as long as that takes. The view shows it, and it is no hang.

use super::member::Member;
use super::naming;
use std::rc::Rc;

/// While this lives, the child in whose turn it was made waits for something outside of the process.
///
/// ```
/// # use actors::supervision::Waiting;
/// # async fn post() {}
/// # async fn deliver() {
/// let _waiting = Waiting::on("discord");
/// post().await; // may take minutes: no hang, and the view says "discord"
/// # }
/// ```
#[must_use = "the mark ends when this is dropped"]
pub struct Waiting {
    // Nobody's outside of a child's turn: there is nobody then who could hang.
    member: Option<Rc<Member>>,
    what: &'static str,
}

impl Waiting {
    /// Marks the child whose turn it is.
    pub fn on(what: &'static str) -> Waiting {
        let member = naming::current();
        if let Some(member) = &member {
            member.gauge.open_external();
            member.waits_for(what);
        }
        Waiting { member, what }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(member) = &self.member {
            member.gauge.end_external();
            member.waits_no_more_for(self.what);
        }
    }
}
