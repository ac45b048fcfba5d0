"""Tables as CSV, JSON and Parquet: exact, whole, and harmless to spreadsheets."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bedrock_attrib import ConfigError
from bedrock_attrib.errors import MissingExtraError
from bedrock_attrib.reports import (
    Column,
    ColumnType,
    Table,
    write_csv,
    write_json,
)
from bedrock_attrib.reports.parquet import write_parquet

AT = datetime(2026, 11, 25, 12, 0, 0, 5, tzinfo=UTC)
COLUMNS = (
    Column("team"),
    Column("calls", ColumnType.COUNT),
    Column("cost_usd", ColumnType.AMOUNT),
    Column("duration_s", ColumnType.SECONDS),
    Column("at", ColumnType.TIME),
)
TABLE = Table(
    COLUMNS,
    [
        ('a "b", c\nd', 3, Decimal("1E-7"), 0.5, AT),
        (None, None, None, None, None),
        ("größer", 0, Decimal("-1234567.000000000000000001"), 1e-05, AT),
    ],
)


def as_csv(table: Table) -> str:
    """*table* as it is written."""
    file = io.StringIO(newline="")
    write_csv(table, file)
    return file.getvalue()


def test_csv_is_as_rfc_4180_says() -> None:
    """CRLF, quotes doubled, numbers with all digits and no exponent, empty for none."""
    assert as_csv(TABLE) == (
        "team,calls,cost_usd,duration_s,at\r\n"
        '"a ""b"", c\nd",3,0.0000001,0.5,2026-11-25T12:00:00.000005Z\r\n'
        ",,,,\r\n"
        "größer,0,-1234567.000000000000000001,1e-05,2026-11-25T12:00:00.000005Z\r\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        '=HYPERLINK("http://x")',
        "-",
        "\n=1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1",
        "\uff20SUM(A1)",
    ],
)
def test_no_cell_is_run_by_a_spreadsheet(text: str) -> None:
    """Text that looks like a formula gets an apostrophe, in headings too."""
    table = Table((Column(text),), [(text,)])
    assert list(csv.reader(io.StringIO(as_csv(table), newline=""))) == [
        [f"'{text}"],
        [f"'{text}"],
    ]


def test_numbers_stay_numbers() -> None:
    """A negative amount begins with a minus and is no text."""
    table = Table((Column("x", ColumnType.AMOUNT),), [(Decimal("-0.5"),)])
    assert as_csv(table) == "x\r\n-0.5\r\n"


def test_json_has_exact_amounts_as_text() -> None:
    """A reader gets every digit; what is missing is null."""
    file = io.StringIO()
    write_json(TABLE, file)
    rows = json.loads(file.getvalue())
    assert rows[0]["cost_usd"] == "0.0000001"
    assert rows[1] == dict.fromkeys(TABLE.names)
    assert rows[2] == {
        "team": "größer",
        "calls": 0,
        "cost_usd": "-1234567.000000000000000001",
        "duration_s": 1e-05,
        "at": "2026-11-25T12:00:00.000005Z",
    }
    write_json(Table(COLUMNS, []), empty := io.StringIO())
    assert json.loads(empty.getvalue()) == []


def test_parquet_has_types_and_exact_amounts() -> None:
    """Decimals, whole numbers, times of UTC, and nulls."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra reports")
    write_parquet(TABLE, file := io.BytesIO())
    read = parquet.read_table(file)
    assert [str(each.type) for each in read.schema] == [
        "string",
        "int64",
        "decimal128(38, 18)",
        "double",
        "timestamp[us, tz=UTC]",
    ]
    assert [tuple(row.values()) for row in read.to_pylist()] == TABLE.rows
    write_parquet(Table(COLUMNS, []), empty := io.BytesIO())
    assert parquet.read_table(empty).num_rows == 0


@pytest.mark.parametrize("amount", [Decimal(10) ** 30, Decimal("-1e20")])
def test_parquet_refuses_an_amount_without_room(amount: Decimal) -> None:
    """An amount of more digits than a column has is refused in plain words."""
    pytest.importorskip("pyarrow", reason="needs the extra reports")
    table = Table((Column("cost_usd", ColumnType.AMOUNT),), [(amount,)])
    with pytest.raises(ConfigError, match="does not fit into the 20 digits of an"):
        write_parquet(table, io.BytesIO())


def test_parquet_of_many_rows_comes_in_groups() -> None:
    """Rows may come one by one, and more of them than memory should hold."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra reports")
    table = Table((Column("n", ColumnType.COUNT),), ((n,) for n in range(120_000)))
    write_parquet(table, file := io.BytesIO())
    read = parquet.ParquetFile(file)
    assert (read.num_row_groups, read.metadata.num_rows) == (3, 120_000)


def test_a_count_that_does_not_fit_is_told() -> None:
    """No figure is cut in silence."""
    pytest.importorskip("pyarrow", reason="needs the extra reports")
    table = Table((Column("n", ColumnType.COUNT),), [(10**30,)])
    with pytest.raises(ConfigError, match="does not fit into the 64 bits"):
        write_parquet(table, io.BytesIO())


def test_without_the_extra_parquet_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"bedrock-attrib\[reports\]"):
        write_parquet(TABLE, io.BytesIO())
