"""Single calls are added up by which units they used and how long a prompt was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from kept_records import NOON, make_record

from bedrock_attrib import Cost, Unit, Usage
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.ledger._query.reader import Reader

Keep = Callable[..., Ledger]
ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
Found = set[tuple[int, int, tuple[tuple[Unit, int], ...]]]


def found_in(reader: Reader, *lengths: int) -> Found:
    """Length, number of calls and usage of each sum."""
    return {
        (length, part.calls, tuple(part.usage.items()))
        for length, part in reader.sums_by_use(*ALWAYS, lengths=lengths)
    }


def test_long_prompts_are_told_apart(keep: Keep) -> None:
    """All units of a prompt count for its length, and its answer does not."""
    ledger = keep(
        make_record(Usage({Unit.INPUT_TOKEN: 100, Unit.OUTPUT_TOKEN: 500})),
        make_record(Usage({Unit.INPUT_TOKEN: 90, Unit.OUTPUT_TOKEN: 5})),
        make_record(Usage({Unit.INPUT_TOKEN: 1, Unit.CACHE_READ_TOKEN: 100})),
        make_record(Usage({Unit.INPUT_TOKEN: 301, Unit.CACHE_READ_TOKEN: 0})),
        make_record(Usage({Unit.INPUT_TOKEN: 200, Unit.CACHE_READ_TOKEN: 0})),
    )
    with ledger.reading() as reader:
        assert found_in(reader, 300, 100) == {
            (0, 2, ((Unit.INPUT_TOKEN, 190), (Unit.OUTPUT_TOKEN, 505))),
            (100, 1, ((Unit.INPUT_TOKEN, 1), (Unit.CACHE_READ_TOKEN, 100))),
            (300, 1, ((Unit.INPUT_TOKEN, 301),)),
            (100, 1, ((Unit.INPUT_TOKEN, 200),)),
        }


def test_units_without_a_column_are_part_of_a_prompt(keep: Keep) -> None:
    """They count too, and given amounts stay exact."""
    amount = Decimal("0.1234567890123456789")
    image = Usage({Unit.INPUT_TOKEN: 60, Unit.INPUT_IMAGE_TOKEN: 60})
    ledger = keep(
        make_record(image, cost=Cost(amount, "EUR", {}, {})),
        make_record(image, cost=Cost(amount, "EUR", {}, {})),
        make_record(Usage({Unit.INPUT_TOKEN: 60, Unit.OUTPUT_IMAGE: 999})),
    )
    with ledger.reading() as reader:
        sums = reader.sums_by_use(*ALWAYS, lengths=[100])
        assert {
            (length, part.calls, part.dimensions.currency) for length, part in sums
        } == {
            (100, 2, "EUR"),
            (0, 1, "USD"),
        }
        (given,) = (part for length, part in sums if length)
    assert given.cost == Decimal("0.2469135780246913578")
    assert given.usage == {Unit.INPUT_TOKEN: 120, Unit.INPUT_IMAGE_TOKEN: 120}


def test_only_calls_of_the_span_and_the_chosen_dimensions(
    keep: Keep,
) -> None:
    """Without lengths only units used make groups; ends of the span are exact."""
    ledger = keep(
        make_record(at=NOON),
        make_record(at=NOON.replace(minute=1)),
        make_record(at=NOON, region="eu-west-1"),
    )
    with ledger.reading() as reader:
        ((length, part),) = reader.sums_by_use(
            NOON,
            NOON.replace(minute=1),
            dimensions=lambda each: each.region == "us-east-1",
        )
        assert (length, part.calls) == (0, 1)
        assert reader.sums_by_use(NOON, NOON) == []
        assert reader.sums_by_use(*ALWAYS, dimensions=lambda _: False) == []
