-- The one schema of Pulsewarden: what a new database is, and what every migration must end at.
-- Times named *_at, timestamp and last_seen are milliseconds since 1970-01-01 UTC by the wall clock; *_steady are
-- milliseconds on the hub's own elapsed-time line (domain/src/time.rs). Booleans are 0 or 1. JSON is text.
-- AUTOINCREMENT stands where another row or a link in a message keeps the id: a removed host's id must not come back
-- with its alerts, events and heartbeats.

CREATE TABLE hosts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    host_id TEXT NOT NULL UNIQUE,
    heartbeat_url TEXT NOT NULL,                 -- path only; the token is never part of it
    token BLOB NOT NULL,                         -- sealed, so that the page can show the URL again
    token_hash BLOB NOT NULL,                    -- SHA-256 of the token: what a caller is checked against
    expected_frequency_seconds INTEGER NOT NULL CHECK (expected_frequency_seconds BETWEEN 1 AND 31622400),
    schedule_type TEXT NOT NULL DEFAULT 'always', -- always, business_hours, custom, cron
    schedule_config TEXT,                        -- JSON: windows, or {"cron", "timezone"}
    grace_period_seconds INTEGER NOT NULL DEFAULT 60 CHECK (grace_period_seconds BETWEEN 0 AND 2592000),
    last_seen INTEGER,                           -- written behind: heartbeats after alive.beat_mark are newer
    last_seen_steady INTEGER,
    last_beat_id INTEGER,                        -- newest row of this host's chain in heartbeats
    status TEXT NOT NULL DEFAULT 'unknown' CHECK (status IN ('up', 'down', 'unknown')),
    status_since INTEGER NOT NULL,
    status_reason TEXT NOT NULL DEFAULT '',
    judged_from_steady INTEGER NOT NULL,         -- creation or last resume: what a host never seen is judged from
    run_started_at INTEGER,
    run_started_steady INTEGER,
    run_rid TEXT,
    paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    silenced_until INTEGER,
    severity TEXT NOT NULL DEFAULT 'critical' CHECK (severity IN ('info', 'warning', 'critical')),
    tags TEXT NOT NULL DEFAULT '[]',
    description TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    run_extra_seconds INTEGER NOT NULL DEFAULT 0, -- how much longer the open run asked to be given
    log_analysis TEXT                            -- JSON of domain/src/log_settings.rs; NULL: nobody has said how
) STRICT;

CREATE INDEX hosts_by_status ON hosts (status, id, paused);
CREATE INDEX hosts_with_logs ON hosts (id) WHERE log_analysis IS NOT NULL;

-- An append-only log. A host's history is a chain through previous_id, so the hot path touches no index at all.
-- The newest row is never swept, so that ids only grow (alive.beat_mark relies on it).
CREATE TABLE heartbeats (
    id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL,                    -- hosts.id; rows of a removed host are swept later
    timestamp INTEGER NOT NULL,
    source_ip TEXT,
    metadata TEXT,                               -- JSON, only when the caller sent more than the plain beat
    signal INTEGER NOT NULL DEFAULT -1,          -- 0..255 exit code, -1 success, -2 start, -3 fail, -4 log
    duration_ms INTEGER,
    previous_id INTEGER
) STRICT;

-- What makes a retry count once. Swept after a day.
CREATE TABLE beat_keys (
    host_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    heartbeat_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (host_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX beat_keys_oldest ON beat_keys (created_at);

-- Incidents: one open row per host and type.
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER,                             -- hosts.id, NULL for alerts about the hub itself
    alert_type TEXT NOT NULL CHECK (alert_type IN ('missing_heartbeat', 'log_finding', 'internet', 'system_error')),
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    message TEXT NOT NULL,
    details TEXT NOT NULL DEFAULT '{}',          -- JSON: the facts messages are written from
    acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (acknowledged IN (0, 1)),
    acknowledged_at INTEGER,
    acknowledged_by TEXT,
    acknowledge_note TEXT,
    acknowledge_expires_at INTEGER,
    silenced_until INTEGER,
    created_at INTEGER NOT NULL,
    detected_steady INTEGER NOT NULL,
    resolved_at INTEGER,
    resolution TEXT
) STRICT;
CREATE UNIQUE INDEX alerts_open ON alerts (ifnull(host_id, 0), alert_type, CASE WHEN host_id IS NULL THEN message ELSE '' END)
    WHERE resolved_at IS NULL;
CREATE INDEX alerts_by_host ON alerts (host_id, id);
CREATE INDEX alerts_open_newest ON alerts (id) WHERE resolved_at IS NULL;
-- What pages compute uptime from, without touching the incidents and events themselves.
CREATE INDEX alerts_outages ON alerts (host_id, created_at, resolved_at) WHERE alert_type = 'missing_heartbeat';

-- Where notices go. Row 1 is the primary webhook, whose URL may also come from the environment or the file.
CREATE TABLE channels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL DEFAULT 'discord' CHECK (kind IN ('discord')),
    name TEXT NOT NULL UNIQUE,
    url BLOB,                                    -- sealed; NULL: not set in the database
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    stopped_reason TEXT,                         -- set after a lasting refusal (401, 403, 404): nothing is sent until changed
    last_error TEXT,
    last_success_at INTEGER,
    updated_at INTEGER NOT NULL,
    held_until INTEGER                           -- steady milliseconds: the other side asked not to be called before
) STRICT;

