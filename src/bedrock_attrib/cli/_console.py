"""Consoles: results on stdout, remarks on stderr, colours on terminals only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from ._command import runnable

_PIPED_WIDTH = 100


class CleanConsole(Console):
    """Console that replaces control characters in everything it prints.

    Names in a ledger come from applications and servers, and must not steer a terminal
    or reorder its text.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Return the segments of *renderable*, clean; rich's own controls stay."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(harmless(segment.text).replace("\r", "?"), segment.style)


def results() -> Console:
    """Return the console for results."""
    return _console(is_terminal=sys.stdout.isatty())


def remarks() -> Console:
    """Return the console for everything that is not a result."""
    return _console(is_terminal=sys.stderr.isatty(), stderr=True)


def print_remarks(sentences: Iterable[str]) -> None:
    """Print sentences that are not a result, one per line, to stderr."""
    for each in sentences:
        remarks().print(runnable(printable(each)), soft_wrap=True)


def _console(*, is_terminal: bool, stderr: bool = False) -> Console:
    # Markup is off because units such as output_image[512x512] look like it.
    fixed = None if is_terminal or "COLUMNS" in os.environ else _PIPED_WIDTH
    return CleanConsole(
        stderr=stderr, width=fixed, markup=False, highlight=False, emoji=False
    )


def is_animated(console: Console) -> bool:
    """Return whether *console* can redraw what it has shown."""
    return console.is_terminal and not console.is_dumb_terminal


_LONGEST = 64
_END = 16


def shortened(text: str) -> str:
    """Return *text* as `printable`, without its middle where it is long."""
    shown = printable(text)
    if len(shown) <= _LONGEST:
        return shown
    return f"{shown[: _LONGEST - _END - 1]}…{shown[-_END:]}"


_CONTROLS = dict.fromkeys(
    (
        *(code for code in range(32) if chr(code) not in "\t\n\r"),
        *range(0x7F, 0xA0),
        0x061C,
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    ),
    "?",
)


def harmless(text: str) -> str:
    """Replace control and bidirectional characters in *text*, but not line breaks."""
    return text.translate(_CONTROLS)


def printable(text: str) -> str:
    """Replace every character of *text* that cannot be printed."""
    return "".join(char if char.isprintable() else "?" for char in text)
