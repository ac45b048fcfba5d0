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
from ._charts import (
    TOKENS,
    chart_data,
    spend_over_time,
    token_row,
    tokens_by_value,
    tokens_over_time,
)
from ._collect import Progress, collect
from ._details import all_rows, price_age, priced_counts, unit_classes
from ._gaps import failures, unpriced_models
from ._overview import key_figures, rankings
from ._templates import render_page
from ._totals import PageTotals

__all__ = ["DEFAULT_BY", "DEFAULT_TITLE", "Page", "make_page", "render"]

DEFAULT_BY = DEFAULT_PAGE_BY
DEFAULT_TITLE = "Amazon Bedrock spend"
_MOST_ROWS = 400
_MOST_PRICED_COUNTS = 200
_OLD_DAYS = 60


@dataclass(frozen=True, slots=True)
class Page:
    """A page and its totals.

    Attributes:
        text: The HTML.
        since: First moment; None for an empty ledger.
        until: The moment after the last; None for an empty ledger.
        by: Names of the dimensions.
        total: All calls.
        remarks: Limits of the figures, in sentences.
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
    """Return spend as an HTML page that makes no requests.

    Its charts need JavaScript; its tables, which have the same figures, do not. Text
    of tags is escaped, and a Content-Security-Policy allows only the page's own
    scripts, by their digests.

    Args:
        ledger: The ledger to read; `Ledger.flush` it before.
        selection: Which calls (`bedrock_attrib.reports.select`); None for all.
        by: Tags and other dimensions (`bedrock_attrib.reports.DIMENSION_NAMES`).
        title: Heading of the page.
        prices: The table whose age the page states; None for the bundled one. Amounts
            keep the prices of the time when each call was made.
        rows: Most rows of the last table; one row adds up the others.
        now: The present, aware; None for the clock's.
        progress: Called after each period.

    Raises:
        ConfigError: If *by* is empty, names a dimension twice, or names time or units.
        LedgerError: If the ledger cannot be read.
        MissingExtraError: If Jinja2 is not installed.

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
    """Make a page as `render` does, and return it with its totals.

    Raises:
        ConfigError: As `render`.
        LedgerError: As `render`.
        MissingExtraError: As `render`.
    """
    chosen = selection or Selection()
    totals = collect(ledger, chosen, by, progress)
    at = (datetime.now(UTC) if now is None else now).astimezone(chosen.zone)
    table = PriceTable.bundled() if prices is None else prices
    age = price_age(table.generated_on, at.date())
    values: dict[str, object] = {
        "totals": totals,
        "span": _span(totals),
        "price_age": age,
        "is_price_table_old": (at.date() - table.generated_on).days > _OLD_DAYS,
    }
    charts: dict[str, object] = {"labels": [], "dimensions": []}
    if totals.total.calls:
        charts = chart_data(totals)
        facts = (
            ("Span", _span(totals)),
            ("Page made", f"{at:%Y-%m-%d %H:%M %Z}"),
            ("Price table", age),
            ("Grouped by", ", ".join(totals.by)),
            ("Filters", _filters(chosen)),
            ("Time zone of days", str(chosen.zone)),
            ("Counted", unit_classes(totals.total.usage)),
        )
        values |= _sections(totals, rows) | {"facts": facts}
    return Page(
        render_page(title, charts, **values),
        totals.since,
        totals.until,
        totals.by,
        totals.total,
        totals.remarks,
    )


def _sections(totals: PageTotals, rows: int) -> dict[str, object]:
    token_dimension, token_values = tokens_by_value(totals)
    return {
        "key": key_figures(totals),
        "over_time": spend_over_time(totals),
        "rankings": rankings(totals),
        "token_kinds": [name for name, _ in TOKENS],
        "token_periods": tokens_over_time(totals),
        "token_total": token_row("total", totals.total),
        "token_dimension": token_dimension,
        "token_values": token_values,
        "failures": failures(totals),
        "unpriced": unpriced_models(totals),
        "all_rows": all_rows(totals, rows),
        "priced_counts": priced_counts(totals, _MOST_PRICED_COUNTS),
    }


def _span(totals: PageTotals) -> str:
    if totals.since is None or totals.until is None:
        return "An empty ledger"
    return (
        f"{totals.since:%Y-%m-%d %H:%M} to {totals.until:%Y-%m-%d %H:%M} "
        f"{totals.until:%Z}"
    )


def _filters(selection: Selection) -> str:
    count = len(selection.filters)
    names = ", ".join(each.dimension.name for each in selection.filters)
    return f"{count}, on {names}" if count else "none"
