"""Formats of a spend report: a new one is a row of the table at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from rich.console import Group
from rich.text import Text

from ..._model.formatting import counted
from ...ledger import Ledger
from ...reports import Selection, SpendReport, spend_by, tabulate_spend
from ...reports._dimensions import DEFAULT_PAGE_BY
from ...reports.focus import Account, focus_table
from .._command import runnable
from .._console import results
from .._ledgers import progress_bar
from .._price_table import price_table
from ._json import spend_json
from ._output import (
    STDOUT,
    WIDEST,
    text_output,
    write_block,
    write_by_suffix,
    write_object,
    write_table,
)
from ._spend_table import spend_table, spend_title

ESTIMATES = "Costs are estimates from list prices."
_USUAL_BY = ("team",)
_PAGE_ROWS = 400


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of a spend report.

    Attributes:
        ledger: The ledger to read.
        by: What to group by; empty for the default of the format.
        selection: Which calls.
        top: How many rows at most; None for the default of the format.
        is_exact: Whether a table shows every digit.
        output: Path, or ``-`` for stdout.
        title: Heading of the page; None for the default.
        account: Account that pays, for FOCUS.
        focus_version: Version of FOCUS.
        period: Charge period of FOCUS.
    """

    ledger: Ledger
    by: tuple[str, ...]
    selection: Selection
    top: int | None
    is_exact: bool
    output: str
    title: str | None
    account: Account
    focus_version: str
    period: str

    def report(self) -> SpendReport:
        """Make the report, with a progress bar on a terminal."""
        with progress_bar("Adding up") as progress:
            return spend_by(
                self.ledger,
                self.by or _USUAL_BY,
                self.selection,
                top=self.top,
                progress=progress,
            )


class Format(NamedTuple):
    """A format of a spend report.

    Attributes:
        write: Writes the report; returns remarks for stderr.
        ignored: Options that have no effect on it, of ``--by``, ``--top`` and
            ``--title``.
    """

    write: Callable[[Asked], tuple[str, ...]]
    ignored: tuple[str, ...] = ("--title",)

    def ignored_options(self, asked: Asked) -> tuple[str, ...]:
        """Return a remark on options that were given and have no effect, if any."""
        given = {
            "--by": bool(asked.by),
            "--top": asked.top is not None,
            "--title": asked.title is not None,
        }
        names = [name for name in self.ignored if given[name]]
        if not names:
            return ()
        verb = "has" if len(names) == 1 else "have"
        return (f"{' and '.join(names)} {verb} no effect on this format",)


def _table(asked: Asked) -> tuple[str, ...]:
    report = asked.report()
    width = results().width if asked.output == STDOUT else WIDEST
    table = spend_table(report, is_exact=asked.is_exact, width=width)
    title = Text(spend_title(report), style="bold")
    if not report.total.calls:
        write_block(Group(title, Text(runnable(_NOTHING))), asked.output)
        return report.remarks
    closing = Text(runnable(f"\n{_closing(report)}"))
    write_block(Group(title, table, closing), asked.output)
    return report.remarks


_NOTHING = (
    "No calls match. Try a longer span or other filters, or check that calls reach the "
    "ledger: bedrock-attrib doctor"
)


def _closing(report: SpendReport) -> str:
    unpriced = report.total.unpriced
    if not unpriced:
        return ESTIMATES
    verb = "is" if unpriced == 1 else "are"
    return (
        f"{ESTIMATES} {counted(unpriced, 'call')} {verb} not fully priced: see "
        f"bedrock-attrib report unpriced."
    )


def _json(asked: Asked) -> tuple[str, ...]:
    write_object(spend_json(asked.report()), asked.output)
    return ()


def _csv(asked: Asked) -> tuple[str, ...]:
    report = asked.report()
    write_table("csv", tabulate_spend(report), asked.output)
    return report.remarks


def _parquet(asked: Asked) -> tuple[str, ...]:
    report = asked.report()
    write_table("parquet", tabulate_spend(report), asked.output)
    return report.remarks


def _html(asked: Asked) -> tuple[str, ...]:
    # Not at the top: the other formats do not need the parts of the page.
    from ...reports.html import DEFAULT_TITLE, make_page  # noqa: PLC0415

    with progress_bar("Adding up") as progress:
        page = make_page(
            asked.ledger,
            asked.selection,
            by=asked.by or DEFAULT_PAGE_BY,
            title=DEFAULT_TITLE if asked.title is None else asked.title,
            prices=price_table(()),
            rows=_PAGE_ROWS if asked.top is None else asked.top,
            progress=progress,
        )
    with text_output(asked.output) as file:
        file.write(page.text)
    return page.remarks


def _focus(asked: Asked) -> tuple[str, ...]:
    with progress_bar("UsageReading") as progress:
        table = focus_table(
            asked.ledger,
            asked.selection,
            account=asked.account,
            version=asked.focus_version,
            period=asked.period,
            progress=progress,
        )
        write_by_suffix(table, asked.output)
    notes = [
        *table.remarks,
        f"FOCUS: {ESTIMATES} Column x_CostBasis says so in every row.",
    ]
    if asked.account == UNKNOWN_ACCOUNT:
        notes.append(
            f"BillingAccountId is {UNKNOWN_ACCOUNT.id!r}: set it with --account."
        )
    return tuple(notes)


UNKNOWN_ACCOUNT = Account("unknown")

FORMATS: dict[str, Format] = {
    "table": Format(_table),
    "csv": Format(_csv),
    "json": Format(_json),
    "parquet": Format(_parquet),
    "html": Format(_html, ignored=()),
    "focus": Format(_focus, ignored=("--by", "--top", "--title")),
}
"""Values of ``--format``."""
