//! What the hub left on disk, read with nothing of its own code.

use rusqlite::{Connection, Row};
use std::collections::HashMap;
use std::path::Path;

/// An incident as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub id: i64,
    pub row: Option<i64>,
    pub kind: String,
    /// `missed`, `run_too_long`, `failed`, …
    pub cause: String,
    /// Elapsed time since the beginning.
    pub detected: i64,
    pub created_wall: i64,
    pub resolved_wall: Option<i64>,
    pub resolution: Option<String>,
}

/// A notice as it stands.
#[derive(Clone, Debug)]
pub struct Notice {
    pub alert: i64,
    pub kind: String,
    pub state: String,
    pub reason: Option<String>,
    /// Discord's id of the message that tells it.
    pub message: Option<String>,
}

/// Everything.
pub struct Told {
    pub incidents: Vec<Incident>,
    pub notices: Vec<Notice>,
    /// How often each tag was stored.
    pub beats: HashMap<String, u32>,
    /// Ids of messages the hub knows of, and knew of.
    pub messages: Vec<String>,
    /// Host, wall clock and kind of what happened to hosts.
    pub events: Vec<(i64, i64, String)>,
}

impl Told {
    pub fn read(file: &Path, zero: i64) -> Told {
        let db = Connection::open(file).expect("the file opens");
        let sound: Vec<String> = all(&db, "PRAGMA integrity_check", |r| r.get(0));
        assert_eq!(sound, ["ok"]);
        let incident = |r: &Row<'_>| {
            Ok(Incident {
                id: r.get(0)?,
                row: r.get(1)?,
                kind: r.get(2)?,
                cause: r.get(3)?,
                detected: r.get::<_, i64>(4)? - zero,
                created_wall: r.get(5)?,
                resolved_wall: r.get(6)?,
                resolution: r.get(7)?,
            })
        };
        let notice = |r: &Row<'_>| {
            Ok(Notice { alert: r.get(0)?, kind: r.get(1)?, state: r.get(2)?, reason: r.get(3)?, message: r.get(4)? })
        };
        let beats = "SELECT trim(metadata, '\"'), count(*) FROM heartbeats WHERE metadata IS NOT NULL GROUP BY 1";
        Told {
            incidents: all(
                &db,
                "SELECT id, host_id, alert_type, json_extract(details, '$.cause.kind'), detected_steady, created_at, resolved_at, resolution FROM alerts ORDER BY id",
                incident,
            ),
            notices: all(
                &db,
                "SELECT o.alert_id, o.kind, o.state, o.reason, m.remote_id FROM outbox o LEFT JOIN messages m ON m.id = o.message_id ORDER BY o.id",
                notice,
            ),
            beats: all(&db, beats, |r| Ok((r.get(0)?, r.get(1)?))).into_iter().collect(),
            messages: all(&db, "SELECT remote_id FROM messages", |r| r.get(0)),
            events: all(&db, "SELECT host_id, at, kind FROM events WHERE host_id IS NOT NULL", |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?))
            }),
        }
    }
}

fn all<T>(db: &Connection, sql: &str, row: impl FnMut(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
    let mut query = db.prepare(sql).expect("the tables are there");
    query.query_map([], row).expect("readable").collect::<Result<_, _>>().expect("readable")
}
