"""Whether a ledger is kept, can be read and written, and gets calls."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ...errors import BedrockAttribError
from ...ledger import Ledger, open_ledger
from ._findings import Finding, State
from ._settings import without_secrets

_LEDGER = "ledger"
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
_QUIET_AFTER = timedelta(days=1)


def examine_ledger(name: str | None) -> Iterator[Finding]:
    """How the ledger *name* is; None for none."""
    if not name:
        yield Finding(
            _LEDGER,
            State.NOTE,
            "no ledger is kept: only metrics tell what was spent",
            "Set BEDROCK_ATTRIB_LEDGER=calls.db where your application runs, or try "
            "one: bedrock-attrib demo --ledger demo.db",
        )
        return
    if "://" in name:
        yield Finding(
            _LEDGER,
            State.NOTE,
            f"{without_secrets(name)} is no file; nothing is sent over the network, so "
            "it was not tried",
            "Try it: bedrock-attrib ledger info",
        )
        return
    path = Path(name)
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        yield _missing(path)
    except OSError as error:
        yield Finding(
            _LEDGER,
            State.PROBLEM,
            f"{path} cannot be looked at: {error.strerror or error}",
            "Run as its owner, or name a file in folders that may be entered.",
        )
    else:
        yield from _examine_file(path)


def _missing(path: Path) -> Finding:
    folder = path.absolute().parent
    if not folder.is_dir():
        return Finding(
            _LEDGER,
            State.PROBLEM,
            f"{path} is not there, and neither is the folder {folder}",
            f"Make the folder: mkdir -p {folder}",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding(
            _LEDGER,
            State.PROBLEM,
            f"{path} is not there, and {folder} is not writable for this user",
            "Name a file in a folder that is writable.",
        )
    return Finding(
        _LEDGER,
        State.NOTE,
        f"{path} is not there yet; it is made when the first call is metered",
        "Instrument a client and make a call: docs/tutorial.md",
    )


def _examine_file(path: Path) -> Iterator[Finding]:
    if not path.is_file():
        step = "Name a file, which may be new."
        yield Finding(_LEDGER, State.PROBLEM, f"{path} is no file", step)
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & _OTHERS_MAY:
        yield Finding(
            _LEDGER,
            State.WARNING,
            f"{path} has mode {mode:04o}: other users may read who spends what",
            f"Keep it to its owner: chmod 600 {path}",
        )
    for right, word in ((os.R_OK, "readable"), (os.W_OK, "writable")):
        if not os.access(path, right):
            yield Finding(
                _LEDGER,
                State.PROBLEM,
                f"{path} is not {word} for this user",
                "Run as its owner, or change its owner or mode.",
            )
            return
    folder = path.absolute().parent
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            _LEDGER,
            State.PROBLEM,
            f"{path} is in {folder}, which is not writable for this user: who writes a "
            "ledger makes files beside it",
            "Keep it in a folder that is writable.",
        )
        return
    if not path.stat().st_size:
        step = "Instrument a client and make a call: docs/tutorial.md"
        yield Finding(_LEDGER, State.NOTE, f"{path} is empty", step)
        return
    yield from _examine_content(path)


def _examine_content(path: Path) -> Iterator[Finding]:
    try:
        ledger = open_ledger(path, read_only=True)
        try:
            yield from _tell(path, ledger)
        finally:
            ledger.close()
    except BedrockAttribError as error:
        yield Finding(
            _LEDGER,
            State.PROBLEM,
            str(error),
            "Move the file away, or name another; the next call makes a new one.",
        )


def _tell(path: Path, ledger: Ledger) -> Iterator[Finding]:
    with ledger.reading() as reader:
        span = reader.span()
        calls = reader.count_calls()
        last = None
        if span is not None:
            hour = reader.calls(span[1] - timedelta(hours=1), span[1])
            last = max((record.started_at for record in hour), default=None)
    size = path.stat().st_size / 1e6
    if span is None:
        step = "Instrument a client and make a call: docs/tutorial.md"
        yield Finding(_LEDGER, State.NOTE, f"{path} has no call yet", step)
        return
    at = f"in the hour before {span[1]:%Y-%m-%d %H:%M}"
    at = at if last is None else f"at {last:%Y-%m-%d %H:%M:%S}"
    what = (
        f"{path}: {calls:,} single calls since {span[0]:%Y-%m-%d}, the last {at} UTC; "
        f"{size:,.1f} MB, readable and writable"
    )
    age = datetime.now(UTC) - (last or span[1])
    if age > _QUIET_AFTER:
        yield Finding(
            _LEDGER,
            State.NOTE,
            f"{what}. Nothing came for {age.days} days",
            "If calls were made since: see that the application has the same setting, "
            "and that bedrock_attrib.instrument() comes before its clients.",
        )
    else:
        yield Finding(_LEDGER, State.OK, what)
    yield Finding(
        _LEDGER,
        State.OK,
        "losses are counted by each process that writes: its metric "
        "bedrock_attrib.sink.dropped, and Ledger.dropped",
    )
