//! The supervision tree: which actors live, how often they were restarted and why, and what waits for them.

use crate::error::ApiError;
use crate::query::Params;
use crate::state::WebState;
use crate::time_text;
use actix_web::{HttpRequest, HttpResponse, web};
use actors::hub::HOSTS_GROUP;
use actors::supervision::{ChildView, GroupView, State};
use domain::time::Now;
use serde::Serialize;
use utoipa::ToSchema;

/// The tree of supervised actors.
#[derive(Serialize, ToSchema)]
pub struct SupervisionView {
    /// When it was looked at.
    #[schema(format = DateTime)]
    pub at: String,
    /// The places in the tree, in start order; the children of a supervisor follow it.
    pub groups: Vec<SupervisedGroup>,
}

/// A place in the tree: one actor, one supervisor, or a group of many actors.
#[derive(Serialize, ToSchema)]
pub struct SupervisedGroup {
    /// The supervisor it belongs to, with those above it.
    #[schema(example = "hub")]
    pub supervisor: String,
    /// Its name.
    #[schema(example = "hosts")]
    pub name: String,
    /// `actor`, `supervisor` or `many`.
    #[schema(example = "many")]
    pub kind: String,
    /// Actors in it now.
    pub children: usize,
    /// Of these, how many live.
    pub running: usize,
    /// Restarts of all of them since the hub was started, removed ones included.
    pub restarts: u64,
    /// How many have something to tell. Of `many`, a healthy actor that was never restarted has not.
    pub stories: usize,
    /// Those that have something to tell, a page of them.
    pub listed: Vec<SupervisedChild>,
    /// `after` for the next page of this group; `null` is the end.
    #[schema(required)]
    pub next_after: Option<String>,
}

/// One supervised actor.
#[derive(Serialize, ToSchema)]
pub struct SupervisedChild {
    /// Its name in its group; of a host its public id.
    #[schema(example = "web-01")]
    pub id: String,
    /// `starting`, `running`, `restarting`, `given_up` or `stopped`.
    #[schema(example = "running")]
    pub state: String,
    /// Restarts since it was started.
    pub restarts: u32,
    /// Why it ended last.
    #[schema(required)]
    pub last_reason: Option<String>,
    /// Messages that wait for it.
    pub mailbox_depth: u32,
    /// When it last handled a message. A host's heartbeats are no messages.
    #[schema(required, format = DateTime)]
    pub last_message_at: Option<String>,
    /// When its host last gave a sign of life; only of hosts.
    #[schema(required, format = DateTime)]
    pub last_heartbeat_at: Option<String>,
    /// How long it has lived since its last restart, in milliseconds; `null` while it does not.
    #[schema(required)]
    pub uptime_ms: Option<i64>,
    /// What it waits for outside of the hub, the longest wait first.
    pub waiting_on: Vec<OutsideWait>,
}

/// Something outside of the hub that an actor waits for.
#[derive(Serialize, ToSchema)]
pub struct OutsideWait {
    /// What.
    #[schema(example = "discord")]
    pub on: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub since: String,
}

/// Which part of the tree is asked for.
struct Asked {
    group: Option<String>,
    child: Option<String>,
    after: Option<String>,
    limit: u32,
}

/// The tree of supervised actors, with those that have something to tell; or one group; or one actor.
///
/// # Errors
/// Wrong parameters, or no such group or actor.
#[utoipa::path(get, path = "/api/v1/supervision", tag = "hub", operation_id = "supervision",
    params(
        ("group" = Option<String>, Query, description = "Only the places with this name", example = "hosts"),
        ("child" = Option<String>, Query, description = "Only this actor of `group`, whether it has something to tell or not"),
        ("after" = Option<String>, Query, description = "`next_after` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Actors listed of each place, 50 if not said"),
    ),
    responses((status = 200, body = SupervisionView)))]
