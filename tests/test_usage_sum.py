"""Counts of many calls add up, however many are waiting to be summed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_attrib import Unit, Usage
from bedrock_attrib._model.usage_sum import UsageSum

COUNTS = st.tuples(st.integers(0, 10**12), st.integers(0, 10**12))


@given(st.lists(COUNTS, min_size=1, max_size=700))
def test_sums_are_exact(counts: list[tuple[int, int]]) -> None:
    """Past the point where columns are folded too, nothing is lost or added."""
    tally = UsageSum()
    for prompt, answer in counts:
        tally.add(Usage({Unit.INPUT_TOKEN: prompt, Unit.OUTPUT_TOKEN: answer}))
    assert tally.read() == {
        Unit.INPUT_TOKEN: sum(prompt for prompt, _ in counts),
        Unit.OUTPUT_TOKEN: sum(answer for _, answer in counts),
    }


def test_taking_forgets() -> None:
    """What was taken once is not given again; what comes later is."""
    tally = UsageSum()
    tally.add(Usage({Unit.INPUT_TOKEN: 3}))
    assert tally.take() == {Unit.INPUT_TOKEN: 3}
    assert tally.take() == {}
    tally.add(Usage({Unit.INPUT_TOKEN: 4}))
    assert tally.take() == {Unit.INPUT_TOKEN: 4}


def test_usages_without_a_unit() -> None:
    """Calls that bill nothing can be counted."""
    tally = UsageSum()
    for _ in range(300):
        tally.add(Usage({}))
    assert tally.read() == {}


def test_another_usage_is_refused() -> None:
    """Counts never end up under another unit's name."""
    tally = UsageSum()
    tally.add(Usage({Unit.INPUT_TOKEN: 3}))
    tally.add(Usage({Unit.INPUT_TOKEN: 3, Unit.OUTPUT_TOKEN: 4}))
    with pytest.raises(ValueError, match="zip"):
        tally.read()


class Interrupting(int):
    """A count in whose adding up a signal arrives."""

    handle: Callable[[], None]

    def __radd__(self, other: int) -> int:
        self.handle()
        return int(self) + other


@pytest.mark.parametrize("is_read", [True, False])
def test_a_handler_adds_in_the_middle(*, is_read: bool) -> None:
    """What a signal's handler adds while sums are read is counted, and once."""
    tally = UsageSum()
    count = Interrupting(1)
    seen: list[int] = []

    def handle() -> None:
        count.handle = lambda: None
        tally.add(Usage({Unit.INPUT_TOKEN: 10}))
        if is_read:
            seen.append(tally.read()[Unit.INPUT_TOKEN])

    count.handle = handle
    tally.add(Usage.of({Unit.INPUT_TOKEN: count}))
    assert tally.read() == {Unit.INPUT_TOKEN: 11}
    assert seen == ([11] if is_read else [])
