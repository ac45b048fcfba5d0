"""Where output goes: results to stdout, remarks to stderr, colours to terminals."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rich.console import Console

_PIPED_WIDTH = 100


def results() -> Console:
    """The console for results."""
    return _console(is_terminal=sys.stdout.isatty())


def remarks() -> Console:
    """The console for whatever is not a result."""
    return _console(is_terminal=sys.stderr.isatty(), stderr=True)


def print_remarks(told: Iterable[str]) -> None:
    """Print sentences that are no result, one on a line."""
    for each in told:
        remarks().print(printable(each), soft_wrap=True)


def _console(*, is_terminal: bool, stderr: bool = False) -> Console:
    # Markup is off because units such as output_image[512x512] look like it.
    fixed = None if is_terminal or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(
        stderr=stderr, width=fixed, markup=False, highlight=False, emoji=False
    )


def is_animated(console: Console) -> bool:
    """Whether *console* can redraw what it has shown."""
    return console.is_terminal and not console.is_dumb_terminal


_LONGEST = 64
_END = 16


def shortened(text: str) -> str:
    """*text* as `printable`, without its middle where it would fill a table."""
    shown = printable(text)
    if len(shown) <= _LONGEST:
        return shown
    return f"{shown[: _LONGEST - _END - 1]}…{shown[-_END:]}"


_STEERING = dict.fromkeys(
    (
        *(code for code in range(32) if chr(code) not in "\t\n\r"),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    ),
    "?",
)


def harmless(text: str) -> str:
    """*text* of several lines, without what would steer a terminal."""
    return text.translate(_STEERING)


def printable(text: str) -> str:
    """*text* without what would steer a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)
