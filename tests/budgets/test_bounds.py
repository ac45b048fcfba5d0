"""Upper bounds: no call uses more than was said before it was sent."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_attrib import CallRecord, CallStart, Recorder, Unit, Usage, instrument
from bedrock_attrib._model.call_start import RequestSize, RequestTerms
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.tags import NO_TAGS
from bedrock_attrib.budgets.bounds import Bound, Bounds
from bedrock_attrib.budgets.charges import charge_of
from bedrock_attrib.budgets.measures import Measure
from bedrock_attrib.budgets.model_limits import MODEL_LIMITS
from bedrock_attrib.pricing import PriceTable
from bedrock_attrib.testing import bedrock_simulator
from bedrock_attrib.testing._recordings import load_recordings, replay

NOVA = "us.amazon.nova-micro-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LLAMA = "us.meta.llama3-1-8b-instruct-v1:0"
BOUNDS = Bounds(PriceTable.bundled)
AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def bound(
    model: str,
    size: RequestSize | None,
    operation: str = "Converse",
    **terms: Any,
) -> Bound:
    """Return the bound of a call."""
    start = CallStart(
        operation,
        parse_model_id(model),
        "us-east-1",
        NO_TAGS,
        AT,
        lambda: size,
        RequestTerms(**terms),
    )
    return BOUNDS.of(start)


def price(model: str, **counts: int) -> Decimal:
    """Return what counts cost."""
    usage = Usage({Unit(name): count for name, count in counts.items()})
    return PriceTable.bundled().price(model, usage, region="us-east-1", at=AT).total


@pytest.mark.parametrize(
    ("model", "size", "input_tokens", "output_tokens"),
    [
        # 256 of the template, 16 for the message, a token for each byte.
        (NOVA, RequestSize(max_tokens=50, text_bytes=1000, messages=1), 1272, 50),
        # Without maxTokens the model's own maximum.
        (NOVA, RequestSize(text_bytes=1000, messages=1), 1272, 10_000),
        (LLAMA, RequestSize(text_bytes=1000, messages=1), 1272, 131_072),
        # Tools: their definitions, and a system prompt.
        (
            SONNET,
            RequestSize(max_tokens=9, text_bytes=100, tool_bytes=300, messages=1),
            100 + 272 + 300 + 1024,
            9,
        ),
        # An image is at most what Anthropic says; of others nobody says.
        (SONNET, RequestSize(max_tokens=9, images=2), 256 + 2 * 4784, 9),
        (
            "us.amazon.nova-lite-v1:0",
            RequestSize(max_tokens=9, images=1),
            307_200,
            9,
        ),
        (SONNET, RequestSize(max_tokens=9, documents=1), 1_048_576, 9),
        # No prompt is longer than the window.
        (NOVA, RequestSize(max_tokens=9, text_bytes=10**7), 131_072, 9),
    ],
)
def test_tokens_and_their_price(
    model: str, size: RequestSize, input_tokens: int, output_tokens: int
) -> None:
    """The prompt at the price of plain tokens, the answer at that of output."""
    found = bound(model, size)
    assert found.tokens == input_tokens + output_tokens
    assert found.usd == price(
        model, input_token=input_tokens, output_token=output_tokens
    )
    assert found.reason is None


def test_cache_writes_are_the_dearest_that_may_be() -> None:
    """Where the request asks for a part to be cached, for an hour at most."""
    size = RequestSize(max_tokens=9, text_bytes=1000, messages=1, writes_cache=True)
    assert bound(SONNET, size).usd == price(
        SONNET, cache_write_1h_token=1272, output_token=9
    )


def test_the_dearer_of_two_tiers_holds() -> None:
    """A call that asks for flex may be served at the default price."""
    size = RequestSize(max_tokens=9, text_bytes=1000, messages=1)
    model = "us.amazon.nova-2-lite-v1:0"
    plain = bound(model, size).usd
    assert plain is not None
    assert bound(model, size, tier="flex").usd == plain
    priority = bound(model, size, tier="priority").usd
    assert priority is not None
    assert priority > plain


def test_counts_of_the_request_are_billed_as_they_are() -> None:
    """Images that a model is asked for, instead of tokens."""
    unit = Unit.OUTPUT_IMAGE_UP_TO_1024_STANDARD
    found = bound(
        "amazon.nova-canvas-v1:0",
        None,
        "InvokeModel",
        counts={unit: 3},
        replaces_tokens=True,
    )
    assert found == Bound(Decimal("0.12"), 0, None)


def test_a_free_operation_is_bounded_by_nothing() -> None:
    """Whatever its request is."""
    assert bound(SONNET, None, "CountTokens") == Bound(Decimal(0), 0, None)


@pytest.mark.parametrize(
    ("model", "size", "terms", "says"),
    [
        (NOVA, None, {}, "the size of the request is not known"),
        (
            "my.model",
            RequestSize(text_bytes=1),
            {},
            "limits of the model are not known",
        ),
        ("my.model", RequestSize(max_tokens=1), {}, "is not in the price table"),
        (NOVA, RequestSize(), {"has_guardrail": True}, "a guardrail is applied"),
        (NOVA, RequestSize(), {"has_system_tool": True}, "may use tools of AWS"),
        (NOVA, RequestSize(), {"uncounted": "seconds of video"}, "seconds of video"),
    ],
)
def test_what_has_no_bound_says_why(
    model: str, size: RequestSize | None, terms: dict[str, Any], says: str
) -> None:
    """So that an error can tell what to do."""
    found = bound(model, size, **terms)
    assert found.usd is None
    assert says in (found.reason or "")


@given(
    model=st.sampled_from([NOVA, SONNET, LLAMA]),
    text=st.integers(0, 3_000_000),
    more=st.integers(0, 200_000),
    images=st.integers(0, 5),
    writes_cache=st.booleans(),
)
def test_nothing_that_fits_costs_more(
    model: str, text: int, more: int, images: int, *, writes_cache: bool
) -> None:
    """More text is never bounded by less, and no split of the tokens costs more."""
    size = RequestSize(
        max_tokens=100, text_bytes=text, images=images, writes_cache=writes_cache
    )
    longer = RequestSize(
        max_tokens=100, text_bytes=text + more, images=images, writes_cache=writes_cache
    )
    found, beyond = bound(model, size), bound(model, longer)
    assert found.usd is not None
    assert beyond.usd is not None
    assert (found.usd, found.tokens) <= (beyond.usd, beyond.tokens)
    assert found.tokens is not None
    prompt = found.tokens - 100
    assert price(model, input_token=prompt, output_token=100) <= found.usd
    if writes_cache and model == SONNET:
        half = prompt // 2
        split = price(
            model,
            input_token=prompt - half,
            cache_write_1h_token=half,
            output_token=100,
        )
        assert split <= found.usd


def test_every_text_model_with_a_price_has_limits() -> None:
    """Those that bill output tokens, and are called by Converse or InvokeModel."""
    rows = PriceTable.bundled().rows()
    texts = {row.model_id for row in rows if row.unit is Unit.OUTPUT_TOKEN}
    unknown = {
        "custom-model-import",  # the weights are the customer's
        "amazon.nova-sonic-v1:0",  # a stream in both directions
        "twelvelabs.pegasus-1-2-v1:0",  # by seconds of video
    }
    assert texts - MODEL_LIMITS.keys() - unknown == set()


class _Noting:
    """A guard that notes bounds, and what calls used of them."""

    is_independent = True

    def __init__(self) -> None:
        self.found: list[tuple[Bound, CallRecord]] = []

    def check(self, start: CallStart) -> Any:
        """Note the bound of a call, and then its record."""
        found, most = self.found, BOUNDS.of(start)

        class Held:
            def settle(self, record: CallRecord) -> None:
                found.append((most, record))

        return Held()


def test_no_recorded_call_used_more(shared: Path) -> None:
    """Real traffic: of 97 exchanges 93 have a bound."""
    recordings = load_recordings(shared / "recordings")
    guard = _Noting()
    with bedrock_simulator() as simulator:
        simulator.serve(recordings)
        recorder = Recorder(guards=[guard])
        client = instrument(simulator.client(), recorder=recorder)
        for recording in recordings:
            with suppress(Exception):  # what Bedrock has refused
                replay(recording, client)
        recorder.flush()
    passed = [
        record
        for most, record in guard.found
        if (
            most.tokens is not None
            and charge_of(Measure.TOKENS, 0, record) > most.tokens
        )
        or (
            most.usd is not None
            and record.cost is not None
            and record.cost.total > most.usd
        )
    ]
    assert passed == []
    assert len(guard.found) == len(recordings)
    bounded = sum(most.usd is not None for most, _ in guard.found)
    assert bounded >= 0.95 * len(recordings)
