"""SQLite store: accounts that the processes of one host share."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..._runtime.fork import detect_fork
from ..._runtime.sqlite_files import create_private, is_busy
from ..._runtime.sqlite_forks import FORKS, file_id
from ..._runtime.threads import Lock
from .protocol import AccountState, Answer, Change, Grant, StoreError
from .rules import (
    FOREVER,
    LEASES_AT_ONCE,
    REMEMBERED_S,
    Account,
    Bucket,
    Controls,
    Holder,
    apply,
    budget_of,
    lifetime_s,
    refuse_negative_grant,
    release,
    state_of,
)

# Other files of ours have none, and so are refused.
_APPLICATION_ID = 0x62616264
_SCHEMA_VERSION = 1
# Amounts are text, as they pass 64 bits. An account has a row for each bucket; its name
# and the time at which it may be removed are in `accounts`.
_SCHEMA = (
    """CREATE TABLE accounts (
        name TEXT PRIMARY KEY, removed_at REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE buckets (
        account TEXT NOT NULL, number INTEGER NOT NULL,
        spent TEXT NOT NULL, held TEXT NOT NULL,
        PRIMARY KEY (account, number)
    ) WITHOUT ROWID""",
    """CREATE TABLE holders (
        name TEXT PRIMARY KEY, number INTEGER NOT NULL, refused_by INTEGER,
        expires_at REAL NOT NULL, has_expired INTEGER NOT NULL, holds TEXT NOT NULL,
        due_at REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE controls (
        target TEXT PRIMARY KEY, frozen_until REAL NOT NULL, grants TEXT NOT NULL
    ) WITHOUT ROWID""",
    "CREATE INDEX holders_by_due ON holders (due_at)",
    "CREATE INDEX accounts_by_removal ON accounts (removed_at)",
)
_HOLDER = "number, refused_by, expires_at, has_expired, holds, due_at"
_READ_HOLDER = f"SELECT {_HOLDER} FROM holders WHERE name = ?"  # noqa: S608 -- own names
# Both are rare, and cost less when asked together: 15 us of 120 us per exchange.
_READ_RARE = "SELECT min(due_at) <= ?, EXISTS (SELECT 1 FROM controls) FROM holders"
_READ_DUE = (
    f"SELECT name, {_HOLDER} FROM holders WHERE due_at <= ? "  # noqa: S608 -- own names
    f"ORDER BY due_at LIMIT {LEASES_AT_ONCE}"
)
_ADD_HOLDER = "INSERT OR REPLACE INTO holders VALUES (?, ?, ?, ?, ?, ?, ?)"
# Leaves the index by `due_at` alone, which most exchanges need not move.
_CHANGE_HOLDER = (
    "UPDATE holders SET number = ?, refused_by = ?, expires_at = ?, has_expired = ?, "
    "holds = ? WHERE name = ?"
)
_WRITE_BUCKET = "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)"
_DELETE_BUCKET = "DELETE FROM buckets WHERE account = ? AND number = ?"
_WRITE_ACCOUNT = (
    "INSERT INTO accounts VALUES (?, ?) ON CONFLICT (name) DO UPDATE "
    "SET removed_at = excluded.removed_at "
    "WHERE excluded.removed_at > accounts.removed_at"
)
# Written once a day at most, as it is a page more for each exchange.
_REMOVAL_STEP_S = 86_400.0
_MOST_REMOVALS = 10_000
_READ_REMOVED = "SELECT name FROM accounts WHERE removed_at <= ? LIMIT 100"

_FIRST_WAIT_S = 0.0002
_MOST_WAIT_S = 0.005
_WAL_PAGES = 1_000
_MAX_WAL_BYTES = 16_777_216
_INHERITED: list[object] = []


class SQLiteBudgetStore:
    """Store in one SQLite file in WAL mode, for the processes of one host.

    An exchange is one transaction. What it wrote survives the end of the process, by
    ``kill -9`` too; a power failure may lose the last exchanges, as the disk is not
    waited for.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        timeout_s: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Remember the path; the file is opened, or created, when it is first needed.

        Args:
            path: The file, on a local disk. It is created for its owner alone (mode
                0600), in a folder that exists.
            timeout_s: Seconds to wait for other threads and processes that write.
            clock: Returns the Unix time.
        """
        # A relative path must not depend on later changes of the working folder.
        self.path = Path(path).absolute()
        self._timeout_s = timeout_s
        self._clock = clock
        self._db: sqlite3.Connection | None = None
        self._file = file_id(self.path)
        self._turn = Lock()
        # When accounts may be removed, as this process wrote it last.
        self._removals: dict[str, float] = {}
        FORKS.holders.add(self)

    def exchange(
        self, holder: str, number: int, changes: Sequence[Change], lease_s: float
    ) -> Answer:
        """See `Store.exchange`."""
        with self._transaction() as db:
            now = self._clock()
            work = _Work(db, now)
            work.end_leases()
            found = work.holder(holder)
            names = {change.account: None for change in changes}
            work.load_accounts(names)
            answer = apply(
                changes,
                number,
                lease_s,
                holder=found,
                accounts=work.accounts,
                controls=work.controls(names),
                now=now,
            )
            work.write(holder, found)
            self._write_accounts(db, changes, now)
            return answer

    def _write_accounts(
        self, db: sqlite3.Connection, changes: Sequence[Change], now: float
    ) -> None:
        """Note until when accounts are stored."""
        if len(self._removals) > _MOST_REMOVALS:
            self._removals.clear()
        for change in changes:
            end = now + lifetime_s(change.first, now)
            if end > self._removals.get(change.account, 0.0) + _REMOVAL_STEP_S:
                db.execute(_WRITE_ACCOUNT, (change.account, end))
                self._removals[change.account] = end

    def read(self, accounts: Sequence[tuple[str, int]]) -> list[AccountState]:
        """See `Store.read`."""
        with self._transaction("BEGIN") as db:
            now = self._clock()
            work = _Work(db, now)
            work.end_leases()  # in memory: nothing is written
            names = {name: None for name, _ in accounts}
            work.load_accounts(names)
            controls = work.controls(names)
            return [
                state_of(name, work.accounts[name], first, controls, now)
                for name, first in accounts
            ]

    def accounts(self, prefix: str = "") -> list[str]:
        """See `Store.accounts`."""
        # As UTF-8, whose order is that of the code points.
        sql = "SELECT name FROM accounts WHERE name >= ? ORDER BY name"
        found = []
        with self._transaction("BEGIN") as db:
            for (name,) in db.execute(sql, (prefix,)):
                if not name.startswith(prefix):
                    break
                found.append(name)
        return found

    def grant(self, target: str, grant: Grant) -> None:
        """See `Store.grant`."""
        refuse_negative_grant(grant)
        with self._changed_controls(target) as controls:
            controls.grants[grant.name] = grant

    def freeze(self, target: str, until: float | None = None) -> None:
        """See `Store.freeze`."""
        with self._changed_controls(target) as controls:
            controls.frozen_until = FOREVER if until is None else until

    def thaw(self, target: str) -> None:
        """See `Store.thaw`."""
        with self._changed_controls(target) as controls:
            controls.frozen_until = 0.0

    @contextmanager
    def _changed_controls(self, target: str) -> Iterator[Controls]:
        with self._transaction() as db:
            controls = _controls(db, [target]).get(target, Controls())
            yield controls
            now = self._clock()
            grants = [
                [each.name, each.amount, each.expires_at]
                for each in controls.grants.values()
                if each.expires_at is None or each.expires_at > now
            ]
            db.execute(
                "INSERT OR REPLACE INTO controls VALUES (?, ?, ?)",
                (target, controls.frozen_until, json.dumps(grants)),
            )

    def reset(self, account: str) -> None:
        """See `Store.reset`."""
        with self._transaction() as db:
            db.execute("UPDATE buckets SET spent = '0' WHERE account = ?", (account,))

    def close(self) -> None:
        """See `Store.close`."""
        if self.release(self._timeout_s):
            self._turn.release()

    @contextmanager
    def _transaction(
        self, begin: str = "BEGIN IMMEDIATE"
    ) -> Iterator[sqlite3.Connection]:
        """Read or write in one transaction; threads wait for each other."""
        detect_fork()
        deadline = time.monotonic() + self._timeout_s
        if not self._turn.acquire(timeout=max(0.0, self._timeout_s)):
            raise self._busy()
        try:
            db = self._begun(begin, deadline)
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                self._removals.clear()
                if db.in_transaction:
                    with suppress(sqlite3.Error):  # a full disk may have done it
                        db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._close_db()  # what it caches of a failing file may be wrong
            raise StoreError(f"budget store {self.path}: {error}") from error
        except (OSError, ValueError) as error:
            if isinstance(error, ValueError) and self._db is not None:
                raise  # of the caller's amounts
            raise StoreError(
                f"budget store {self.path}: {error}; expected a file in a folder that "
                f"exists and may be written"
            ) from error
        finally:
            self._turn.release()

    def _busy(self) -> StoreError:
        return StoreError(
            f"budget store {self.path}: locked for more than {self._timeout_s:g} s by "
            f"other threads or processes"
        )

    def _begun(self, begin: str, deadline: float) -> sqlite3.Connection:
        wait_s = _FIRST_WAIT_S
        while True:
            try:
                db = self._open()
                db.execute(begin)
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
                if time.monotonic() >= deadline:
                    raise self._busy() from error
            else:
                return db
            # Finer than the wait of SQLite itself, and others do not keep in step.
            time.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret
            wait_s = min(2 * wait_s, _MOST_WAIT_S)

    def _open(self) -> sqlite3.Connection:
        """Return the connection to the file that is there now."""
        if self._db is not None and file_id(self.path) != self._file:
            self._close_db()
        if self._db is not None:
            return self._db
        if FORKS.has_inherited(self.path):
            raise StoreError(
                f"budget store {self.path}: this process was forked while its parent "
                f"used the file"
            )
        create_private(self.path)
        db = sqlite3.connect(
            f"{self.path.as_uri()}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            db.execute("PRAGMA journal_mode = WAL")
            # The log is flushed to the disk before a checkpoint, not at each commit.
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            db.execute(f"PRAGMA journal_size_limit = {_MAX_WAL_BYTES}")
            _create_tables(db, self.path)
            self._file = file_id(self.path)
        except BaseException:
            db.close()
            raise
        self._db = db
        self._removals.clear()
        return db

    def _close_db(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def release(self, timeout_s: float) -> bool:
        """Close the connection before a fork; False while it is used."""
        if not self._turn.acquire(timeout=timeout_s):
            return False
        self._close_db()
        return True

    def resume(self, *, is_child: bool) -> None:
        """Continue after a fork."""
        if not is_child:
            self._turn.release()
            return
        if self._db is not None:
            _INHERITED.append(self._db)  # a child must not even close it
            self._db = None
        self._turn = Lock()


def _create_tables(db: sqlite3.Connection, path: Path) -> None:
    if _version(db, path) == _SCHEMA_VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if not _version(db, path):  # another process may have been faster
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection, path: Path) -> int:
    """Return the version of the tables; 0 if there are none."""
    version, application, tables = db.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) "
        "FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    if application != _APPLICATION_ID and (application or version or tables):
        raise StoreError(
            f"{path} is a SQLite file of something else; name another file for budgets"
        )
    if version > _SCHEMA_VERSION:
        raise StoreError(
            f"{path} was written by a newer version of bedrock-attrib: its schema is "
            f"{version}, and this version knows {_SCHEMA_VERSION}; update it"
        )
    return int(version)


class _Work:
    """Accounts that were read in a transaction, and what has changed of them.

    Attributes:
        accounts: Accounts by name.
    """

    def __init__(self, db: sqlite3.Connection, now: float) -> None:
        self.accounts: dict[str, Account] = {}
        self._db = db
        self._now = now
        self._stored: dict[tuple[str, int], tuple[int, int]] = {}
        self._ended: list[tuple[str, Holder]] = []
        self._due_at: dict[str, float] = {}
        self._has_controls = True

    def load_accounts(self, names: Iterable[str]) -> None:
        """Read the accounts that were not read yet."""
        missing = [name for name in names if name not in self.accounts]
        if not missing:
            return
        for name in missing:
            self.accounts[name] = Account()
        marks = ", ".join("?" * len(missing))
        sql = f"SELECT * FROM buckets WHERE account IN ({marks})"  # noqa: S608
        for name, number, spent, held in self._db.execute(sql, missing):
            amounts = int(spent), int(held)
            self._stored[name, number] = amounts
            self.accounts[name].buckets[number] = Bucket(*amounts)

    def holder(self, name: str) -> Holder:
        """Return a holder, with the accounts that it holds something of."""
        for ended, holder in self._ended:
            if ended == name:
                return holder
        row = self._db.execute(_READ_HOLDER, (name,)).fetchone()
        return Holder() if row is None else self._holder_of(name, row)

    def _holder_of(self, name: str, row: Sequence[Any]) -> Holder:
        number, refused_by, expires_at, has_expired, text, due_at = row
        self._due_at[name] = due_at
        holds = {}
        if text:
            holds = {(each, bucket): held for each, bucket, held in json.loads(text)}
            self.load_accounts(dict.fromkeys(each for each, _ in holds))
        return Holder(number, refused_by, expires_at, holds, bool(has_expired))

    def end_leases(self) -> None:
        """Release what holders hold whose leases have ended."""
        has_due, self._has_controls = self._db.execute(
            _READ_RARE, (self._now,)
        ).fetchone()
        if not has_due:
            return
        for name, *row in self._db.execute(_READ_DUE, (self._now,)).fetchall():
            holder = self._holder_of(name, row)
            if holder.holds and holder.expires_at <= self._now:
                release(holder, self.accounts)
            self._ended.append((name, holder))

    def controls(self, names: Iterable[str]) -> dict[str, Controls]:
        """Return the controls of accounts and their budgets, by target."""
        return _controls(self._db, names) if self._has_controls else {}

    def write(self, name: str, holder: Holder) -> None:
        """Write what has changed, of *holder* and of those whose leases have ended."""
        self._write_buckets()
        for ended, each in self._ended:
            if ended != name:
                self._write_ended(ended, each)
        due_at = self._due_at.get(name, FOREVER)
        if self._now < due_at <= holder.expires_at:
            self._db.execute(_CHANGE_HOLDER, (*_row_of(holder), name))
        else:
            row = (name, *_row_of(holder), holder.expires_at)
            self._db.execute(_ADD_HOLDER, row)
        if self._ended:
            self._remove_accounts()

    def _write_ended(self, name: str, holder: Holder) -> None:
        forgotten_at = holder.expires_at + REMEMBERED_S
        if forgotten_at <= self._now:
            self._db.execute("DELETE FROM holders WHERE name = ?", (name,))
            return
        # It may have been renewed since `due_at` was written.
        due_at = holder.expires_at if holder.expires_at > self._now else forgotten_at
        self._db.execute(_ADD_HOLDER, (name, *_row_of(holder), due_at))

    def _write_buckets(self) -> None:
        rows = []
        for name, account in self.accounts.items():
            for number, bucket in account.buckets.items():
                stored = self._stored.pop((name, number), None)
                if stored != (bucket.spent, bucket.held):
                    rows.append((name, number, str(bucket.spent), str(bucket.held)))
        for row in rows:
            self._db.execute(_WRITE_BUCKET, row)
        if self._stored:  # the others were forgotten
            self._db.executemany(_DELETE_BUCKET, list(self._stored))

    def _remove_accounts(self) -> None:
        """Remove some accounts that had no exchange for long."""
        for row in self._db.execute(_READ_REMOVED, (self._now,)).fetchall():
            self._db.execute("DELETE FROM buckets WHERE account = ?", row)
            self._db.execute("DELETE FROM accounts WHERE name = ?", row)


def _row_of(holder: Holder) -> tuple[int, int | None, float, bool, str]:
    holds = [[*key, amount] for key, amount in holder.holds.items()]
    return (
        holder.number,
        holder.refused_by,
        holder.expires_at,
        holder.has_expired,
        json.dumps(holds) if holds else "",
    )


def _controls(db: sqlite3.Connection, names: Iterable[str]) -> dict[str, Controls]:
    targets = list({each for name in names for each in (name, budget_of(name))})
    marks = ", ".join("?" * len(targets))
    sql = f"SELECT * FROM controls WHERE target IN ({marks})"  # noqa: S608
    return {
        target: Controls(
            frozen_until,
            {
                name: Grant(name, amount, ends)
                for name, amount, ends in json.loads(text)
            },
        )
        for target, frozen_until, text in db.execute(sql, targets)
    }