-- One row per message that exists at the other side, so that it can be edited.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id INTEGER NOT NULL,
    remote_id TEXT NOT NULL,                     -- Discord's message id
    sent_at INTEGER NOT NULL
) STRICT;

-- What must still be told. opened: a new message; edited: the incident's message follows its state; recovered: a new message.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    channel_id INTEGER NOT NULL,
    alert_id INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('opened', 'edited', 'recovered')),
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sending', 'sent', 'refused', 'skipped')),
    attempts INTEGER NOT NULL DEFAULT 0,
    maybe_repeat INTEGER NOT NULL DEFAULT 0 CHECK (maybe_repeat IN (0, 1)), -- an earlier attempt may have arrived
    next_attempt_at INTEGER NOT NULL,            -- steady milliseconds
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    message_id INTEGER,                          -- messages.id
    reason TEXT,                                 -- the policy's named reason for what was done
    error TEXT
) STRICT;
CREATE INDEX outbox_waiting ON outbox (channel_id, id) WHERE state IN ('pending', 'sending');
CREATE INDEX outbox_by_alert ON outbox (alert_id);
CREATE INDEX outbox_by_message ON outbox (message_id) WHERE message_id IS NOT NULL;

-- Each attempt to deliver, for the person who asks why nothing came.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    channel_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    http_status INTEGER,
    error TEXT,
    outbox_ids TEXT NOT NULL DEFAULT '[]'
) STRICT;

-- What happened to a host, for people and for explain.
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    host_id INTEGER,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX events_by_host ON events (host_id, id);
CREATE INDEX events_pauses ON events (host_id, at, kind) WHERE kind IN ('paused', 'resumed');

-- What each look at a host's log came to. Nothing of a log is kept but the redacted lines that prove a finding.
CREATE TABLE log_analyses (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL,
    log_source TEXT NOT NULL,                    -- 'ssh logs@10.0.0.7:22', 'syslog'
    lines_analyzed INTEGER NOT NULL,
    llm_model TEXT,                              -- the model that answered; NULL: local rules alone
    findings TEXT NOT NULL DEFAULT '[]',         -- JSON of domain/src/finding.rs: what this look found
    severity TEXT NOT NULL,                      -- of the worst of them: none, info, low, medium, high, critical
    created_at INTEGER NOT NULL,
    details TEXT NOT NULL DEFAULT '{}'           -- JSON: counts, what became of the model's part, notes
) STRICT;
CREATE INDEX log_analyses_by_host ON log_analyses (host_id, id);

-- Each finding once, however often it is found again.
CREATE TABLE log_findings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host_id INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'low', 'medium', 'high', 'critical')),
    category TEXT NOT NULL,
    title TEXT NOT NULL,
    finding TEXT NOT NULL,                       -- JSON, as found last
    first_seen_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,            -- looks that found it
    analysis_id INTEGER NOT NULL,                -- the last of them
    alert_id INTEGER,                            -- the incident that told of it; it is not told again
    UNIQUE (host_id, fingerprint)
) STRICT;
CREATE INDEX log_findings_newest ON log_findings (host_id, last_seen_at);
CREATE INDEX log_findings_by_severity ON log_findings (severity, id);

-- Where the next look at a host's log begins and what is usual there; written with the analysis, never before it.
CREATE TABLE log_states (
    host_id INTEGER PRIMARY KEY,
    cursor TEXT,                                 -- JSON, opaque: whoever fetches wrote it
    lines_read INTEGER NOT NULL DEFAULT 0,       -- line numbers go on from here
    miner TEXT,                                  -- JSON: the templates of the log, with counts
    pseudonyms BLOB,                             -- sealed: which address is behind IP-PUB-3
    analysed_at INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,         -- in a row
    trouble TEXT,                                -- why the last try failed
    stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)), -- nothing is tried by itself until a person acts
    tried_at INTEGER
) STRICT;

