"""What ``analyze savings`` says of requests that were made again."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from datetime import timedelta
from pathlib import Path

import pytest
from kept_records import NOON, make_record

pytest.importorskip("click", reason="needs the extra cli")

from bedrock_attrib import CallRecord, Unit, Usage
from bedrock_attrib._model.record import PriceStatus
from bedrock_attrib.cli import commands
from bedrock_attrib.ledger import Ledger

NOVA = "us.amazon.nova-pro-v1:0"
USAGE = Usage({Unit.INPUT_TOKEN: 1_000_000})
A = "0123456789abcdef" * 2
HEADING = "Possible savings by caching answers to identical requests"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings file is found by chance."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)


def asked(request_hash: str | None, minute: int = 0, team: str = "ads") -> CallRecord:
    """A call of 0.80 USD, some minutes after noon."""
    at = NOON + timedelta(minutes=minute)
    tags = {"team": team}
    return make_record(USAGE, model=NOVA, at=at, tags=tags, request_hash=request_hash)


def savings(*records: CallRecord, options: tuple[str, ...] = (), code: int = 0) -> str:
    """What the command says of *records*."""
    ledger = Ledger("calls.db")
    for record in records:
        ledger.write(record)
    assert ledger.flush(20)
    ledger.close()
    out, err = io.StringIO(), io.StringIO()
    command = ["analyze", "savings", "--ledger", "calls.db", "--by", "team", *options]
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        commands(command, prog_name="bedrock-attrib")
    assert end.value.code == code, err.getvalue()
    return out.getvalue() if code == 0 else err.getvalue()


def lines(shown: str) -> list[list[str]]:
    """The words of each line below the heading."""
    part = shown.partition("Possible savings by caching answers")[2]
    return [line.split() for line in part.splitlines()]


def test_repeats_and_what_they_cost() -> None:
    """By team, in all, by how long answers are kept, and the requests themselves."""
    shown = savings(
        *(asked(A, minute) for minute in (0, 4, 30)),
        asked(A, 31, "search"),
        asked(None),
    )
    told = lines(shown)
    model = "amazon.nova-pro-v1:0"
    assert ["ads", model, "3", "1", "2", "66.7%", "$1.60"] in told
    assert ["search", model, "1", "1", "1", "100.0%", "$0.80"] in told
    assert ["total", "4", "1", "3", "75.0%", "$2.40"] in told
    assert (
        "Repeats if cached for 5 min: 2 calls, $1.60; for 1 h: 3 calls, $2.40; "
        "for 24 h: 3 calls, $2.40; for ever: 3 calls, $2.40."
    ) in shown
    (request,) = (each for each in told if each[:1] == ["0123456789ab"])
    assert request[1:4] == ["4", "3", "$2.40"]
    assert request[6:] == ["ads", "/", model, "and", "1", "more"]
    assert "at a temperature above 0" in shown
    assert "1 call without a hash: repeats unknown." in shown


def test_for_some_time() -> None:
    """Answers are kept for as long as asked."""
    shown = savings(asked(A), asked(A, 4), asked(A, 30), options=("--within", "5m"))
    assert f"{HEADING} for 5 min" in " ".join(shown.split())
    assert ["total", "3", "1", "1", "33.3%", "$0.80"] in lines(shown)


def test_who_repeats_nothing_is_not_listed() -> None:
    """It is in the total; and a time is told in the unit that suits it."""
    shown = savings(
        asked(A), asked(A), asked("f" * 32, 1, "b"), options=("--within", "90s")
    )
    assert ["total", "3", "2", "1", "33.3%", "$0.80"] in lines(shown)
    assert [line for line in lines(shown) if line[:1] == ["b"]] == []
    assert f"{HEADING} for 90 s" in " ".join(shown.split())


def test_calls_that_are_not_kept_any_more_are_told() -> None:
    """They are in no figure, which whoever reads one should know."""
    savings(asked(A, -60), asked(A), asked(A, 1))
    ledger = Ledger("calls.db")
    ledger.prune(calls_before=NOON)
    ledger.close()
    shown = savings()
    assert "Single calls before 2026-11-25 12:00 UTC were deleted" in shown
    assert ["total", "2", "1", "1", "50.0%", "$0.80"] in lines(shown)


@pytest.mark.parametrize("text", ["5", "0m", "five", "-1h", "5w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """The error says what was expected."""
    shown = savings(options=(f"--within={text}",), code=2)
    assert "is not a duration; expected for example 5m, 1h or 7d" in " ".join(
        shown.split()
    )


def test_what_nobody_can_price_is_not_nothing() -> None:
    """Repeats without a price are counted as such, without an amount."""
    shown = savings(
        *(
            asked(A, minute)._replace(cost=None, price_status=PriceStatus.UNPRICED)
            for minute in range(3)
        )
    )
    assert ["total", "3", "1", "2", "66.7%", "2", "unpriced"] in lines(shown)
    assert "cached for 5 min: 2 calls, 2 unpriced;" in shown
    assert "$0.00" not in shown


def test_no_more_requests_are_named_than_asked_for() -> None:
    """None of them, if none is wanted."""
    shown = savings(asked(A), asked(A, 1), options=("--top", "0"))
    assert "Requests whose repeats cost most" not in shown
    assert ["total", "2", "1", "1", "50.0%", "$0.80"] in lines(shown)


def test_nothing_was_asked_again() -> None:
    """Is told with how many calls were looked at."""
    shown = " ".join(savings(asked(A), asked("f" * 32), asked(None)).split())
    assert (
        f"{HEADING}: none, as no request of 2 calls was repeated 1 call without a "
        f"hash: repeats unknown."
    ) in shown


def test_without_a_key_nothing_is_known() -> None:
    """And it says how to know it."""
    shown = savings(asked(None))
    assert (
        f"{HEADING}: unknown, as no request was hashed; set request_hash_key to hash "
        f"them\n"
    ) in shown


def test_as_json() -> None:
    """Beside the ways to save, with hashes in full and exact amounts."""
    found = json.loads(savings(asked(A), asked(A, 1), options=("--json",)))
    identical = found["identical"]
    assert identical["total"] == {
        "keys": [],
        "calls": 2,
        "requests": 1,
        "unhashed": 0,
        "repeats": {"calls": 1, "cost": "0.8", "unpriced": 0},
    }
    assert [each["request_hash"] for each in identical["top"]] == [A]
    assert [each["within_s"] for each in identical["lifetimes"]] == [
        300.0,
        3600.0,
        86400.0,
        None,
    ]
    assert found["options"]
