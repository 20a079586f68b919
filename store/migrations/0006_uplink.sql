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
