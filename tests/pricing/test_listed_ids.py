"""Ids of one model that AWS spells in several ways, units at zero, announced ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pytest

from bedrock_attrib import ConfigError
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._model.record import PriceReason, PriceStatus, Quote
from bedrock_attrib._model.usage import Unit, Usage
from bedrock_attrib.pricing import PriceTable

NOV = datetime(2026, 11, 15, tzinfo=UTC)
BOTH = Usage({Unit.INPUT_TOKEN: 1000, Unit.OUTPUT_TOKEN: 1000})
WRITES = Usage(
    {
        Unit.INPUT_TOKEN: 10,
        Unit.OUTPUT_TOKEN: 5,
        Unit.CACHE_WRITE_5M_TOKEN: 2000,
    }
)


def quote(table: PriceTable, model: str, usage: Usage = BOTH, **call: object) -> Quote:
    """A quote from us-east-1 in November 2026 unless *call* says other."""
    asked = {"region": "us-east-1", "at": NOV, **call}
    return table.quote(parse_model_id(model), usage, **asked)  # type: ignore[arg-type] # as the test has it


SAME_MODEL = [
    # The endpoints' own ids.
    ("moonshot.kimi-k2-thinking", "moonshotai.kimi-k2-thinking"),
    ("openai.gpt-oss-20b", "openai.gpt-oss-20b-1:0"),
    ("openai.gpt-oss-120b", "openai.gpt-oss-120b-1:0"),
    ("deepseek.v3.1", "deepseek.v3-v1:0"),
    ("qwen.qwen3-32b", "qwen.qwen3-32b-v1:0"),
    ("qwen.qwen3-235b-a22b-2507", "qwen.qwen3-235b-a22b-2507-v1:0"),
    ("qwen.qwen3-coder-30b-a3b-instruct", "qwen.qwen3-coder-30b-a3b-v1:0"),
    ("qwen.qwen3-coder-480b-a35b-instruct", "qwen.qwen3-coder-480b-a35b-v1:0"),
    ("qwen.qwen3-vl-235b-a22b-instruct", "qwen.qwen3-vl-235b-a22b"),
    ("anthropic.claude-haiku-4-5", "anthropic.claude-haiku-4-5-20251001-v1:0"),
    ("openai.gpt-5.4-2026-03-05", "openai.gpt-5.4"),
    ("openai.gpt-5.5-2026-04-23", "openai.gpt-5.5"),
    # With and without version and revision.
    ("us.anthropic.claude-opus-4-6-v1:0", "us.anthropic.claude-opus-4-6-v1"),
    ("eu.anthropic.claude-opus-4-6", "eu.anthropic.claude-opus-4-6-v1"),
    ("anthropic.claude-opus-4-7-v1:0", "anthropic.claude-opus-4-7"),
    ("anthropic.claude-v2:0:18k", "anthropic.claude-v2"),
    ("anthropic.claude-sonnet-4-5", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
    # Context and size suffixes.
    ("amazon.nova-pro-v1:0:300k", "amazon.nova-pro-v1:0"),
    ("amazon.nova-premier-v1:0:mm", "amazon.nova-premier-v1:0"),
    ("anthropic.claude-v2:1:200k", "anthropic.claude-v2:1"),
    ("cohere.command-text-v14:7:4k", "cohere.command-text-v14"),
]
INPUT_ONLY = [
    ("amazon.titan-embed-text-v1:2:8k", "amazon.titan-embed-text-v1"),
    ("amazon.titan-embed-image-v1:0", "amazon.titan-embed-image-v1"),
    ("cohere.embed-english-v3:0:512", "cohere.embed-english-v3"),
]


@pytest.mark.parametrize(("called", "listed"), [*SAME_MODEL, *INPUT_ONLY])
def test_same_model(bundled: PriceTable, called: str, listed: str):
    """An id of the same model has the same price, with certainty."""
    usage = BOTH if (called, listed) in SAME_MODEL else Usage({Unit.INPUT_TOKEN: 1000})
    found, expected = quote(bundled, called, usage), quote(bundled, listed, usage)
    assert found.cost is not None
    assert expected.cost is not None
    assert (found.status, found.cost.total) == (PriceStatus.PRICED, expected.cost.total)
    assert bundled.listed_id(called) == parse_model_id(listed).model_id


@pytest.mark.parametrize(
    "model",
    [
        "anthropic.claude-3-5-sonnet-20240620-v2:0",  # of another version
        "amazon.nova-lite-v2:0",
        "anthropic.claude-opus-4-9",
        "anthropic.claude-3-7-sonnet-20240620-v1:0",  # of another day
        "stability.stable-image-core-v1",  # two revisions
        "qwen.qwen3-next-80b",
        "claude-sonnet-4-5-20250929-v1:0",  # without its vendor
    ],
)
def test_other_model(bundled: PriceTable, model: str):
    """An id that states something else is never priced as a similar one."""
    found = quote(bundled, model)
    assert (found.cost, found.code) == (None, PriceReason.MODEL_NOT_LISTED)
    base = parse_model_id(model).model_id
    assert found.reason == f"model {base!r} is not in the price table"
    assert bundled.listed_id(model) is None


def test_unknown_date(bundled: PriceTable):
    """A date that the table does not have makes the price an estimate."""
    found = quote(bundled, "openai.gpt-6-sol-2026-09-22")
    assert found.cost is not None
    assert found.status is PriceStatus.ESTIMATED
    assert found.reason == (
        "'openai.gpt-6-sol-2026-09-22' is not in the price table; priced as "
        "'openai.gpt-6-sol', which has no date"
    )


def test_two_ids_with_prices_of_their_own(bundled: PriceTable):
    """Ids that AWS prices apart are no aliases."""
    runtime = quote(bundled, "qwen.qwen3-next-80b-a3b")
    mantle = quote(bundled, "qwen.qwen3-next-80b-a3b-instruct")
    assert runtime.cost is not None
    assert mantle.cost is not None
    assert (runtime.cost.total, mantle.cost.total) == (
        Decimal("0.00135"),
        Decimal("0.00134"),
    )


def test_recorded_ids(bundled: PriceTable, shared: Path):
    """Every model that answered in recorded traffic has prices."""
    lines = [
        json.loads(line)
        for file in (shared / "recordings").glob("*.jsonl")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    called = {
        unquote(each["model_id"]) for each in lines if each["response"]["status"] == 200
    }
    assert [each for each in sorted(called) if bundled.listed_id(each) is None] == []


NOVA = [
    "us.amazon.nova-micro-v1:0",
    "us.amazon.nova-lite-v1:0",
    "eu.amazon.nova-lite-v1:0",
    "us.amazon.nova-pro-v1:0",
    "global.amazon.nova-2-lite-v1:0",
]


@pytest.mark.parametrize("model", NOVA)
def test_cache_writes_at_zero(bundled: PriceTable, model: str):
    """Cache writes of Nova are listed at zero: known, and so no gap."""
    region = "eu-central-1" if model.startswith("eu.") else "us-east-1"
    with_writes = quote(bundled, model, WRITES, region=region)
    plain = Usage({Unit.INPUT_TOKEN: 10, Unit.OUTPUT_TOKEN: 5})
    without = quote(bundled, model, plain, region=region)
    assert with_writes.cost is not None
    assert without.cost is not None
    assert with_writes.cost.total == without.cost.total
    assert with_writes.status is PriceStatus.PRICED
    rate = with_writes.cost.rates[Unit.CACHE_WRITE_5M_TOKEN]
    assert rate.price == 0
    assert rate.sources


def test_cache_writes_that_are_taken_for_zero(bundled: PriceTable):
    """Where AWS does not confirm the zero, the price is an estimate."""
    found = quote(bundled, "us.amazon.nova-premier-v1:0", WRITES)
    assert found.cost is not None
    assert (found.status, found.cost.unpriced_units) == (PriceStatus.ESTIMATED, ())
    assert found.reason == "no source of AWS confirms this price"


@pytest.mark.parametrize("tier", ["flex", "batch", "priority"])
def test_zero_at_every_tier(bundled: PriceTable, tier: str):
    """What is listed at zero is zero at each on-demand tier."""
    usage = Usage({Unit.CACHE_WRITE_5M_TOKEN: 2000})
    found = quote(bundled, "us.amazon.nova-pro-v1:0", usage, tier=tier)
    assert (found.status, found.code) == (
        PriceStatus.FREE,
        PriceReason.LIST_PRICE_ZERO,
    )


@pytest.mark.parametrize(
    "call",
    [
        {"region": "us-gov-west-1"},
        {"tier": "reserved-1-month"},
        {"model": "us.amazon.nova-sonic-v1:0"},
        {"unit": Unit.CACHE_WRITE_1H_TOKEN},
    ],
)
def test_zero_only_where_listed(bundled: PriceTable, call: dict[str, str]):
    """Nothing is taken for free elsewhere."""
    model = call.pop("model", "us.amazon.nova-pro-v1:0")
    usage = Usage({call.pop("unit", Unit.CACHE_WRITE_5M_TOKEN): 2000})
    assert quote(bundled, model, usage, **call).status is PriceStatus.UNPRICED


def test_announced_end(bundled: PriceTable):
    """After the announced end of a promotion, its price is an estimate."""
    model = "us.openai.gpt-5.6-sol"
    last_day = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
    before = quote(bundled, model, at=last_day)
    after = quote(bundled, model, at=datetime(2026, 11, 22, tzinfo=UTC))
    assert before.cost is not None
    assert after.cost is not None
    assert (before.status, before.cost.total) == (
        PriceStatus.PRICED,
        Decimal("0.0264"),
    )
    assert (after.status, after.cost.total) == (
        PriceStatus.ESTIMATED,
        Decimal("0.0264"),
    )
    assert after.reason == (
        "this price was announced until 2026-11-21 (aws-news-20260821); no later one "
        "is known"
    )


def test_announced_end_of_the_calendar(tmp_path: Path):
    """The last day of the calendar can be the announced end of a price."""
    content = _file()
    content["rows"][0][13]["until"] = ["9999-12-31", "x"]  # type: ignore[index]
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    usage = Usage({Unit.INPUT_TOKEN: 5})
    found = quote(PriceTable.load(path), "acme.a-v1:0", usage)
    assert found.status is PriceStatus.PRICED


def test_disputed_by_aws(bundled: PriceTable):
    """Where two sources of AWS disagree, the price is an estimate and names both."""
    found = quote(bundled, "us.anthropic.claude-3-5-sonnet-20241022-v2:0")
    assert found.cost is not None
    assert (found.status, found.cost.total) == (
        PriceStatus.ESTIMATED,
        Decimal("0.018"),
    )
    assert found.reason == (
        "sources disagree: 6 in aws-page-20260724; "
        "sources disagree: 30 in aws-page-20260724"
    )


def test_dispute_that_aws_decides(bundled: PriceTable):
    """A dispute that AWS's own list decides leaves the price certain."""
    found = quote(bundled, "openai.gpt-oss-120b-1:0")
    rows = list(bundled.rows(model="openai.gpt-oss-120b-1:0", region="default"))
    assert any(row.disputed for row in rows)
    assert found.status is PriceStatus.PRICED


