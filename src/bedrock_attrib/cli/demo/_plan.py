"""Plan of the demo: the order of its calls, and the reply to each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ..._model.usage import Unit, Usage
from ...testing import Reply
from ._jobs import JOBS, Job, Turn

_SEED = 20261123
_SPREAD = 0.4  # Token counts lie within this share of a job's typical ones.
_ROUND_TO = 10
_VARIES = frozenset({Unit.INPUT_TOKEN, Unit.OUTPUT_TOKEN})
_STREAM_CHUNKS = 12
_LATENCY_S = (0.010, 0.050)
_PLAIN = Turn()


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the demo.

    Attributes:
        at: When it starts, as a share of the whole run from 0 to 1.
        job: Its job.
        reply: Reply of the endpoint.
        events: Events that are read before the stream is abandoned; None for all.
    """

    at: float
    job: Job
    reply: Reply
    events: int | None = None


Lane = tuple[Step, ...]
"""Steps of one job, in order: the same operation of the same model."""


def plan(jobs: Sequence[Job] = JOBS) -> tuple[Lane, ...]:
    """Plan the calls of the demo, the same ones every time.

    Returns:
        A lane for each job. Lanes share neither operation and model nor any state,
        so they can run in parallel and give the same figures in any order.
    """
    return tuple(
        tuple(_steps(job, number, len(jobs))) for number, job in enumerate(jobs)
    )


def _steps(job: Job, number: int, of: int) -> Iterator[Step]:
    # Not for secrets: every run has the same figures.
    random = Random(f"{_SEED}/{number}")  # noqa: S311
    for call in range(job.calls):
        usual = _vary(job.usage, random)
        latency_s = random.uniform(*_LATENCY_S)
        turn = job.turns.get(call, _PLAIN)
        yield Step(
            at=(call + number / of) / job.calls,
            job=job,
            reply=Reply(
                usage=usual if turn.usage is None else turn.usage,
                error=turn.error,
                fault=turn.fault,
                chunks=_STREAM_CHUNKS,
                latency_s=latency_s,
                service_tier=job.tier,
            ),
            events=turn.events,
        )


def _vary(usage: Usage, random: Random) -> Usage:
    factors = {unit: random.uniform(1 - _SPREAD, 1 + _SPREAD) for unit in usage}
    return Usage(
        {
            unit: round(count * factors[unit] / _ROUND_TO) * _ROUND_TO
            if unit in _VARIES
            else count
            for unit, count in usage.items()
        }
    )
