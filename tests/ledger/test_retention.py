"""Retention: deleted calls and sums are gone, and the rest still adds up."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from kept_records import NOON, make_record
from waiting import HANG_S

from bedrock_attrib import LedgerError, Unit, Usage
from bedrock_attrib.ledger import Ledger, check_ledger
from bedrock_attrib.ledger._store import Store

Keep = Callable[..., Ledger]
Place = Callable[[], Store]
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ALWAYS = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
OLD = NOON - 40 * DAY
RARE = Usage({Unit.SEARCH_UNIT: 3, Unit.INPUT_TOKEN: 7})


def write(ledger: Ledger, **fields: object) -> None:
    """Write a record, at once."""
    ledger.write(make_record(**fields))
    assert ledger.flush(HANG_S)


def counted(ledger: Ledger) -> tuple[int, int]:
    """Single calls, and calls in the sums."""
    with ledger.reading() as reader:
        sums = reader.sums(*ALWAYS)
        return reader.count_calls(), sum(each.calls for each in sums)


def tags_kept(ledger: Ledger) -> list[str]:
    """The teams of all tag sets."""
    with ledger.reading() as reader:
        return sorted(tags["team"] for tags in reader.tag_sets())


def test_calls_that_come_late_are_no_fault(keep: Keep) -> None:
    """Sums of hours whose calls were pruned are as much as the calls, or more."""
    ledger = keep(make_record(at=OLD), make_record(RARE, at=OLD), make_record(at=NOON))
    assert ledger.prune(calls_before=NOON - DAY) == 2
    for at in (OLD, OLD + HOUR, OLD - 70 * DAY, NOON):
        write(ledger, at=at)
        write(ledger, usage=RARE, at=at)
    assert counted(ledger) == (9, 11)
    assert check_ledger(ledger) == []
    with ledger.reading() as reader:
        since = reader.calls_since()
    assert since == datetime(2026, 10, 16, 13, tzinfo=UTC)
    ledger.close()


def test_a_call_that_vanished_is_found_after_others_came_late(
    keep: Keep, path: Path
) -> None:
    """Only hours before the retention's cut may have sums of more than their calls."""
    with closing(Ledger(path, interval_s=60)) as ledger:
        for at in (OLD, NOON, NOON + HOUR):
            write(ledger, at=at)
        ledger.prune(calls_before=NOON - DAY)
        write(ledger, at=OLD)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM calls WHERE key = (SELECT max(key) FROM calls)")
    (problem,) = check_ledger(path)
    assert problem.startswith("the hour 2026-11-25 13:00 UTC and its calls differ")


@pytest.mark.parametrize("usage", [None, RARE], ids=["columns", "others"])
def test_calls_that_no_sum_has_are_found_where_others_were_forgotten(
    path: Path, usage: Usage | None
) -> None:
    """A late call must be in the sums."""
    with closing(Ledger(path, interval_s=60)) as ledger:
        write(ledger, at=OLD)
        ledger.prune(calls_before=NOON)
        write(ledger, at=OLD + HOUR, **({} if usage is None else {"usage": usage}))
    table = "sums" if usage is None else "other_sums"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            f"DELETE FROM {table} WHERE level = 0 AND bucket = "  # noqa: S608
            "(SELECT max(bucket) FROM sums WHERE level = 0)"
        )
    assert check_ledger(path)[0].startswith(
        f"the hour {OLD + HOUR:%Y-%m-%d %H}:00 UTC and its calls differ"
    )


def test_a_ledger_of_which_nothing_was_pruned_lacks_nothing(path: Path) -> None:
    """Its first calls are missed as much as any others."""
    with closing(Ledger(path, interval_s=60)) as ledger:
        write(ledger, at=OLD)
        write(ledger)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM calls WHERE key = (SELECT min(key) FROM calls)")
    assert check_ledger(path)[0].startswith(f"the hour {OLD:%Y-%m-%d} 12:00 UTC")


def test_no_call_is_stored_without_its_sums(keep: Keep) -> None:
    """Pruned months lose their calls, and no others."""
    ledger = keep(make_record(at=OLD), make_record(RARE, at=OLD), make_record())
    assert ledger.prune(sums_before=NOON) == 2
    assert counted(ledger) == (1, 1)
    assert check_ledger(ledger) == []
    assert ledger.prune(calls_before=OLD, sums_before=NOON) == 0
    assert ledger.prune() == 0
    ledger.close()


def test_tag_sets_are_pruned_with_the_last_that_had_them(keep: Keep) -> None:
    """Neither calls nor sums refer to them any more."""
    ledger = keep(
        make_record(at=OLD, tags={"team": "gone"}),
        make_record(at=OLD, tags={"team": "search"}),
        make_record(tags={"team": "search"}),
    )
    ledger.prune(calls_before=NOON - DAY)
    assert tags_kept(ledger) == ["gone", "search"]
    ledger.prune(sums_before=NOON - DAY)
    assert tags_kept(ledger) == ["search"]
    assert check_ledger(ledger) == []
    ledger.close()


