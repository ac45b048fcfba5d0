"""Checks of the ledger: configured, readable, writable, and receiving calls."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..._model.formatting import counted
from ..._runtime.public_address import public_address
from ...errors import BedrockAttribError
from ...ledger import Ledger, open_ledger
from ._findings import Finding, State

_LEDGER = "ledger"
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO
_QUIET_AFTER = timedelta(days=1)


def examine_ledger(name: str | None) -> Iterator[Finding]:
    """Check the ledger *name*; None if none is configured."""
    if not name:
        yield Finding(
            _LEDGER,
            State.NOTE,
            "no ledger is configured: calls are reported as metrics only",
            "Set BEDROCK_ATTRIB_LEDGER=calls.db where your application runs, or try "
            "the demo: bedrock-attrib demo --ledger demo.db",
        )
        return
    if "://" in name:
        yield Finding(
            _LEDGER,
            State.NOTE,
            f"{public_address(name)} is not a file and was not checked, as nothing is "
            "sent over the network",
            "Check it: bedrock-attrib ledger info",
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
            f"{path} cannot be accessed: {error.strerror or error}",
            "Run as its owner, or choose a file in an accessible folder.",
        )
    else:
        yield from _examine_file(path)


def _missing(path: Path) -> Finding:
    folder = path.absolute().parent
    if not folder.is_dir():
        return Finding(
            _LEDGER,
            State.PROBLEM,
            f"{path} does not exist, and neither does the folder {folder}",
            f"Create the folder: mkdir -p {folder}",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return Finding(
            _LEDGER,
            State.PROBLEM,
            f"{path} does not exist, and {folder} is not writable for this user",
            "Choose a file in a writable folder.",
        )
    return Finding(
        _LEDGER,
        State.NOTE,
        f"{path} does not exist yet; the first metered call creates it",
        "Instrument a client and make a call: docs/tutorial.md",
    )


def _examine_file(path: Path) -> Iterator[Finding]:
    if not path.is_file():
        step = "Choose a file, which need not exist."
        yield Finding(_LEDGER, State.PROBLEM, f"{path} is not a file", step)
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & _OTHERS_MAY:
        yield Finding(
            _LEDGER,
            State.WARNING,
            f"{path} has mode {mode:04o}: other users may read it",
            f"Restrict it to its owner: chmod 600 {path}",
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
            f"{path} is in {folder}, which is not writable for this user; a writer "
            "creates files beside the ledger",
            "Choose a file in a writable folder.",
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
            yield from _content(path, ledger)
        finally:
            ledger.close()
    except BedrockAttribError as error:
        yield Finding(
            _LEDGER,
            State.PROBLEM,
            str(error),
            "Move the file away, or choose another; the next call creates a new one.",
        )


def _content(path: Path, ledger: Ledger) -> Iterator[Finding]:
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
        yield Finding(_LEDGER, State.NOTE, f"{path} has no calls yet", step)
        return
    at = f"in the hour before {span[1]:%Y-%m-%d %H:%M}"
    at = at if last is None else f"at {last:%Y-%m-%d %H:%M:%S}"
    what = (
        f"{path}: {counted(calls, 'single call')} since {span[0]:%Y-%m-%d}, the last "
        f"{at} UTC; "
        f"{size:,.1f} MB, readable and writable"
    )
    age = datetime.now(UTC) - (last or span[1])
    if age > _QUIET_AFTER:
        yield Finding(
            _LEDGER,
            State.NOTE,
            f"{what}. No calls for {counted(age.days, 'day')}",
            "If calls were made since: check that the application has the same "
            "setting, and calls bedrock_attrib.instrument() before it creates clients.",
        )
    else:
        yield Finding(_LEDGER, State.OK, what)
    yield Finding(
        _LEDGER,
        State.OK,
        "each writing process counts lost records in its metric "
        "bedrock_attrib.sink.dropped and in Ledger.dropped",
    )
