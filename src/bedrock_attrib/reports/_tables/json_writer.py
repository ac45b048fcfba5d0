"""JSON writer with exact amounts, as text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TextIO

from .table import Table, Value


def write_json(table: Table, file: TextIO) -> None:
    """Write *table* to *file* as a list of objects, one on a line.

    Amounts are text with all their digits, times are UTC in ISO form, missing values
    are null.
    """
    file.write("[")
    for number, record in enumerate(table.records()):
        plain = {name: _plain(value) for name, value in record.items()}
        file.write(",\n" if number else "\n")
        file.write(json.dumps(plain, ensure_ascii=False))
    file.write("\n]\n")


def _plain(value: Value) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
