"""CSV writer (RFC 4180) that protects against formula injection."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from typing import TextIO

from .table import Table, Value

# A cell with such a start is a formula in Excel, LibreOffice and Google Sheets and runs
# with the rights of its reader: OWASP, "CSV Injection", read 2026-11-25. East Asian
# editions take the full-width signs for the plain ones.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")


def write_csv(table: Table, file: TextIO) -> None:
    """Write *table* to *file*, which is open with ``newline=""``.

    Numbers have all their digits, times are UTC in ISO form, missing values are empty.
    Text that a spreadsheet would run as a formula is prefixed with an apostrophe, which
    spreadsheets hide.
    """
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([_as_text(name) for name in table.names])
    for row in table.rows:
        writer.writerow([_cell(value) for value in row])


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _as_text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _as_text(text: str) -> str:
    # str() bypasses the formatting of an enumeration.
    text = str(text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