def test_dispute_of_single_sources(bundled: PriceTable):
    """One source against another, neither of them AWS, is an estimate."""
    found = quote(bundled, "mistral.voxtral-small-24b-2507", tier="priority")
    assert found.status is PriceStatus.ESTIMATED
    assert found.reason.startswith("sources disagree: 0.175 in portkey")


def _file(**changes: object) -> dict[str, object]:
    return {
        "schema": 1,
        "generated": "2026-11-30",
        "currency": "USD",
        "columns": [
            *("model", "region", "scope", "tier", "latency_mode", "context_band"),
            *("unit", "price", "per", "valid_from", "valid_to", "sources"),
            *("independent_sources", "remarks"),
        ],
        "sources": {"x": {"id": "x", "about": "a test", "seen": "2026"}},
        "rows": [
            [
                *("acme.a-v1:0", "default", "regional", "default", "standard", ""),
                *("input_token", "2", 1_000_000, None, None, "x", 1, {}),
            ]
        ],
        **changes,
    }


def test_price_file_with_all_of_it(tmp_path: Path):
    """Aliases, units at zero and announced ends can be in anybody's price file."""
    content = _file(
        aliases={"acme.b": ["acme.a-v1:0", "x"]},
        free=[["acme.a-v1:0", "output_token", "x", True]],
    )
    content["rows"][0][13]["until"] = ["2026-11-14", "x"]  # type: ignore[index]
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    found = quote(PriceTable.load(path), "acme.b")
    assert found.cost is not None
    assert found.cost.total == Decimal("0.002")
    assert found.reason == (
        "this price was announced until 2026-11-14 (x); no later one is known"
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"aliases": {"acme.b": ["acme.c", "x"]}}, "aliases.acme.b: expected another"),
        ({"aliases": {"acme.a-v1:0": ["acme.a-v1:0", "x"]}}, "expected another id"),
        ({"aliases": {"acme.b": ["acme.a-v1:0", "y"]}}, "'y' is not under sources"),
        ({"free": [["acme.c", "output_token", "x", True]]}, "free: acme.c has no rows"),
        (
            {"free": [["acme.a-v1:0", "output_token", "y", True]]},
            "'y' is not under sources",
        ),
    ],
)
def test_wrong_notes(tmp_path: Path, changes: dict[str, object], problem: str):
    """Aliases and units at zero are checked like rows."""
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(_file(**changes)), encoding="utf-8")
    with pytest.raises(ConfigError, match=problem):
        PriceTable.load(path)
