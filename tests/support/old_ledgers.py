"""Ledgers as older libraries left them, made by the statements of their time.

What stands here is never changed: it is what users have on their disks.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

from kept_records import NOON, make_record

from bedrock_attrib.ledger import Ledger

# Schema 1, of the library before request hashes; {…} differ between databases.
SCHEMA_1 = """
CREATE TABLE tag_sets (id {id}, tags TEXT NOT NULL, {unique} (tags {equal}));
CREATE TABLE rates (id {id}, rates TEXT NOT NULL, {unique} (rates {equal}));
CREATE TABLE kinds (id {id}, kind TEXT NOT NULL, {unique} (kind {equal}));
CREATE TABLE reasons (id {id}, reason TEXT NOT NULL, {unique} (reason {equal}));
CREATE TABLE origins (id {id}, origin TEXT NOT NULL, {unique} (origin {equal}));
CREATE TABLE calls (
    key {integer} PRIMARY KEY, tag_set {integer} NOT NULL, kind {integer} NOT NULL,
    origin {integer} NOT NULL, number {integer} NOT NULL, duration_us {integer},
    first_chunk_us {integer}, attempts {integer} NOT NULL, reason {integer},
    request_id {bytes}, input_token {integer}, output_token {integer},
    cache_read_token {integer}, cache_write_5m_token {integer},
    cache_write_1h_token {integer}, more TEXT, amount TEXT);
CREATE TABLE sums (
    level {integer} NOT NULL, bucket {integer} NOT NULL, tag_set {integer} NOT NULL,
    kind {integer} NOT NULL, calls {integer} NOT NULL, attempts {integer} NOT NULL,
    duration_us {integer} NOT NULL, first_chunks {integer} NOT NULL,
    first_chunk_us {integer} NOT NULL, input_token {integer} NOT NULL,
    output_token {integer} NOT NULL, cache_read_token {integer} NOT NULL,
    cache_write_5m_token {integer} NOT NULL, cache_write_1h_token {integer} NOT NULL,
    PRIMARY KEY (level, bucket, tag_set, kind)) {clustered};
CREATE TABLE more_sums (
    level {integer} NOT NULL, bucket {integer} NOT NULL, tag_set {integer} NOT NULL,
    kind {integer} NOT NULL, unit TEXT NOT NULL, total {decimal} NOT NULL,
    PRIMARY KEY (level, bucket, tag_set, kind, unit)) {clustered}
""".split(";")
# One call, of 25 November 2026, 12:00:00.123456 UTC: 100 tokens in and 50 out for
# nothing, which is enough to see that it is kept.
_KIND = (
    '{"kind": "foundation_model", "latency_mode": "standard", "model_id": "a.b-v1:0", '
    '"operation": "Converse", "outcome": "ok", "price_status": "unpriced", '
    '"region": "us-east-1", "requested": "a.b-v1:0", "scope": "regional", '
    '"tier": "default", "usage_source": "converse.usage", "vendor": "a"}'
)
KEY_1 = ((1_795_608_000_123_456 - 1_577_836_800_000_000) << 10) + 17
CALL_1 = """INSERT INTO calls (
    key, tag_set, kind, origin, number, duration_us, attempts, reason, request_id,
    input_token, output_token
) VALUES (?, 1, 1, 1, 7, 1250000, 1, 1, ?, 100, 50)"""
_SUM = "INSERT INTO sums VALUES (?, ?, 1, 1, 1, 1, 1250000, 0, 0, 100, 50, 0, 0, 0)"
ROWS_1: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("INSERT INTO tag_sets (tags) VALUES (?)", ('{"team": "search"}',)),
    ("INSERT INTO kinds (kind) VALUES (?)", (_KIND,)),
    ("INSERT INTO origins (origin) VALUES (?)", ("ab" * 10,)),
    ("INSERT INTO reasons (reason) VALUES (?)", ("the model is not known",)),
    (CALL_1, (KEY_1, b"REQ/1")),
    (_SUM, (0, 498_780)),
    (_SUM, (1, 20_782)),
    (_SUM, (2, 24_322)),
)
_SQLITE_WORDS = {
    "id": "INTEGER PRIMARY KEY",
    "integer": "INTEGER",
    "bytes": "BLOB",
    "decimal": "TEXT",
    "unique": "UNIQUE",
    "equal": "",
    "clustered": "WITHOUT ROWID",
}


def make_ledger_1(path: Path) -> None:
    """A SQLite file of schema 1 with one call."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        for statement in SCHEMA_1:
            db.execute(statement.format(**_SQLITE_WORDS))
        for sql, values in ROWS_1:
            db.execute(sql, values)
        db.execute("PRAGMA user_version = 1")


def open_and_write(
    path: Path, barrier: Barrier, number: str, request_hash: str
) -> None:
    """Open *path* with all others at *barrier* at once, and keep a call."""
    barrier.wait()
    ledger = Ledger(path)
    later = NOON + timedelta(seconds=1)
    ledger.write(make_record(id=number, at=later, request_hash=request_hash))
    ledger.close()
    assert ledger.dropped == 0
