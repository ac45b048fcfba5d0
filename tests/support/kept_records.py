"""Records to keep, priced by the bundled table."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bedrock_attrib import CallRecord, Cost, PriceTable, Unit, Usage
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import Outcome, PriceReason, PriceStatus
from bedrock_attrib._model.tags import Tags

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
        price_reason_code=None,
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
        price_reason_code=quote.code,
    )
    return record._replace(**fields)


# One of each sort, by what is particular about it.
RECORDS = {
    "priced": make_record(),
    "tagged": make_record(tags={"team": "Suche", "app": "größer", "x": "=1+1"}),
    "untagged": make_record(tags={}),
    "cached": make_record(
        Usage(
            {
                Unit.INPUT_TOKEN: 1,
                Unit.OUTPUT_TOKEN: 0,
                Unit.CACHE_READ_TOKEN: 1000,
                Unit.CACHE_WRITE_5M_TOKEN: 50,
                Unit.CACHE_WRITE_1H_TOKEN: 150,
            }
        )
    ),
    "other units": make_record(
        Usage({Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 3, Unit.GUARDRAIL_TOPIC_TEXT_UNIT: 2}),
        model="bedrock.guardrail",
        operation="ApplyGuardrail",
    ),
    "unpriced": make_record(model="acme.unheard-of-v1:0"),
    "partial": make_record(
        Usage({Unit.INPUT_TOKEN: 5, Unit.OUTPUT_IMAGE: 1}),
    ),
    "unknown usage": make_record(
        None,
        price_status=PriceStatus.UNPRICED,
        price_reason="the answer states no usage",
        price_reason_code=PriceReason.USAGE_NOT_STATED,
        outcome=Outcome.ABANDONED,
    ),
    "failed": make_record(
        None,
        price_status=PriceStatus.FREE,
        outcome=Outcome.ERROR,
        error="ThrottlingException",
        attempts=5,
        request_id=None,
    ),
    "stream": make_record(time_to_first_chunk_s=0.25, operation="ConverseStream"),
    "reported without a duration": make_record(duration_s=None),
    "attempted before": make_record(
        attempts=3, doubtful_attempts=("ReadTimeoutError", "ConnectionClosedError")
    ),
    "odd request id": make_record(request_id="REQ/1"),
    "upper-case request id": make_record(
        request_id="0F0E0D0C-0B0A-4908-8706-050403020100"
    ),
    "id of another": make_record(id="order-17"),
    "immense": make_record(Usage({Unit.INPUT_TOKEN: 10**30, Unit.OUTPUT_TOKEN: 1})),
    "old": make_record(at=datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    "hashed request": make_record(request_hash="00" * 15 + "0f"),
    "hash of another": make_record(request_hash="sha1:übel"),
    "given cost": make_record(
        cost=Cost(Decimal("0.1234567890123456789"), "EUR", {}, {})
    ),
}
