"""Records to keep, priced by the bundled table."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

from bedrock_attrib import CallRecord, PriceTable, Unit, Usage
from bedrock_attrib._model_id import parse_model_id
from bedrock_attrib._record import Outcome, Tags

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOON = datetime(2026, 11, 25, 12, 0, 0, 123456, tzinfo=UTC)
USAGE = Usage({Unit.INPUT_TOKEN: 100, Unit.OUTPUT_TOKEN: 50})

_NUMBERS = itertools.count()


def make_record(
    usage: Usage | None = USAGE,
    *,
    at: datetime = NOON,
    model: str = MODEL,
    **fields: Any,
) -> CallRecord:
    """A finished call of *model*, priced as a recorder would."""
    ref = parse_model_id(model)
    tags = Tags(fields.pop("tags", {"team": "search", "app": "ranker"}))
    record = CallRecord(
        id=f"{'ab' * 10}{next(_NUMBERS):012x}",
        started_at=at,
        operation="Converse",
        model=ref,
        region="us-east-1",
        tier="default",
        latency_mode="standard",
        tags=tags,
        usage=usage,
        usage_source="" if usage is None else "converse.usage",
        cost=None,
        price_status="unpriced",  # type: ignore[arg-type] # replaced below
        price_reason="",
        duration_s=1.25,
        time_to_first_chunk_s=None,
        outcome=Outcome.OK,
        error=None,
        attempts=1,
        request_id="0f0e0d0c-0b0a-4908-8706-050403020100",
    )
    quote = PriceTable.bundled().quote(
        ref, usage or Usage({}), region="us-east-1", at=at
    )
    record = record._replace(
        cost=None if usage is None else quote.cost,
        price_status=quote.status,
        price_reason=quote.reason,
    )
    return record._replace(**fields)
