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
