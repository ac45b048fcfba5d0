"""The tables of a ledger, as ordered migrations."""

from __future__ import annotations

from typing import NamedTuple


class Migration(NamedTuple):
    """One step from a ledger of an older library to one of a newer.

    Attributes:
        number: Its place in the order, from 1 up.
        about: What it brings, in a few words.
        statements: SQL with the words in braces that differ between databases:
            ``id`` that counts itself, ``integer`` of 64 bits, ``bytes``, ``decimal``
            that sums exactly, ``unique`` and ``equal`` around a text of any length
            that may stand once, and ``clustered`` for a table that is found by its key
            and changes often.
    """

    number: int
    about: str
    statements: tuple[str, ...]


# Units with a column of their own: nearly every call has no others, and a column takes
# a byte where it is empty. All other units stand in `more`.
UNIT_COLUMNS = (
    "input_token",
    "output_token",
    "cache_read_token",
    "cache_write_5m_token",
    "cache_write_1h_token",
)
_COUNTS = ", ".join(f"{column} {{integer}}" for column in UNIT_COLUMNS)
_SUMS = ", ".join(f"{column} {{integer}} NOT NULL" for column in UNIT_COLUMNS)

MIGRATIONS = (
    Migration(
        1,
        "calls, what they have in common, and sums by hour, day and month",
        (
            # Tag sets, as JSON objects with sorted keys.
            """CREATE TABLE tag_sets (
                id {id}, tags TEXT NOT NULL, {unique} (tags {equal}))""",
            # Rates by which a kind of call is priced, as JSON by unit.
            """CREATE TABLE rates (
                id {id}, rates TEXT NOT NULL, {unique} (rates {equal}))""",
            # Everything about a call that many calls share, but for its tags.
            """CREATE TABLE kinds (
                id {id}, kind TEXT NOT NULL, {unique} (kind {equal}))""",
            # Why calls have no plain price.
            """CREATE TABLE reasons (
                id {id}, reason TEXT NOT NULL, {unique} (reason {equal}))""",
            # The part of record ids that the calls of one process share.
            """CREATE TABLE origins (
                id {id}, origin TEXT NOT NULL, {unique} (origin {equal}))""",
            # The key is the time of the call and a number, so that calls lie in the
            # order of time and need no index.
            f"""CREATE TABLE calls (
                key {{integer}} PRIMARY KEY,
                tag_set {{integer}} NOT NULL, kind {{integer}} NOT NULL,
                origin {{integer}} NOT NULL, number {{integer}} NOT NULL,
                duration_us {{integer}}, first_chunk_us {{integer}},
                attempts {{integer}} NOT NULL, reason {{integer}},
                request_id {{bytes}}, {_COUNTS}, more TEXT, amount TEXT)""",
            # What calls add up to by tag set and kind: by hour, day and month.
            f"""CREATE TABLE sums (
                level {{integer}} NOT NULL, bucket {{integer}} NOT NULL,
                tag_set {{integer}} NOT NULL, kind {{integer}} NOT NULL,
                calls {{integer}} NOT NULL, attempts {{integer}} NOT NULL,
                duration_us {{integer}} NOT NULL, first_chunks {{integer}} NOT NULL,
                first_chunk_us {{integer}} NOT NULL, {_SUMS},
                PRIMARY KEY (level, bucket, tag_set, kind)) {{clustered}}""",
            # The same for units without a column, and for amounts that do not follow
            # from counts and rates (under the unit ''); exact, as text.
            """CREATE TABLE more_sums (
                level {integer} NOT NULL, bucket {integer} NOT NULL,
                tag_set {integer} NOT NULL, kind {integer} NOT NULL,
                unit TEXT NOT NULL, total {decimal} NOT NULL,
                PRIMARY KEY (level, bucket, tag_set, kind, unit)) {clustered}""",
        ),
    ),
    Migration(
        2,
        "what tells that requests are equal",
        # No index: reports sort what they look at, and writing stays as quick.
        ("ALTER TABLE calls ADD COLUMN request_hash {bytes}",),
    ),
)

NEWEST = MIGRATIONS[-1].number

# The column of each table of texts.
TEXT_OF = {
    "tag_sets": "tags",
    "rates": "rates",
    "kinds": "kind",
    "reasons": "reason",
    "origins": "origin",
}
