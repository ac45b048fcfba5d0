"""The formats of a report: a new one is a row of the table at the end."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, TextIO

import click
from rich.console import Console, Group, RenderableType
from rich.text import Text

from ...ledger import Ledger
from ...reports import (
    Selection,
    SpendReport,
    Table,
    spend_by,
    tabulate_spend,
    write_csv,
    write_json,
)
from ...reports._dimensions import DEFAULT_PAGE_BY
from ...reports.focus import Account, focus_table
from ...reports.parquet import write_parquet
from .._console import harmless, results
from .._ledgers import progress_bar
from .._price_table import price_table, print_block
from ._json import spend_json
from ._output import STDOUT, opened_output
from ._table import spend_table, spend_title

ESTIMATES = "Costs are estimates from list prices."
_USUAL_BY = ("team",)
_WIDEST = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report was asked for.

    Attributes:
        ledger: What was kept.
        by: What it goes by; empty for the usual.
        selection: Which calls.
        top: How many rows at most; None for all.
        is_exact: Whether a table shows every digit.
        output: Path, or ``-`` for stdout.
        account: Whose spend it is, for FOCUS.
        focus_version: Version of FOCUS.
        period: Charge period of FOCUS.
    """

    ledger: Ledger
    by: tuple[str, ...]
    selection: Selection
    top: int | None
    is_exact: bool
    output: str
    account: Account
    focus_version: str
    period: str

    def report(self) -> SpendReport:
        """The report, with progress on a terminal."""
        with progress_bar("Adding up") as progress:
            return spend_by(
                self.ledger,
                self.by or _USUAL_BY,
                self.selection,
                top=self.top,
                progress=progress,
            )


class Format(NamedTuple):
    """A way to write a report.

    Attributes:
        write: Writes what was asked for; gives remarks for stderr.
        suffixes: How names of files end that have it.
        unheeded: Options that make no difference to it, of ``--by`` and ``--top``.
    """

    write: Callable[[Asked], tuple[str, ...]]
    suffixes: tuple[str, ...] = ()
    unheeded: tuple[str, ...] = ()

    def passed_over(self, asked: Asked) -> tuple[str, ...]:
        """A remark on options that were given and make no difference, if any."""
        given = {"--by": bool(asked.by), "--top": asked.top is not None}
        names = [name for name in self.unheeded if given[name]]
        if not names:
            return ()
        verb = "makes" if len(names) == 1 else "make"
        return (f"{' and '.join(names)} {verb} no difference to this format",)


def _table(asked: Asked) -> tuple[str, ...]:
    report = asked.report()
    width = results().width if asked.output == STDOUT else _WIDEST
    table = spend_table(report, is_exact=asked.is_exact, width=width)
    title = Text(spend_title(report), style="bold")
    if not report.total.calls:
        write_block(Group(title, Text(_NOTHING)), asked.output)
        return report.remarks
    closing = Text(f"\n{_closing(report)}")
    write_block(Group(title, table, closing), asked.output)
    return report.remarks


_NOTHING = (
    "No call is in it. Ask for a longer span or for other filters, or see whether "
    "calls reach the ledger: bedrock-attrib doctor"
)


def _closing(report: SpendReport) -> str:
    unpriced = report.total.unpriced
    if not unpriced:
        return ESTIMATES
    calls = "1 call has" if unpriced == 1 else f"{unpriced:,} calls have"
    return f"{ESTIMATES} {calls} no whole price: see bedrock-attrib unpriced."


def write_block(content: RenderableType, output: str) -> None:
    """Write *content* as text, in whole lines where it is not for a terminal."""
    if output == STDOUT:
        print_block(content)
        return
    plain = Console(
        file=io.StringIO(),
        width=_WIDEST,
        color_system=None,
        markup=False,
        highlight=False,
        emoji=False,
    )
    with plain.capture() as captured:
        plain.print(content)
    lines = (line.rstrip() for line in captured.get().splitlines())
    with text_output(output) as file:
        file.write("\n".join(lines) + "\n")


