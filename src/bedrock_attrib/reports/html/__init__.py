"""Spend as one web page: charts and tables in a single file that works offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ...ledger import Ledger
from ...pricing import PriceTable
from .._dimensions import DEFAULT_PAGE_BY
from .._selection import Selection
from .._tables.spend_totals import SpendTotals
from ._charts import chart_data, over_time, tokens
from ._collect import Progress, collect
from ._details import about, by_hand, every_row, price_age
from ._figures import Figures
from ._gaps import failures, gaps
from ._markup import text
from ._overview import key_figures, tops
from ._page import page

__all__ = ["DEFAULT_BY", "DEFAULT_TITLE", "Page", "make_page", "render"]

DEFAULT_BY = DEFAULT_PAGE_BY
DEFAULT_TITLE = "Amazon Bedrock spend"
_MOST_ROWS = 400
_MOST_CHARGES = 200


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what it comes to.

    Attributes:
        text: The HTML.
        since: First moment; None where nothing was kept.
        until: The moment after the last; None where nothing was kept.
        by: Names of the dimensions.
        total: All calls.
        remarks: What a reader of the figures must know, in sentences.
    """

    text: str
    since: datetime | None
    until: datetime | None
    by: tuple[str, ...]
    total: SpendTotals
    remarks: tuple[str, ...]


def render(
    ledger: Ledger,
    selection: Selection | None = None,
    *,
    by: Sequence[str] = DEFAULT_BY,
    title: str = DEFAULT_TITLE,
    prices: PriceTable | None = None,
    rows: int = _MOST_ROWS,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> str:
    """Show what calls cost, as an HTML page that asks no other host for anything.

    Its charts need JavaScript; its tables, which hold the same figures, do not. Text
    of tags is escaped, and a Content-Security-Policy names by their digests the only
    scripts that may run.

    Args:
        ledger: What was kept; `Ledger.flush` it before.
        selection: Which calls (`bedrock_attrib.reports.select`); None for all.
        by: Tags, and other dimensions (`DIMENSION_NAMES`).
        title: Heading of the page.
        prices: The table whose age the page tells; None for the bundled one. Amounts
            keep the prices of the time when each call was made.
        rows: Rows of the closing table at most; the others are summed up in one.
        now: The present, aware; None for the clock's.
        progress: Told after each stretch of time.

    Raises:
        ConfigError: If *by* names nothing, a dimension twice, time or units.
        LedgerError: If the ledger cannot be read.

    Example:
        >>> page = render(Ledger("calls.db"), select("7d"))  # doctest: +SKIP
    """
    return make_page(
        ledger,
        selection,
        by=by,
        title=title,
        prices=prices,
        rows=rows,
        now=now,
        progress=progress,
    ).text


def make_page(
    ledger: Ledger,
    selection: Selection | None = None,
    *,
    by: Sequence[str] = DEFAULT_BY,
    title: str = DEFAULT_TITLE,
    prices: PriceTable | None = None,
    rows: int = _MOST_ROWS,
    now: datetime | None = None,
    progress: Progress | None = None,
) -> Page:
    """Make a page as `render` does, and tell what it comes to.

    Raises:
        ConfigError: As `render`.
        LedgerError: As `render`.
    """
    chosen = selection or Selection()
    figures = collect(ledger, chosen, by, progress)
    at = (datetime.now(UTC) if now is None else now).astimezone(chosen.zone)
    table = PriceTable.bundled() if prices is None else prices
    lead = f'<p class="lead">{text(_span(figures))}</p>{_estimate_note(table, at)}'
    lead += _remarks(figures)
    if not figures.total.calls:
        html = page(title, lead + _NOTHING, (), {"labels": [], "dimensions": []})
        return _page_of(html, figures)
    facts = (
        ("Span", _span(figures)),
        ("Page made", f"{at:%Y-%m-%d %H:%M %Z}"),
        ("Price table", price_age(table.generated_on, at.date())),
        ("Grouped by", ", ".join(figures.by)),
        ("Filters", _filters(chosen)),
        ("Time zone of days", str(chosen.zone)),
    )
    parts = (
        key_figures(figures),
        over_time(figures),
        tops(figures),
        tokens(figures),
        failures(figures),
        gaps(figures),
        every_row(figures, rows),
        by_hand(figures, _MOST_CHARGES),
        about(figures, facts),
    )
    return _page_of(page(title, lead, parts, chart_data(figures)), figures)


def _page_of(html: str, figures: Figures) -> Page:
    return Page(
        html,
        figures.since,
        figures.until,
        figures.by,
        figures.total,
        figures.remarks,
    )


def _remarks(figures: Figures) -> str:
    ends = (each if each.endswith("?") else f"{each}." for each in figures.remarks)
    return "".join(f'<p class="note">{text(each)}</p>' for each in ends)


_NOTHING = (
    '<p class="note">No call is in this span. Ask for a longer one, for other filters, '
    "or see with <code>bedrock-attrib doctor</code> whether calls reach the ledger.</p>"
)
_OLD_DAYS = 60


def _span(figures: Figures) -> str:
    if figures.since is None or figures.until is None:
        return "An empty ledger"
    return (
        f"{figures.since:%Y-%m-%d %H:%M} to {figures.until:%Y-%m-%d %H:%M} "
        f"{figures.until:%Z}"
    )


def _filters(selection: Selection) -> str:
    count = len(selection.filters)
    names = ", ".join(each.dimension.name for each in selection.filters)
    return f"{count}, on {names}" if count else "none"


def _estimate_note(table: PriceTable, at: datetime) -> str:
    age = price_age(table.generated_on, at.date())
    is_old = (at.date() - table.generated_on).days > _OLD_DAYS
    kind = "note" if is_old else "note quiet"
    return (
        f'<p class="{kind}">Costs are estimates from public list prices, not an '
        f"invoice. Price table {text(age)}.</p>"
    )