pub(crate) async fn show(state: web::Data<WebState>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let asked = asked(&req)?;
    let most = if asked.child.is_some() { 0 } else { asked.limit as usize };
    let mut groups = state.hub.supervision().page(asked.after.as_deref(), most);
    if let Some(name) = &asked.group {
        groups.retain(|group| group.name == name);
        if groups.is_empty() {
            return Err(ApiError::not_found("group"));
        }
    }
    if let (Some(group), Some(child)) = (&asked.group, &asked.child) {
        let child = state.hub.child(group, child).ok_or_else(|| ApiError::not_found("actor"))?;
        groups.truncate(1);
        groups.iter_mut().for_each(|group| group.shown = vec![child.clone()]);
    }
    let now = state.hub.now();
    let pages = asked.child.is_none();
    let groups = groups.into_iter().map(|group| group_view(&state, group, now, pages)).collect();
    Ok(HttpResponse::Ok().json(SupervisionView { at: time_text::text(now.wall), groups }))
}

/// The places in the tree, with at most `most` listed of each after the id `after`.
pub(crate) fn groups(state: &WebState, after: Option<&str>, most: usize) -> Vec<SupervisedGroup> {
    let now = state.hub.now();
    state.hub.supervision().page(after, most).into_iter().map(|group| group_view(state, group, now, true)).collect()
}

fn asked(req: &HttpRequest) -> Result<Asked, ApiError> {
    let mut params = Params::of(req.query_string());
    let asked =
        Asked { group: params.text("group"), child: params.text("child"), after: params.text("after"), limit: params.limit() };
    params.done()?;
    match &asked {
        Asked { child: Some(_), group: None, .. } => Err(ApiError::field("child", "needs group: ids are unique in a group only")),
        Asked { after: Some(_), group: None, .. } => Err(ApiError::field("after", "needs group: each has pages of its own")),
        Asked { child: Some(_), after: Some(_), .. } => Err(ApiError::field("after", "makes no sense with child")),
        _ => Ok(asked),
    }
}

fn group_view(state: &WebState, group: GroupView, now: Now, pages: bool) -> SupervisedGroup {
    let kind = match (group.is_supervisor, group.many) {
        (true, _) => "supervisor",
        (_, true) => "many",
        _ => "actor",
    };
    let listed: Vec<_> = group.shown.iter().map(|child| child_view(state, child, now)).collect();
    // One more page than needed is empty, and says so: a list that changes has no better end.
    let next = group.shown.last().filter(|_| pages && group.shown.len() < group.stories);
    SupervisedGroup {
        supervisor: group.supervisor,
        name: group.name.to_owned(),
        kind: kind.to_owned(),
        children: group.children,
        running: group.running,
        restarts: group.restarts,
        stories: group.stories,
        next_after: next.map(|child| child.id.to_string()),
        listed,
    }
}

fn child_view(state: &WebState, child: &ChildView, now: Now) -> SupervisedChild {
    let host = (child.group == HOSTS_GROUP).then(|| state.hub.roster().find(child.id.as_str())).flatten();
    SupervisedChild {
        id: child.id.to_string(),
        state: word(child.state).to_owned(),
        restarts: child.restarts,
        last_reason: child.last_reason.as_deref().map(str::to_owned),
        mailbox_depth: child.mailbox_depth,
        last_message_at: child.last_message.map(|at| time_text::text(now.wall_at(at))),
        last_heartbeat_at: host.and_then(|host| host.pulse.last_seen_wall()).map(time_text::text),
        uptime_ms: child.alive_since.map(|since| now.steady.since_ms(since)),
        waiting_on: child
            .waiting_on
            .iter()
            .map(|wait| OutsideWait { on: wait.on.to_owned(), since: time_text::text(now.wall_at(wait.since)) })
            .collect(),
    }
}

fn word(state: State) -> &'static str {
    match state {
        State::Starting => "starting",
        State::Running => "running",
        State::Restarting => "restarting",
        State::GivenUp => "given_up",
        State::Stopped => "stopped",
    }
}