class _Harmless(io.TextIOWrapper):
    """Text for a terminal."""

    def write(self, text: str, /) -> int:
        return super().write(harmless(text))


@contextmanager
def text_output(output: str) -> Iterator[TextIO]:
    """Open *output* for text, UTF-8, whose line ends are written as they are.

    A terminal gets nothing that would steer it; files and pipes get what there is.
    """
    kind = _Harmless if output == STDOUT and sys.stdout.isatty() else io.TextIOWrapper
    with opened_output(output, is_binary=False) as file:
        text = kind(file, encoding="utf-8", newline="", write_through=True)
        try:
            yield text
        finally:
            text.detach()


def write_object(content: object, output: str) -> None:
    """Write *content* as JSON."""
    with text_output(output) as file:
        file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _json(asked: Asked) -> tuple[str, ...]:
    write_object(spend_json(asked.report()), asked.output)
    return ()


def _csv(asked: Asked) -> tuple[str, ...]:
    report = asked.report()
    with text_output(asked.output) as file:
        write_csv(tabulate_spend(report), file)
    return report.remarks


def _parquet(asked: Asked) -> tuple[str, ...]:
    report = asked.report()
    with opened_output(asked.output, is_binary=True) as file:
        write_parquet(tabulate_spend(report), file)
    return report.remarks


def _html(asked: Asked) -> tuple[str, ...]:
    # Not at the top: the other formats do not wait for the page's parts.
    from ...reports.html import make_page  # noqa: PLC0415

    with progress_bar("Adding up") as progress:
        page = make_page(
            asked.ledger,
            asked.selection,
            by=asked.by or DEFAULT_PAGE_BY,
            prices=price_table(()),
            progress=progress,
        )
    with text_output(asked.output) as file:
        file.write(page.text)
    return page.remarks


def _focus(asked: Asked) -> tuple[str, ...]:
    with progress_bar("Reading") as progress:
        table = focus_table(
            asked.ledger,
            asked.selection,
            account=asked.account,
            version=asked.focus_version,
            period=asked.period,
            progress=progress,
        )
        write_by_suffix(table, asked.output)
    remarks = [
        *table.remarks,
        f"FOCUS: {ESTIMATES} Column x_CostBasis says so in every row.",
    ]
    if asked.account == UNKNOWN_ACCOUNT:
        remarks.append(
            f"BillingAccountId is {UNKNOWN_ACCOUNT.id!r}: name it with --account."
        )
    return tuple(remarks)


UNKNOWN_ACCOUNT = Account("unknown")


def write_by_suffix(table: Table, output: str) -> None:
    """Write *table* as Parquet or JSON where *output* ends so, else as CSV."""
    name = output.lower()
    if name.endswith(FORMATS["parquet"].suffixes):
        with opened_output(output, is_binary=True) as file:
            write_parquet(table, file)
        return
    with text_output(output) as file:
        (write_json if name.endswith(".json") else write_csv)(table, file)


FORMATS: dict[str, Format] = {
    "table": Format(_table, (".txt",)),
    "csv": Format(_csv, (".csv",)),
    "json": Format(_json, (".json",)),
    "parquet": Format(_parquet, (".parquet", ".pq")),
    "html": Format(_html, (".html", ".htm"), unheeded=("--top",)),
    "focus": Format(_focus, unheeded=("--by", "--top")),
}
"""What ``--format`` may be, and what names of files ask for."""


def format_for(name: str | None, output: str, *, as_json: bool) -> Format:
    """The format that was asked for: by name, or by the name of the file.

    Raises:
        click.UsageError: If ``--json`` contradicts ``--format``.
    """
    if as_json:
        if name not in (None, "json"):
            raise click.UsageError(f"--json and --format {name} exclude each other")
        return FORMATS["json"]
    if name is not None:
        return FORMATS[name]
    for each in FORMATS.values():
        if each.suffixes and output.lower().endswith(each.suffixes):
            return each
    return FORMATS["table"]