def test_a_writer_discards_the_tag_sets_that_another_deleted(place: Place) -> None:
    """It gives them new ids, and no call gets the tags of another."""
    writer, other = (Ledger(place(), interval_s=3600) for _ in range(2))
    for team in ("search", "ads"):
        write(writer, at=OLD, tags={"team": team})
    write(writer, tags={"team": "stays"})
    assert other.prune(sums_before=NOON - DAY) == 2
    assert tags_kept(other) == ["stays"]
    write(other, tags={"team": "new"})
    write(other, tags={"team": "newer"})
    write(writer, tags={"team": "ads"})
    write(writer, tags={"team": "stays"})
    with writer.reading() as reader:
        found = {each.tags["team"]: each.calls for each in reader.sums(*ALWAYS)}
    assert found == {"stays": 2, "new": 1, "newer": 1, "ads": 1}
    assert check_ledger(writer) == []
    assert (writer.dropped, other.dropped) == (0, 0)
    for ledger in (writer, other):
        ledger.close()


@pytest.mark.parametrize("names", [None, ["team"]], ids=["all tags", "few tags"])
@pytest.mark.parametrize(
    "span", [ALWAYS, (NOON, NOON + HOUR / 2)], ids=["sums", "calls"]
)
def test_sums_of_a_tag_set_that_does_not_exist_are_reported(
    path: Path, names: list[str] | None, span: tuple[datetime, datetime]
) -> None:
    """A report fails rather than omit them."""
    with closing(Ledger(path, interval_s=3600)) as ledger:
        for team in ("search", "ads"):
            write(ledger, tags={"team": team})
        write(ledger, at=OLD)
        with closing(sqlite3.connect(path)) as db, db:
            db.execute('DELETE FROM tag_sets WHERE tags = \'{"team": "ads"}\'')
        with ledger.reading() as reader:
            with pytest.raises(LedgerError, match="bedrock-attrib ledger check"):
                reader.sums(*span, tag_names=names)
            before = reader.sums(OLD, NOON - DAY, tag_names=names)
            assert [each.calls for each in before] == [1]
        problem = "sums refer to a tag set that does not exist (2)"
        assert check_ledger(ledger) == [problem]
        # The remedy of the page on the ledger.
        with closing(sqlite3.connect(path)) as db, db:
            db.execute('INSERT INTO tag_sets VALUES (2, \'{"team": "not known"}\')')
        with ledger.reading() as reader:
            found = {
                each.tags["team"]: each.calls
                for each in reader.sums(*span, tag_names=names)
                if each.tags["team"] != "search"
            }
        assert found == {"not known": 1}
        assert check_ledger(ledger) == []


def test_writers_go_on_while_months_are_forgotten(place: Place) -> None:
    """No call is lost or gets other tags, however they come into each other's way."""
    writers = [Ledger(place(), interval_s=3600) for _ in range(2)]
    keeper = Ledger(place(), interval_s=3600)
    is_over = threading.Event()
    written = [0, 0]

    def work(number: int) -> None:
        while not is_over.is_set():
            team = f"t{written[number] % 5}"
            for at in (OLD, NOON):
                writers[number].write(
                    make_record(at=at, tags={"team": team, "model": team})
                )
            writers[number].flush(HANG_S)
            written[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    rounds = 0
    while rounds < 15 or min(written) < 3:
        keeper.prune(sums_before=NOON - DAY)
        rounds += 1
    is_over.set()
    for thread in threads:
        thread.join(HANG_S)
    assert min(written) >= 3
    assert all(ledger.flush(HANG_S) for ledger in writers)
    keeper.prune(sums_before=NOON - DAY)
    assert check_ledger(keeper) == []
    with keeper.reading() as reader:
        sums = reader.sums(*ALWAYS)
        assert all(each.tags["team"] == each.tags["model"] for each in sums)
    assert sum(each.calls for each in sums) == sum(written)
    for ledger in (*writers, keeper):
        assert ledger.dropped == 0
        ledger.close()


def test_a_call_that_is_corrected_twice_is_counted_once(keep: Keep) -> None:
    """The stored call is subtracted, whatever the correction says."""
    first = make_record(Usage({Unit.INPUT_TOKEN: 10, Unit.SEARCH_UNIT: 1}))
    second = first._replace(usage=RARE, tier="flex", duration_s=9.0)
    third = make_record(id=first.id, tags={"team": "ads"})
    ledger = keep(first)
    ledger.correct(first, second)
    ledger.correct(first, third)  # not of the second
    assert ledger.flush(HANG_S)
    ledger.correct(first, second)
    assert ledger.flush(HANG_S)
    ledger.correct(first, third)
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        (total,) = reader.sums(*ALWAYS)
        assert list(reader.calls(*ALWAYS)) == [third]
    assert (total.tags, total.calls, total.usage, total.cost) == (
        {"team": "ads"},
        1,
        {Unit.INPUT_TOKEN: 100, Unit.OUTPUT_TOKEN: 50},
        Decimal("0.001155"),
    )
    assert check_ledger(ledger) == []
    ledger.close()


def test_a_call_stays_where_it_is_found(keep: Keep) -> None:
    """A correction that names another time changes all but the time."""
    first = make_record()
    ledger = keep(first)
    ledger.correct(first, first._replace(started_at=NOON - 50 * DAY, tier="flex"))
    assert ledger.flush(HANG_S)
    with ledger.reading() as reader:
        assert list(reader.calls(*ALWAYS)) == [first._replace(tier="flex")]
    assert check_ledger(ledger) == []
    ledger.close()


def test_a_correction_of_what_is_not_there_changes_nothing(keep: Keep) -> None:
    """So is one of a pruned call."""
    first = make_record(at=OLD)
    ledger = keep(first, make_record())
    ledger.prune(calls_before=NOON)
    ledger.correct(first, first._replace(tier="flex"))
    assert ledger.flush(HANG_S)
    assert counted(ledger) == (1, 2)
    assert check_ledger(ledger) == []
    ledger.close()
