"""The schema, as append-only steps: a released step is never edited, only followed.

Each runs in its own transaction and `PRAGMA user_version` counts those that ran, so a
process that dies in the middle leaves the schema as it was before the step.

Rows hold their whole value as JSON in `data`; columns exist only for what is queried.
`rev` numbers every write in the file: other processes ask for what is newer than they saw.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from ..exceptions import StoreTooNew

_FIRST = """
CREATE TABLE clock (id INTEGER PRIMARY KEY CHECK (id = 1), rev INTEGER NOT NULL);
INSERT INTO clock VALUES (1, 0);

CREATE TABLE sessions (
    client_id TEXT PRIMARY KEY,
    rev INTEGER NOT NULL,
    name TEXT NOT NULL,
    haystack TEXT NOT NULL,
    notebook TEXT,
    claude_session_id TEXT,
    last_activity_at REAL NOT NULL,
    archived_at REAL,
    deleted_at REAL,
    local INTEGER NOT NULL,
    message_count INTEGER NOT NULL DEFAULT 0,
    cost_usd REAL NOT NULL DEFAULT 0,
    holder TEXT,
    holder_expires_at REAL,
    data TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_rev ON sessions (rev);
CREATE INDEX sessions_recent ON sessions (last_activity_at, client_id) WHERE deleted_at IS NULL;
CREATE INDEX sessions_name ON sessions (name, last_activity_at) WHERE deleted_at IS NULL;
CREATE INDEX sessions_claude ON sessions (claude_session_id) WHERE claude_session_id IS NOT NULL;

CREATE TABLE messages (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL REFERENCES sessions DEFERRABLE INITIALLY DEFERRED,
    rev INTEGER NOT NULL,
    ord INTEGER NOT NULL,
    turn_id TEXT NOT NULL,
    type TEXT NOT NULL,
    timestamp REAL NOT NULL,
    prompt_hash TEXT,
    outcome TEXT,
    cost_usd REAL NOT NULL DEFAULT 0,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    data TEXT NOT NULL
);
CREATE INDEX messages_rev ON messages (rev);
CREATE INDEX messages_order ON messages (session_id, ord, pos);
CREATE INDEX messages_turn ON messages (session_id, turn_id, ord, pos);
CREATE INDEX messages_prompt ON messages (session_id, prompt_hash) WHERE prompt_hash IS NOT NULL;
CREATE INDEX messages_result ON messages (session_id, turn_id) WHERE type = 'result';
CREATE VIRTUAL TABLE messages_fts USING fts5 (text, content='');

CREATE TABLE todos (
    client_id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE REFERENCES sessions DEFERRABLE INITIALLY DEFERRED,
    rev INTEGER NOT NULL,
    data TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX todos_rev ON todos (rev);

CREATE TABLE tails (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL REFERENCES sessions DEFERRABLE INITIALLY DEFERRED,
    message_id TEXT NOT NULL,
    start INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX tails_rev ON tails (rev);
CREATE INDEX tails_session ON tails (session_id);
CREATE INDEX tails_message ON tails (message_id);

CREATE TABLE approvals (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL UNIQUE,
    session_id TEXT NOT NULL REFERENCES sessions DEFERRABLE INITIALLY DEFERRED,
    status TEXT NOT NULL,
    rev INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX approvals_rev ON approvals (rev);
CREATE INDEX approvals_session ON approvals (session_id, status);

CREATE TABLE rules (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL UNIQUE,
    session_id TEXT REFERENCES sessions DEFERRABLE INITIALLY DEFERRED,
    revoked INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX rules_rev ON rules (rev);
CREATE INDEX rules_session ON rules (session_id);

-- What a replica has yet to send. A row says "this thing changed", not what it became: the
-- value is read when it is sent, so a thing that changes ten times offline is one row here.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    client_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    op TEXT NOT NULL,
    rev INTEGER NOT NULL,
    created_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    parked TEXT,
    UNIQUE (kind, client_id)
);
CREATE INDEX outbox_session ON outbox (session_id);

CREATE TABLE transcripts (
    id INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    project_key TEXT NOT NULL,
    subpath TEXT NOT NULL,
    mtime INTEGER NOT NULL,
    summary TEXT,
    UNIQUE (session_id, project_key, subpath)
);
CREATE INDEX transcripts_project ON transcripts (project_key, subpath);
CREATE TABLE transcript_chunks (
    pos INTEGER PRIMARY KEY AUTOINCREMENT,
    chunk_id TEXT NOT NULL UNIQUE,
    transcript INTEGER NOT NULL REFERENCES transcripts ON DELETE CASCADE,
    count INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX transcript_chunks_of ON transcript_chunks (transcript, pos);
CREATE TABLE transcript_uuids (
    transcript INTEGER NOT NULL REFERENCES transcripts ON DELETE CASCADE,
    uuid TEXT NOT NULL,
    PRIMARY KEY (transcript, uuid)
) WITHOUT ROWID;
-- A session that was found from another folder goes on where it began.
CREATE TABLE transcript_homes (
    session_id TEXT NOT NULL,
    project_key TEXT NOT NULL,
    home TEXT NOT NULL,
    PRIMARY KEY (session_id, project_key)
) WITHOUT ROWID;

CREATE TABLE imports (
    path TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    line INTEGER NOT NULL,
    state TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX imports_session ON imports (session_id);
"""


_REPLICA = """
-- The account that this file is replicated to, who sends for all kernels, and how far the list
-- of sessions was read (the server's time, epoch ms).
CREATE TABLE replica (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    account TEXT,
    drainer TEXT,
    drainer_expires_at REAL NOT NULL DEFAULT 0,
    sessions_at REAL NOT NULL DEFAULT 0
);
INSERT INTO replica (id) VALUES (1);

-- Which stretches of the server's order are here, both ends included.
CREATE TABLE spans (
    session_id TEXT NOT NULL,
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    PRIMARY KEY (session_id, low)
) WITHOUT ROWID;

-- What the server says of a session: its row, and what it counts, which may not all be here.
ALTER TABLE sessions ADD COLUMN remote TEXT;
ALTER TABLE sessions ADD COLUMN remote_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN remote_cost REAL NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN remote_holder TEXT;
ALTER TABLE sessions ADD COLUMN remote_expires_at REAL;

-- Up to which of the server's chunks a transcript is here.
ALTER TABLE transcripts ADD COLUMN remote_seq INTEGER NOT NULL DEFAULT 0;

CREATE INDEX outbox_waiting ON outbox (id) WHERE parked IS NULL;
"""

_USE = """
-- What replication used, by local day.
CREATE TABLE cloud_use (
    day TEXT PRIMARY KEY,
    calls INTEGER NOT NULL,
    bytes_up INTEGER NOT NULL,
    bytes_down INTEGER NOT NULL
) WITHOUT ROWID;
"""

_HOLDS = """
-- Turns of this machine that are not all sent, and until when (epoch ms) no other server could
-- write beside them.
CREATE TABLE holds (
    turn_id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    until REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX holds_session ON holds (session_id);

-- What is parked is few, and counted whenever somebody is told how it stands.
CREATE INDEX outbox_parked ON outbox (kind) WHERE parked IS NOT NULL;
"""


def _run(connection: sqlite3.Connection, script: str) -> None:
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def _first(connection: sqlite3.Connection) -> None:
    _run(connection, _FIRST)


def _replica(connection: sqlite3.Connection) -> None:
    _run(connection, _REPLICA)


def _use(connection: sqlite3.Connection) -> None:
    _run(connection, _USE)


def _holds(connection: sqlite3.Connection) -> None:
    _run(connection, _HOLDS)


#: Append here; never edit what was released.
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _replica, _use, _holds)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the schema up to date, one transaction a step.

    Raises
    ------
    StoreTooNew
        If a newer version wrote the file; nothing is changed then.
    """
    while True:
        done = version(connection)
        if done > len(MIGRATIONS):
            raise StoreTooNew(
                f"The store {path} was written by a newer ipyclaude.",
                f"Its schema is version {done}; this ipyclaude knows {len(MIGRATIONS)}.",
                "Upgrade ipyclaude, or set IPYCLAUDE_DATA_DIR to another. Nothing was changed.",
            )
        if done == len(MIGRATIONS):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have run the step while we waited for the lock.
            if version(connection) == done:
                MIGRATIONS[done](connection)
                connection.execute(f"PRAGMA user_version = {done + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def version(connection: sqlite3.Connection) -> int:
    """Return how many steps the file has had."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
