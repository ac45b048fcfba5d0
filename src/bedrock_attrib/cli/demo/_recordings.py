"""What recorded exchanges cost: played again over sockets, and billed by model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import monotonic

from rich.console import Group, RenderableType
from rich.progress import track
from rich.text import Text

from ..._model.record import CallRecord
from ...testing import Recording, load_recordings, replay
from .._bill import BY_MODEL, Bill, bill_of, not_priced
from .._console import is_animated, remarks, results
from .._figures import decimals_of, dollars
from .._json import JsonObject, amount_json, bill_json
from .._tables import model_table, new_list, not_priced_list
from ._endpoint import MeteredEndpoint, metered_endpoint
from ._report import ESTIMATES
from ._show import INTERRUPTED, how_to_report

# Where a recording does not say its region: the one with the fewest prices of its own.
_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of the recordings.

    Attributes:
        records: Finished calls.
        of: Number of recordings.
        without_region: Recordings that do not say their region.
        elapsed_s: Seconds that the calls took.
        prices_of: Day whose list prices hold.
    """

    records: Sequence[CallRecord]
    of: int
    without_region: int
    elapsed_s: float
    prices_of: date


def run_recordings(directory: Path, *, ledger: Path | None, as_json: bool) -> int:
    """Bill the recordings of *directory*; the exit code.

    Raises:
        ConfigError: If there are none, or one is not as documented.
    """
    recordings = load_recordings(directory)
    with metered_endpoint(ledger=ledger) as endpoint:
        endpoint.simulator.serve(recordings)
        started = monotonic()
        is_whole = _replay_all(recordings, endpoint)
        endpoint.recorder.close()
        replayed = Replayed(
            records=endpoint.records,
            of=len(recordings),
            without_region=sum(recording.region is None for recording in recordings),
            elapsed_s=monotonic() - started,
            prices_of=endpoint.prices_of,
        )
    bill = bill_of(replayed.records, BY_MODEL)
    if as_json:
        results().print(json.dumps(_as_json(replayed, bill), indent=2), soft_wrap=True)
    else:
        results().print(_report(replayed, bill))
    if ledger is not None:
        remarks().print(how_to_report(ledger), soft_wrap=True)
    return 0 if is_whole else INTERRUPTED


def _replay_all(recordings: Sequence[Recording], endpoint: MeteredEndpoint) -> bool:
    """Make every recorded call again; False if Ctrl-C came before the last."""
    err = remarks()
    try:
        for recording in track(
            recordings,
            "Exchanges",
            console=err,
            transient=True,
            auto_refresh=False,  # by a thread, which Ctrl-C could leave behind
            disable=not is_animated(err),
        ):
            _replay_one(recording, endpoint)
    except KeyboardInterrupt:
        return False
    return True


def _replay_one(recording: Recording, endpoint: MeteredEndpoint) -> None:
    client = endpoint.client(recording.region or _REGION)
    try:
        replay(recording, client)
    except client.exceptions.ClientError:
        return  # Recorded: the bill counts it as failed.


def _report(replayed: Replayed, bill: Bill) -> RenderableType:
    decimals = decimals_of(line.cost for line in bill.lines.values())
    return Group(
        model_table("Recorded exchanges, by model", bill, decimals),
        Text(),
        not_priced_list(not_priced(replayed.records)),
        Text(),
        new_list("How this was found", _facts(replayed, bill, decimals)),
    )


def _facts(replayed: Replayed, bill: Bill, decimals: int) -> Iterator[str]:
    yield (
        f"{len(replayed.records)} of {replayed.of} exchanges in "
        f"{replayed.elapsed_s:.1f} s, by boto3 over sockets."
    )
    if replayed.without_region:
        yield (
            f"{replayed.without_region} of them do not say their region and are "
            f"priced as called from {_REGION}."
        )
    added = dollars(bill.sum_of_lines(), decimals)
    yield f"The lines above add up to {added}, exactly."
    yield f"List prices of {replayed.prices_of}. {ESTIMATES}"


def _as_json(replayed: Replayed, bill: Bill) -> JsonObject:
    return {
        "exchanges": replayed.of,
        "calls": len(replayed.records),
        "elapsed_s": round(replayed.elapsed_s, 3),
        "prices_of": replayed.prices_of.isoformat(),
        "currency": "USD",
        "total": amount_json(bill.total.cost),
        "by_model": bill_json(bill),
        "not_priced": bill_json(not_priced(replayed.records)),
    }
