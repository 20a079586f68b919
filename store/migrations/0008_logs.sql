-- How a host's log is analysed, what was found, and what left the hub for it. The table of analyses was never used before.
ALTER TABLE hosts ADD COLUMN log_analysis TEXT;
CREATE INDEX hosts_with_logs ON hosts (id) WHERE log_analysis IS NOT NULL;

DROP TABLE log_analyses;
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
