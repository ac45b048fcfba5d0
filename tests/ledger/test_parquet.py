"""What is exported to Parquet is what the ledger holds, to the last digit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kept_records import NOON, RECORDS, make_record
from waiting import HANG_S

from bedrock_attrib import CallRecord, ConfigError, Cost, LedgerError, Unit, Usage
from bedrock_attrib.ledger import Ledger

pq = pytest.importorskip("pyarrow.parquet", reason="the extra reports is missing")

from bedrock_attrib.ledger.parquet import (  # noqa: E402
    ExportedDay,
    athena_table,
    export,
)
from bedrock_attrib.ledger.parquet._arrow_columns import batched  # noqa: E402

Keep = Callable[..., Ledger]
DAY = timedelta(days=1)
TODAY = date(2026, 11, 25)
MAPS = {"tags", "other_usage", "cost_by_unit"}


def rows(*paths: Path | None) -> list[dict[str, Any]]:
    """Every row of some files, maps as dictionaries."""
    return [
        {key: dict(v) if key in MAPS and v is not None else v for key, v in row.items()}
        for path in paths
        for row in pq.ParquetFile(path).read().to_pylist()
    ]


def expected(record: CallRecord) -> dict[str, Any]:
    """The row that *record* is to be, but for its counts and amounts."""
    model, first = record.model, record.time_to_first_chunk_s
    duration_s = record.duration_s
    return {
        "id": record.id,
        "started_at": record.started_at,
        "operation": record.operation,
        "requested_model": model.requested,
        "model_id": model.model_id,
        "vendor": model.vendor,
        "scope": model.scope,
        "model_kind": model.kind,
        "geography": model.geography,
        "region": record.region,
        "tier": record.tier,
        "latency_mode": record.latency_mode,
        "tags": dict(record.tags),
        "tag_team": record.tags.get("team"),
        "usage_source": record.usage_source or None,
        "currency": None if record.cost is None else record.cost.currency,
        "unpriced_units": [] if record.cost is None else [*record.cost.unpriced_units],
        "price_status": record.price_status,
        "price_reason": record.price_reason or None,
        "price_reason_code": record.price_reason_code,
        "duration_us": None if duration_s is None else 1_250_000,
        "first_chunk_us": None if first is None else int(first * 1e6),
        "outcome": record.outcome,
        "error": record.error,
        "attempts": record.attempts,
        "request_id": record.request_id,
        "request_hash": record.request_hash,
        "doubtful_attempts": [*record.doubtful_attempts],
    }


def test_every_field_is_there(keep: Keep, tmp_path: Path) -> None:
    """A row says all that a record does."""
    ledger = keep(*RECORDS.values())
    found = export(ledger, tmp_path / "calls", tag_columns=["team"])
    ledger.close()
    by_id = {row["id"]: row for row in rows(*(day.path for day in found))}
    for name, record in RECORDS.items():
        row = by_id[record.id]
        assert {key: row[key] for key in expected(record)} == expected(record), name
        counts = {
            Unit(key): row[key]
            for key in map(str, Unit)
            if key in row and row[key] is not None
        } | (row["other_usage"] or {})
        if name != "immense":
            assert counts == dict(record.usage or {}), name
            assert row["cost"] == (record.cost and record.cost.total) or (
                name == "given cost"
            ), name
        if name not in {"immense", "given cost"} and record.cost is not None:
            assert row["cost_by_unit"] == dict(record.cost.by_unit), name
            assert row["cost_exact"] is None, name


def test_what_no_column_can_hold_is_kept_as_text(keep: Keep, tmp_path: Path) -> None:
    """Counts beyond 64 bits, and amounts of too many digits, are exported as text."""
    fine = make_record(cost=Cost(Decimal("0.1234567890123456789"), "EUR", {}, {}))
    immense = make_record(Usage({Unit.INPUT_TOKEN: 10**30, Unit.OUTPUT_TOKEN: 1}))
    large = make_record(Usage({Unit.INPUT_TOKEN: 10**15}))
    ledger = keep(fine, immense, large)
    (day,) = export(ledger, tmp_path)
    ledger.close()
    by_id = {row["id"]: row for row in rows(day.path)}
    row = by_id[fine.id]
    assert row["cost"] == Decimal("0.123456789012345679")
    assert row["cost_exact"] == "0.1234567890123456789"
    row = by_id[immense.id]
    assert (row["input_token"], row["output_token"], row["cost"]) == (None, 1, None)
    assert row["usage_exact"] == (
        '{"input_token": 1000000000000000000000000000000, "output_token": 1}'
    )
    # 10^30 and 1 tokens at 3.30 and 16.50 USD for a million.
    assert row["cost_exact"] == "3300000000000000000000000.0000165"
    row = by_id[large.id]
    assert (row["input_token"], row["cost"]) == (10**15, Decimal(3_300_000_000))
    assert (row["usage_exact"], row["cost_exact"]) == (None, None)


def test_days_are_whole_and_replaced(keep: Keep, tmp_path: Path) -> None:
    """A day that is exported again has what is known by then; others stay."""
    first, second = make_record(at=NOON - DAY), make_record()
    ledger = keep(first, second)
    told: list[ExportedDay] = []
    found = export(ledger, tmp_path, on_day=told.append)
    assert found == told
    assert [(day.day, day.calls) for day in found] == [(TODAY - DAY, 1), (TODAY, 1)]
    ledger.correct(second, second._replace(tier="flex"))
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    (again,) = export(ledger, str(tmp_path), NOON, NOON + timedelta(seconds=1))
    ledger.close()
    assert again == ExportedDay(
        TODAY, tmp_path / "day=2026-11-25" / "part-0.parquet", 2, 0
    )
    assert sorted(row["tier"] for row in rows(again.path)) == ["default", "flex"]
    assert sorted(each.name for each in tmp_path.rglob("*")) == [
        "day=2026-11-24",
        "day=2026-11-25",
        "part-0.parquet",
        "part-0.parquet",
    ]


def test_retention_takes_nothing_from_what_was_exported(
    keep: Keep, tmp_path: Path
) -> None:
    """A file of a day with pruned calls is not replaced, and the result says so."""
    ledger = keep(make_record(at=NOON - timedelta(hours=1)), make_record())
    (before,) = export(ledger, tmp_path / "kept")
    assert ledger.prune(calls_before=NOON) == 1
    (after,) = export(ledger, tmp_path / "kept")
    assert after == ExportedDay(TODAY, None, 1, 1)
    assert len(rows(before.path)) == 2
    (new,) = export(ledger, tmp_path / "new")
    assert (new.path is not None, new.calls, new.pruned) == (True, 1, 1)
    ledger.close()


def test_rows_come_in_lists() -> None:
    """Of the size that is held at once, the last one shorter."""
    rows = ((n,) for n in range(5))
    assert list(batched(rows, 2)) == [[(0,), (1,)], [(2,), (3,)], [(4,)]]


def test_an_empty_ledger_has_no_days(keep: Keep, tmp_path: Path) -> None:
    """Nothing is written, and it is no error."""
    ledger = keep()
    assert export(ledger, tmp_path / "calls") == []
    ledger.write(make_record())
    assert ledger.flush(HANG_S)
    assert export(ledger, tmp_path / "calls", NOON - 9 * DAY, NOON - 8 * DAY) == []
    assert not (tmp_path / "calls").exists()
    ledger.close()


def test_ledgers_share_a_folder(keep: Keep, tmp_path: Path) -> None:
    """Each has its own part of a day."""
    ledger = keep(make_record())
    for part in ("host-1", "host-2"):
        export(ledger, tmp_path, part=part)
    ledger.close()
    assert sorted(path.name for path in tmp_path.glob("*/*")) == [
        "part-host-1.parquet",
        "part-host-2.parquet",
    ]


def test_a_file_that_cannot_be_written(keep: Keep, tmp_path: Path) -> None:
    """Files of earlier days are complete, and no partial file is left."""
    ledger = keep(make_record(at=NOON - DAY), make_record())
    (tmp_path / "day=2026-11-25").write_text("in the way")
    with pytest.raises(LedgerError, match="files of earlier days are complete"):
        export(ledger, tmp_path)
    ledger.close()
    assert len(rows(*tmp_path.glob("day=2026-11-24/*"))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tag_columns": ["cost-center", "Cost_Center"]}, "more than case"),
        ({"part": "../../etc"}, "as part"),
        ({"start": datetime(2026, 11, 25)}, "time zone"),  # noqa: DTZ001
        ({"end": TODAY}, "time zone"),
    ],
)
def test_arguments_that_make_no_sense(
    keep: Keep, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    """They are refused before anything is written."""
    ledger = keep(make_record())
    with pytest.raises(ConfigError, match=message):
        export(ledger, tmp_path / "calls", **arguments)
    assert not (tmp_path / "calls").exists()
    ledger.close()


def test_duckdb_adds_up_what_the_ledger_does(keep: Keep, tmp_path: Path) -> None:
    """Sums by a tag and by a unit are those of the reader, exactly."""
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    ledger = keep(
        *(make_record(tags={"team": f"t{n % 3}"}, at=NOON + n * DAY) for n in range(7))
    )
    export(ledger, tmp_path, tag_columns=["team"])
    with ledger.reading() as reader:
        sums = reader.sums(datetime(2020, 1, 1, tzinfo=UTC), NOON + 99 * DAY)
    ledger.close()
    with duckdb.connect() as db:
        files = f"read_parquet('{tmp_path}/*/*.parquet')"
        found = db.execute(
            "SELECT tag_team, tags['team'], sum(cost),"  # noqa: S608 -- names are ours
            f" sum(cost_by_unit['input_token']) FROM {files}"
            " WHERE day >= '2026-11-25' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert found == sorted(
        (each.tags["team"],) * 2 + (each.cost, each.by_unit[Unit.INPUT_TOKEN])
        for each in sums
    )


def test_the_table_of_athena_has_the_columns_of_the_files(
    keep: Keep, tmp_path: Path
) -> None:
    """Names and order are the same, and each day's folder is found by its date."""
    ledger = keep(make_record())
    (day,) = export(ledger, tmp_path, tag_columns=["cost-center"])
    ledger.close()
    table = athena_table(
        "costs.calls",
        "s3://bucket/calls",
        first_day=TODAY,
        tag_columns=["cost-center"],
    )
    lines = table.split("\n)\n", 1)[0].splitlines()[1:]
    columns = {line.split("`")[1]: line.split("` ")[1].rstrip(",") for line in lines}
    assert list(columns) == pq.ParquetFile(day.path).schema_arrow.names
    assert columns["started_at"] == "timestamp"
    assert columns["tag_cost_center"] == "string"
    assert columns["input_token"] == "bigint"
    assert columns["cost"] == "decimal(38,18)"
    assert columns["cost_by_unit"] == "map<string,decimal(38,18)>"
    assert columns["unpriced_units"] == "array<string>"
    assert "'projection.day.range' = '2026-11-25,NOW'" in table
    assert "'storage.location.template' = 's3://bucket/calls/day=${day}/'" in table


@pytest.mark.parametrize(
    ("table", "location"), [("calls; DROP", "s3://a/b"), ("calls", "s3://'x")]
)
def test_a_table_is_not_made_of_just_any_text(table: str, location: str) -> None:
    """Names and locations are checked, as they become part of a statement."""
    with pytest.raises(ConfigError, match="expected a"):
        athena_table(table, location, first_day=TODAY)


def test_the_extra_that_is_missing_is_named() -> None:
    """Without the package the error says what to install."""
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "try: import bedrock_attrib.ledger.parquet\n"
        "except ImportError as error: print(type(error).__name__, error.extra)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    assert done.stdout == "MissingExtraError reports\n"
