//! What a person looks at, each time a little different.

use crate::dice::Dice;
use crate::history::Size;
use crate::machine::host_id;
use crate::visitor::Visitor;

/// Pages turned before the deep one.
const DEEP: usize = 40;

/// One kind of page.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) path: Box<dyn Fn(&mut Dice) -> String>,
}

fn page(name: &str, path: impl Fn(&mut Dice) -> String + 'static) -> Page {
    Page { name: name.to_owned(), path: Box::new(path) }
}

/// All of them, for a hub of this size with so many incidents; `visitor` turns to the deep ones.
pub(crate) fn pages(size: Size, incidents: u64, visitor: &mut Visitor) -> Vec<Page> {
    let mut pages = fleet(size);
    for sort in ["status", "name", "last_seen", "next_alert"] {
        let deep = visitor.turn(&format!("/dashboard?sort={sort}&limit=100"), DEEP);
        pages.push(page(&format!("dashboard by {sort}"), move |dice| {
            format!("/dashboard?sort={sort}&dir={}", dice.one_of(&["asc", "desc"]))
        }));
        pages.push(page(&format!("dashboard by {sort}, page {DEEP}"), move |_| deep.clone()));
    }
    let old_alerts = visitor.turn("/alerts?state=ended", DEEP);
    pages.push(page(&format!("alerts, ended, page {DEEP}"), move |_| old_alerts.clone()));
    pages.extend(others(size, incidents));
    pages
}

fn fleet(size: Size) -> Vec<Page> {
    let last = size.hosts as i64 - 1;
    vec![
        page("dashboard", |_| "/dashboard".into()),
        page("dashboard, 100 hosts", |_| "/dashboard?limit=100".into()),
        page("search, one host", move |dice| format!("/dashboard?q={:06}", dice.within(0, last))),
        page("search, many hosts", |dice| {
            format!("/dashboard?q={}", dice.one_of(&["tokyo", "web", "e", "customer+9", "%C3%BC", "o+a+e+1+-+r+t+0"]))
        }),
        page("search, no host", |dice| format!("/dashboard?q=nothing-is-called-{}", dice.within(0, 9_999))),
        page("filter by tag and status", |dice| {
            let status = dice.one_of(&["up", "down", "late", "unknown", "paused", "silenced"]);
            format!("/dashboard?tag={}&status={status}", dice.one_of(&["eu", "db", "team-7"]))
        }),
    ]
}

fn others(size: Size, incidents: u64) -> Vec<Page> {
    let some_host = move |dice: &mut Dice| host_id(size.seed, dice.within(0, size.hosts as i64 - 1) as usize);
    let some_alert = move |dice: &mut Dice| dice.within(1, incidents.max(1) as i64);
    vec![
        page("a host's page", move |dice| format!("/hosts/{}", some_host(dice))),
        page("alerts", |_| "/alerts".into()),
        page("alerts, filtered", |dice| {
            let severity = dice.one_of(&["info", "warning", "critical"]);
            format!("/alerts?state={}&severity={severity}", dice.one_of(&["all", "open", "unacknowledged", "ended"]))
        }),
        page("alerts of a host", move |dice| format!("/alerts?host={}", some_host(dice))),
        page("an alert", move |dice| format!("/alerts/{}", some_alert(dice))),
        page("deliveries", |_| "/deliveries".into()),
        page("public status page", |_| "/status".into()),
        page("supervision", |_| "/supervision".into()),
        page("API: hosts by text", |dice| format!("/api/v1/hosts?text={}", dice.one_of(&["tokyo", "mail-0999", "nothing-here"]))),
        page("API: uptime", move |dice| format!("/api/v1/hosts/{}/uptime", some_host(dice))),
        page("API: heartbeats", move |dice| format!("/api/v1/hosts/{}/heartbeats?limit=100", some_host(dice))),
        page("API: events of a host", move |dice| format!("/api/v1/hosts/{}/events?limit=100", some_host(dice))),
    ]
}