-- What left the hub for a model: one row a request, written before it is sent.
CREATE TABLE llm_calls (
    id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL,
    analysis_id INTEGER,
    at INTEGER NOT NULL,
    model TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'sending' CHECK (state IN ('sending', 'answered', 'failed')),
    bytes_sent INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL DEFAULT 0,
    lines_sent INTEGER NOT NULL,
    redactions TEXT NOT NULL DEFAULT '{}',       -- JSON: how many of each kind were taken out of the lines read
    tokens_in INTEGER NOT NULL,                  -- an estimate until the server has counted
    tokens_out INTEGER NOT NULL,
    counted INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1)),
    cost_micros INTEGER,                         -- millionths of a US dollar, where the server or the prices say
    http_status INTEGER,
    request_id TEXT,                             -- the server's own
    outcome TEXT
) STRICT;
CREATE INDEX llm_calls_by_time ON llm_calls (at, host_id);

-- Runtime settings; secret values are sealed (hexadecimal text).
CREATE TABLE config (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE config_revisions (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    old_value TEXT,
    new_value TEXT,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    key_hash BLOB NOT NULL UNIQUE,
    scope TEXT NOT NULL CHECK (scope IN ('read', 'write')),
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;

-- Who may sign in, and where they are signed in.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE COLLATE NOCASE,
    password_hash TEXT NOT NULL,                 -- argon2id, in PHC form
    role TEXT NOT NULL CHECK (role IN ('admin', 'viewer')),
    created_at INTEGER NOT NULL,
    password_changed_at INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT;

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,                 -- SHA-256 of the cookie's value
    user_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    agent TEXT NOT NULL,
    source_ip TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);

-- One row: the hub's last sign of life, where its timeline was, and up to where hosts.last_seen is written.
CREATE TABLE alive (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    boot_id TEXT NOT NULL,
    boot_ms INTEGER NOT NULL,
    wall INTEGER NOT NULL,
    steady INTEGER NOT NULL,
    beat_mark INTEGER NOT NULL                   -- heartbeats with id > beat_mark may be newer than hosts.last_seen
) STRICT;

-- When the hub could not hear: replayed over every watch at start, so a restart judges as the running hub did.
CREATE TABLE deaf_windows (
    id INTEGER PRIMARY KEY,
    from_steady INTEGER NOT NULL,
    to_steady INTEGER NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- When the uplink was down. Hosts behind it were not judged from good_steady to ended_steady: replayed over each watch at a start.
CREATE TABLE outages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    verdict TEXT NOT NULL,
    evidence TEXT NOT NULL DEFAULT '[]',         -- JSON list of lines
    began_at INTEGER NOT NULL,
    began_steady INTEGER NOT NULL,
    good_steady INTEGER,                         -- the last round before that was well, if one was seen
    ended_at INTEGER,
    ended_steady INTEGER,
    unjudged INTEGER,                            -- hosts whose deadline fell into it
    alert_id INTEGER
) STRICT;
CREATE UNIQUE INDEX outages_open ON outages ((ended_at IS NULL)) WHERE ended_at IS NULL;

-- The host inside the hub that always misses its deadline: a sign that judging works, from the timer to the commit.
CREATE TABLE canary (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_seen_steady INTEGER,
    status TEXT NOT NULL CHECK (status IN ('up', 'down', 'unknown')),
    missed_at INTEGER
) STRICT;

CREATE TABLE speed_tests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    method TEXT NOT NULL CHECK (method IN ('http', 'librespeed', 'iperf3')),
    down_kbit_s INTEGER,
    up_kbit_s INTEGER,
    error TEXT
) STRICT;
-- The key by which each host's SSH server is known, and where syslog comes from.
CREATE TABLE host_keys (
    host_id INTEGER PRIMARY KEY,                 -- hosts.id
    address TEXT NOT NULL,                       -- host:port the key was seen at
    state TEXT NOT NULL CHECK (state IN ('pending', 'accepted', 'changed')),
    algorithm TEXT NOT NULL,                     -- ssh-ed25519 and so on
    key BLOB NOT NULL,                           -- the public key as SSH writes it
    fingerprint TEXT NOT NULL,                   -- SHA256:…
    seen_at INTEGER NOT NULL,                    -- first
    accepted_at INTEGER,
    accepted_by TEXT,
    offered_algorithm TEXT,                      -- what a server showed instead; NULL: no key of this kind at all
    offered_key BLOB,
    offered_fingerprint TEXT,
    offered_at INTEGER,
    alert_id INTEGER                             -- the incident that tells of the change
) STRICT;

CREATE TABLE syslog_sources (
    address TEXT PRIMARY KEY,                    -- an IP address, as the hub sees the sender
    host_id INTEGER NOT NULL,                    -- hosts.id
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX syslog_sources_by_host ON syslog_sources (host_id);
