"""Tables as CSV (RFC 4180) that a spreadsheet shows and does not run."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from typing import TextIO

from .table import Table, Value

# A cell that begins so is a formula to Excel, LibreOffice and Google Sheets, with the
# rights of whoever opens it: OWASP, "CSV Injection", read 2026-11-25.
_RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(table: Table, file: TextIO) -> None:
    """Write *table* to *file*, which is open with ``newline=""``.

    Numbers are numbers with all their digits, times are UTC in ISO form, what is
    missing is empty. Text that a spreadsheet would run as a formula gets an apostrophe
    before it, which spreadsheets hide.
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([_defused(name) for name in table.names])
    for row in table.rows:
        writer.writerow([_cell(value) for value in row])


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _defused(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _defused(text: str) -> str:
    # str() takes the place of an enumeration's own formatting.
    text = str(text)
    return f"'{text}" if text.startswith(_RUN_BY_SPREADSHEETS) else text
