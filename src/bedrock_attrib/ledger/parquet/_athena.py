"""Athena table of exported files on S3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from ...errors import ConfigError
from ._schema import AMOUNT, schema_of

# https://docs.aws.amazon.com/athena/latest/ug/data-types.html, checked 2026-11-25.
_TYPES = {
    pa.string(): "string",
    pa.int64(): "bigint",
    pa.timestamp("us", tz="UTC"): "timestamp",
    AMOUNT: f"decimal({AMOUNT.precision},{AMOUNT.scale})",
}


def athena_table(
    table: str,
    location: str,
    *,
    first_day: date,
    tag_columns: Sequence[str] = (),
) -> str:
    """Return the statement that makes exported files a table in Athena.

    Partitions follow from the date (partition projection), so that a new day can be
    queried as soon as its file exists: no crawler, no ``MSCK REPAIR TABLE``.

    Args:
        table: Its name, with or without that of its database.
        location: Where the folder of the export was copied to: ``s3://bucket/calls/``.
        first_day: First day that queries may ask for.
        tag_columns: As they were given to `export`.

    Raises:
        ConfigError: If an argument is not what was expected.
    """
    if not re.fullmatch(r"\w+(\.\w+)?", table):
        raise ConfigError(f"expected a name such as costs.calls, got {table!r}")
    if not re.fullmatch(r"s3://[\w./=-]+", location):
        raise ConfigError(
            f"expected a location such as s3://bucket/calls/, got {location!r}"
        )
    folder = location.rstrip("/")
    columns = ",\n".join(
        f"  `{field.name}` {_type(field.type)}" for field in schema_of(tag_columns)
    )
    return f"""CREATE EXTERNAL TABLE {table} (
{columns}
)
PARTITIONED BY (`day` string)
STORED AS PARQUET
LOCATION '{folder}/'
TBLPROPERTIES (
  'projection.enabled' = 'true',
  'projection.day.type' = 'date',
  'projection.day.format' = 'yyyy-MM-dd',
  'projection.day.range' = '{first_day.isoformat()},NOW',
  'projection.day.interval' = '1',
  'projection.day.interval.unit' = 'DAYS',
  'storage.location.template' = '{folder}/day=${{day}}/'
)"""


def _type(arrow: object) -> str:
    if isinstance(arrow, pa.MapType):
        return f"map<{_type(arrow.key_type)},{_type(arrow.item_type)}>"
    if isinstance(arrow, pa.ListType):
        return f"array<{_type(arrow.value_type)}>"
    return _TYPES[arrow]
