-- What pages compute uptime from, without touching the incidents and events themselves.
CREATE INDEX alerts_outages ON alerts (host_id, created_at, resolved_at) WHERE alert_type = 'missing_heartbeat';
CREATE INDEX events_pauses ON events (host_id, at, kind) WHERE kind IN ('paused', 'resumed');
