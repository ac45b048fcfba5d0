"""Recorded exchanges: replayed over sockets, and billed by model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import monotonic

from rich.console import RenderableType
from rich.progress import track

from ..._model.cost import ZERO, add
from ..._model.formatting import exact_money
from ...reports import (
    ChargesReport,
    SpendReport,
    UnpricedReport,
    charges,
    spend_by,
    unpriced,
)
from ...testing import Recording, load_recordings, replay
from .._console import is_animated, remarks, results
from .._json import JsonObject, amount_json
from .._price_table import print_block
from .._tables import new_list
from ..report._charges import charges_table
from ..report._json import charges_json, spend_json, unpriced_json
from ..report._unpriced import unpriced_block
from ._endpoint import MeteredEndpoint, metered_endpoint
from ._report import ESTIMATES, titled
from ._session import INTERRUPTED, how_to_report

# For recordings without a region: the one with the fewest prices of its own.
_REGION = "us-east-1"
_USD = "USD"


@dataclass(frozen=True, slots=True)
class Replayed:
    """Results of a replay.

    Attributes:
        by_model: Spend by model.
        charges: The same amounts as counts times prices.
        unpriced: Calls that are not fully priced.
        of: Number of recordings.
        without_region: Recordings that do not state their region.
        elapsed_s: Seconds that the calls took.
        prices_of: Day of the list prices.
    """

    by_model: SpendReport
    charges: ChargesReport
    unpriced: UnpricedReport
    of: int
    without_region: int
    elapsed_s: float
    prices_of: date


def run_recordings(directory: Path, *, ledger: Path | None, as_json: bool) -> int:
    """Bill the recordings of *directory*, and return the exit code.

    Raises:
        ConfigError: If there are none, or one is invalid.
    """
    recordings = load_recordings(directory)
    with metered_endpoint(ledger=ledger) as endpoint:
        endpoint.simulator.serve(recordings)
        started = monotonic()
        is_complete = _replay_all(recordings, endpoint)
        endpoint.recorder.close()
        replayed = Replayed(
            by_model=spend_by(endpoint.ledger, ("model",)),
            charges=charges(endpoint.ledger),
            unpriced=unpriced(endpoint.ledger),
            of=len(recordings),
            without_region=sum(recording.region is None for recording in recordings),
            elapsed_s=monotonic() - started,
            prices_of=endpoint.prices_of,
        )
    out = results()
    if as_json:
        out.print(json.dumps(_as_json(replayed), indent=2), soft_wrap=True)
    else:
        for number, part in enumerate(_report(replayed)):
            if number:
                out.print()
            print_block(part)
    if ledger is not None:
        remarks().print(how_to_report(ledger), soft_wrap=True)
    return 0 if is_complete else INTERRUPTED


def _replay_all(recordings: Sequence[Recording], endpoint: MeteredEndpoint) -> bool:
    """Repeat every recorded call; return False if Ctrl-C came before the last."""
    err = remarks()
    try:
        for recording in track(
            recordings,
            "Exchanges",
            console=err,
            transient=True,
            auto_refresh=False,  # its thread could survive Ctrl-C
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


def _report(replayed: Replayed) -> Iterator[RenderableType]:
    yield charges_table("Charges of the recorded exchanges", replayed.charges)
    yield unpriced_block(replayed.unpriced)
    yield titled("Recorded exchanges, by model", replayed.by_model)
    yield new_list("About this bill", _facts(replayed))


def _facts(replayed: Replayed) -> Iterator[str]:
    calls = replayed.by_model.total.calls
    yield (
        f"{calls} of {replayed.of} exchanges in {replayed.elapsed_s:.1f} s, by boto3 "
        f"over sockets."
    )
    if replayed.without_region:
        yield (
            f"{replayed.without_region} of them do not state their region and are "
            f"priced as called from {_REGION}."
        )
    yield f"List prices of {replayed.prices_of}. {ESTIMATES}"
    total = ZERO
    for row in replayed.by_model.rows:
        total = add(total, row.spend.cost.get(_USD, ZERO))
    yield f"The rows of each table add up to {exact_money(total)}, exactly."


def _as_json(replayed: Replayed) -> JsonObject:
    total = replayed.by_model.total
    return {
        "exchanges": replayed.of,
        "calls": total.calls,
        "elapsed_s": round(replayed.elapsed_s, 3),
        "prices_of": replayed.prices_of.isoformat(),
        "currency": _USD,
        "total": amount_json(total.cost.get(_USD, ZERO)),
        "by_model": spend_json(replayed.by_model),
        "charges": charges_json(replayed.charges),
        "unpriced": unpriced_json(replayed.unpriced),
    }
