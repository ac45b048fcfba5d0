"""Export of a ledger to Parquet files by day, for DuckDB, Athena and other readers."""

from __future__ import annotations

from ...errors import MissingExtraError

try:
    import pyarrow as pa  # noqa: F401 -- whether it is installed
except ImportError as error:
    raise MissingExtraError("reports", "pyarrow") from error

from ._athena import athena_table
from ._export import ExportedDay, export

__all__ = ["ExportedDay", "athena_table", "export"]
