"""Tables of a ledger, as ordered migrations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import LedgerError
from ._field_table import CALL_COLUMN_TYPES, FIGURE_COLUMNS


class Migration(NamedTuple):
    """One step from the schema of an older library to that of a newer one.

    Attributes:
        number: Its place in the order, from 1 up.
        about: What it adds, in a few words.
        statements: SQL with the words in braces that differ between databases:
            ``id`` that counts itself, ``integer`` of 64 bits, ``bytes``, ``decimal``
            that sums exactly, ``unique`` and ``equal`` around a text of any length
            that must be unique, and ``clustered`` for a table that is read by its key
            and changes often.
    """

    number: int
    about: str
    statements: tuple[str, ...]


def _listed(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {type_}" for name, type_ in columns.items())


# These follow from the field table until the first release; from then on a migration
# does not change, and each new column is a migration of its own.
MIGRATIONS = (
    Migration(
        1,
        "calls, what they share, and sums by hour, day and month",
        (
            # Tag sets, as JSON objects with sorted keys.
            """CREATE TABLE tag_sets (
                id {id}, tags TEXT NOT NULL, {unique} (tags {equal}))""",
            # Rates that priced calls, as JSON by unit.
            """CREATE TABLE rates (
                id {id}, rates TEXT NOT NULL, {unique} (rates {equal}))""",
            # What many calls share beside their tags, as JSON objects.
            """CREATE TABLE dimension_sets (
                id {id}, dimensions TEXT NOT NULL, {unique} (dimensions {equal}))""",
            # Why calls have no plain price.
            """CREATE TABLE price_reasons (
                id {id}, price_reason TEXT NOT NULL,
                {unique} (price_reason {equal}))""",
            # The part of record ids that the calls of one process share.
            """CREATE TABLE origins (
                id {id}, origin TEXT NOT NULL, {unique} (origin {equal}))""",
            f"CREATE TABLE calls ({_listed(CALL_COLUMN_TYPES)})",
            # Sums of calls by tag set and dimension set: by hour, day and month.
            f"""CREATE TABLE sums (
                level {{integer}} NOT NULL, bucket {{integer}} NOT NULL,
                tag_set {{integer}} NOT NULL, dimension_set {{integer}} NOT NULL,
                {_listed(dict.fromkeys(FIGURE_COLUMNS, "{integer} NOT NULL"))},
                PRIMARY KEY (level, bucket, tag_set, dimension_set)) {{clustered}}""",
            # The same for units without a column, and for amounts that do not follow
            # from counts and rates (under the unit ''); exact, as text.
            """CREATE TABLE other_sums (
                level {integer} NOT NULL, bucket {integer} NOT NULL,
                tag_set {integer} NOT NULL, dimension_set {integer} NOT NULL,
                unit TEXT NOT NULL, total {decimal} NOT NULL,
                PRIMARY KEY (level, bucket, tag_set, dimension_set, unit))
                {clustered}""",
            # `calls_from`: key below which calls were pruned.
            # `generation`: changes whenever ids of tag sets become invalid.
            """CREATE TABLE marks (
                name TEXT PRIMARY KEY, value {integer} NOT NULL)""",
        ),
    ),
)

NEWEST = MIGRATIONS[-1].number


def migrations_after(
    found: int, name: object, migrations: Sequence[Migration] = MIGRATIONS
) -> list[Migration]:
    """Return the migrations that a ledger of schema *found* lacks.

    Raises:
        LedgerError: If the ledger *name* has a newer schema.
    """
    newest = migrations[-1].number
    if found > newest:
        raise LedgerError(
            f"{name} was written by a newer version of bedrock_attrib (its schema is "
            f"{found}, this version knows {newest}): update this one"
        )
    return [each for each in migrations if each.number > found]


def refuse_other_schema(found: int, name: object) -> None:
    """Raise unless the ledger *name*, opened to be read only, has the newest schema.

    Raises:
        LedgerError: If it has another one.
    """
    if migrations_after(found, name):
        raise LedgerError(
            f"{name} was written by an older version of bedrock_attrib (its schema is "
            f"{found}, this version reads {NEWEST}): open it once to write"
        )
