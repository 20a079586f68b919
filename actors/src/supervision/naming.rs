//! Which child has its turn on this thread, so that a panic is logged once, with the name of the child it belongs to.

use super::member::Member;
use std::any::Any;
use std::cell::Cell;
use std::panic::PanicHookInfo;
use std::rc::Rc;
use std::sync::Once;

const REASON_CHARS: usize = 500;

thread_local! {
    static TURN: Cell<Option<Rc<Member>>> = const { Cell::new(None) };
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Installs a panic hook, once per process: a panic inside a child is one log line with the child's name and the place,
/// any other panic goes to the hook that was there before.
pub fn name_children_in_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !log_child_panic(info) {
                before(info);
            }
        }));
    });
}

fn log_child_panic(info: &PanicHookInfo<'_>) -> bool {
    let Some(path) = current_path() else { return false };
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    log::error!("{path} panicked at {place}: {}", info.payload_as_str().unwrap_or("no text"));
    PLACE.set(Some(place));
    true
}

fn current_path() -> Option<String> {
    current().map(|member| member.path())
}

/// Whose turn it is on this thread.
pub(super) fn current() -> Option<Rc<Member>> {
    TURN.try_with(|turn| {
        let member = turn.take();
        turn.set(member.clone());
        member
    })
    .ok()
    .flatten()
}

/// What a caught panic said, with its place when the hook is installed; cut to a length a page can show.
pub(super) fn reason(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let text: String = text.unwrap_or("panic without a text").chars().take(REASON_CHARS).collect();
    match PLACE.take() {
        Some(place) => format!("{text} ({place})"),
        None => text,
    }
}

/// While this lives, it is `member`'s turn.
pub(super) struct Turn(Option<Rc<Member>>);

impl Turn {
    pub(super) fn of(member: &Rc<Member>) -> Turn {
        member.group.ground.turnstile.enter(member.group.spec.name, &member.id);
        Turn(TURN.replace(Some(Rc::clone(member))))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let outer = self.0.take();
        let Ok(Some(ended)) = TURN.try_with(|turn| turn.replace(outer.clone())) else { return };
        ended.group.ground.turnstile.leave();
        if let Some(outer) = outer {
            outer.group.ground.turnstile.enter(outer.group.spec.name, &outer.id);
        }
    }
}
