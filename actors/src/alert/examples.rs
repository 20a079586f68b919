//! An incident that never happened: templates are tried on it.

use domain::host::Severity;
use domain::incident::{AlertType, Cause, Facts};
use domain::notice::Incident;
use domain::time::Wall;

/// 2026-11-23 08:00:00 UTC.
const MORNING: Wall = Wall(1_795_420_800_000);

/// A host that missed its heartbeat.
pub(super) fn incident() -> Incident {
    let (host_id, host_name) = (Some("web-01".to_owned()), "web-01".to_owned());
    Incident {
        alert: 1,
        alert_type: AlertType::MissingHeartbeat,
        severity: Severity::Critical,
        host_name: Some(host_name.clone()),
        host_id: host_id.clone(),
        facts: Facts {
            host_id,
            host_name,
            cause: Cause::Missed,
            last_seen_at: Some(MORNING),
            expected_every_s: 300,
            grace_s: 60,
            deadline_at: Some(MORNING.plus_ms(360_000)),
            detected_at: MORNING.plus_ms(360_000),
            why: "alerts at 08:06:00 = last seen 08:00:00 + every 5 min + 60 s grace".into(),
        },
        acknowledged: None,
        resolved_at: None,
        resolution: None,
    }
}
