"""What was saved, what was wasted, and where less could be spent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from kept_records import make_record

from bedrock_attrib import CallRecord, PriceTable, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.ledger import Ledger
from bedrock_attrib.pricing import PriceRow
from bedrock_attrib.reports import (
    SavingsOption,
    SavingsOptionReport,
    SavingsReport,
    savings,
    select,
)

Keep = Callable[..., Ledger]
SONNET_5 = "us.anthropic.claude-sonnet-5"
GLOBAL_SONNET_5 = "global.anthropic.claude-sonnet-5"
NOVA = "us.amazon.nova-pro-v1:0"
LONG = Usage({Unit.INPUT_TOKEN: 10_000, Unit.OUTPUT_TOKEN: 100})


def option(found: SavingsReport, name: SavingsOption) -> SavingsOptionReport:
    """What *found* says of one option."""
    (report,) = (each for each in found.options if each.option is name)
    return report


def saved(
    found: SavingsReport, name: SavingsOption
) -> dict[tuple[str | None, ...], Decimal]:
    """What one option saves, by keys."""
    return {each.keys: each.amount for each in option(found, name).rows}


def cached(read: int, written: int) -> CallRecord:
    """A call of a global id that used the cache."""
    usage = {Unit.CACHE_READ_TOKEN: read, Unit.CACHE_WRITE_5M_TOKEN: written}
    return make_record(Usage(usage | {Unit.INPUT_TOKEN: 100}), model=GLOBAL_SONNET_5)


def test_what_caching_saved(keep: Keep) -> None:
    """Reads cost a tenth, and the surcharge of writes is taken off."""
    found = savings(keep(cached(1_000_000, 100_000)), ("team",))
    # 1,100,000 at 2 is 2.2; it was 0.2 + 0.25.
    expected = {("search", "anthropic.claude-sonnet-5"): Decimal("1.75")}
    assert saved(found, SavingsOption.CACHED) == expected
    assert option(found, SavingsOption.CACHED).total == Decimal("1.75")
    assert found.spent == Decimal("0.4502")


def test_a_cache_that_is_only_written_costs_more(keep: Keep) -> None:
    """A prefix that is never read again is a loss, and shown as one."""
    found = savings(keep(cached(0, 1_000_000)), ("team",))
    assert option(found, SavingsOption.CACHED).total == Decimal("-0.5")


def test_caching_by_models_whose_price_hangs_on_length(keep: Keep) -> None:
    """Calls that used no cache are in no figure of it, alone or among others."""
    model = "us.anthropic.claude-sonnet-4-20250514-v1:0"
    read = Usage({Unit.CACHE_READ_TOKEN: 100_000, Unit.INPUT_TOKEN: 1})
    unread = Usage({Unit.CACHE_READ_TOKEN: 0, Unit.INPUT_TOKEN: 10_000})
    ledger = keep(
        make_record(read, model=model, tags={"team": "a"}),
        make_record(unread, model=model, tags={"team": "a"}),
        make_record(unread, model=model, tags={"team": "b"}),
    )
    (saving,) = option(savings(ledger, ("team",)), SavingsOption.CACHED).rows
    assert (saving.keys[0], saving.repricing.calls) == ("a", 1)
    assert saving.amount == Decimal("0.27")  # 100,000 at 3 less 0.3


def test_what_failed_and_abandoned_calls_cost(keep: Keep) -> None:
    """Waste has its number of calls and of hidden retries."""
    ledger = keep(
        make_record(LONG, model=SONNET_5),
        make_record(LONG, model=SONNET_5, outcome=Outcome.ABANDONED),
        make_record(
            LONG, model=SONNET_5, outcome=Outcome.ERROR, error="Broken", attempts=3
        ),
        make_record(
            None,
            model=SONNET_5,
            outcome=Outcome.ERROR,
            error="ThrottlingException",
            attempts=5,
            price_status=PriceStatus.FREE,
        ),
        make_record(LONG, model=NOVA),
    )
    (waste,) = savings(ledger, ("team",)).wasted
    assert waste.keys == ("search", "anthropic.claude-sonnet-5")
    assert (waste.failed, waste.abandoned, waste.retries) == (2, 1, 6)
    # 10,000 x 2.2 and 100 x 11 for a million
    assert waste.failed_cost == Decimal("0.0231")
    assert waste.abandoned_cost == Decimal("0.0231")
    assert waste.cost == Decimal("0.0462")


def test_global_ids_instead_of_geo_ones(keep: Keep) -> None:
    """Calls without a global price are listed; global ones are ignored."""
    ledger = keep(
        make_record(LONG, model=SONNET_5),
        make_record(LONG, model=GLOBAL_SONNET_5),
        make_record(LONG, model=NOVA),
    )
    found = savings(ledger, ("team",))
    expected = {("search", "anthropic.claude-sonnet-5"): Decimal("0.0021")}
    assert saved(found, SavingsOption.GLOBAL) == expected
    assert [each.model for each in option(found, SavingsOption.GLOBAL).excluded] == [
        NOVA
    ]


def test_long_prompts_that_hardly_use_the_cache(keep: Keep) -> None:
    """An option has its evidence; few calls or short prompts are none."""
    short = Usage({Unit.INPUT_TOKEN: 1_000, Unit.OUTPUT_TOKEN: 10})
    ledger = keep(
        *(make_record(LONG, model=SONNET_5, tags={"team": "a"}) for _ in range(100)),
        *(make_record(LONG, model=SONNET_5, tags={"team": "b"}) for _ in range(99)),
        *(make_record(short, model=SONNET_5, tags={"team": "c"}) for _ in range(100)),
    )
    (chance,) = option(savings(ledger, ("team",)), SavingsOption.CACHE_MORE).rows
    assert chance.keys == ("a", "anthropic.claude-sonnet-5")
    # Of 500,000 tokens at 2.2, 450,000 cost 0.22 and 50,000 cost 2.75.
    assert chance.amount == Decimal("0.8635")
    assert chance.evidence == (
        "100 calls, prompts of 10,000 tokens on average, 0% of them from the cache",
    )


def test_where_nobody_waits(keep: Keep) -> None:
    """Tags or long answers speak for flex and batch, and a stream against them."""
    ledger = keep(
        make_record(LONG, model=NOVA, tags={"team": "a", "app": "nightly-index"}),
        make_record(LONG, model=NOVA, tags={"team": "b"}, duration_s=40.0),
        make_record(LONG, model=NOVA, tags={"team": "c"}, duration_s=2.0),
        make_record(
            LONG,
            model=NOVA,
            tags={"team": "d", "app": "batch"},
            time_to_first_chunk_s=1,
        ),
        make_record(LONG, model=NOVA, tags={"team": "e", "app": "batch"}, tier="flex"),
    )
    found = savings(ledger, ("team",))
    half = Decimal("0.00416")  # of 10,000 x 0.8 and 100 x 3.2 for a million
    expected = {
        ("a", "amazon.nova-pro-v1:0"): half,
        ("b", "amazon.nova-pro-v1:0"): half,
    }
    assert saved(found, SavingsOption.FLEX) == expected
    assert saved(found, SavingsOption.BATCH) == expected
    evidence = {
        each.keys[0]: each.evidence for each in option(found, SavingsOption.BATCH).rows
    }
    assert evidence == {
        "a": ("the tag app=nightly-index, and no streams",),
        "b": ("40 s on average, and no streams",),
    }


def test_where_nobody_waits_by_what_calls_of_one_job_do_not_share(keep: Keep) -> None:
    """Each region of a job has the evidence of all of it."""
    job = {"model": NOVA, "tags": {"app": "nightly"}}
    ledger = keep(
        make_record(LONG, region="us-east-1", **job),
        make_record(LONG, region="us-west-2", **job),
    )
    found = option(savings(ledger, ("region",)), SavingsOption.BATCH).rows
    assert {each.keys[0]: each.evidence for each in found} == {
        "us-east-1": ("the tag app=nightly, and no streams",),
        "us-west-2": ("the tag app=nightly, and no streams",),
    }


def test_filters_hold_and_an_empty_ledger_has_nothing(keep: Keep) -> None:
    """Calls outside the selection are in no figure."""
    ledger = keep(cached(10, 0))
    assert savings(ledger, selection=select(where=["team=ads"])).spent == 0
    none = savings(ledger, selection=select("2020-01-01", "2020-01-02"))
    assert (none.spent, none.wasted) == (0, ())


def test_a_ledger_without_calls(keep: Keep) -> None:
    """There is nothing to save where nothing was spent."""
    found = savings(keep())
    assert (found.options, found.since) == ((), None)


def test_failed_calls_alone_cost_nothing(keep: Keep) -> None:
    """They are free, which is not the same as without a price."""
    free = {"outcome": Outcome.ERROR, "price_status": PriceStatus.FREE}
    found = savings(keep(make_record(None, error="X", **free)), ("team",))
    assert found.spent == 0
    assert [(waste.failed, waste.failed_cost) for waste in found.wasted] == [(1, 0)]


def test_many_quick_calls_are_not_slow_together(keep: Keep) -> None:
    """Who waits five seconds each time waits."""
    ledger = keep(*(make_record(LONG, model=NOVA, duration_s=5.0) for _ in range(9)))
    assert saved(savings(ledger, ("team",)), SavingsOption.BATCH) == {}


def test_who_uses_the_cache_already_is_not_told_to(keep: Keep) -> None:
    """A fifth of the prompts from the cache is enough."""
    usage = Usage({**LONG, Unit.CACHE_READ_TOKEN: 3_000})
    ledger = keep(*(make_record(usage, model=SONNET_5) for _ in range(100)))
    assert saved(savings(ledger, ("team",)), SavingsOption.CACHE_MORE) == {}


def test_a_way_that_costs_more_is_no_chance(keep: Keep) -> None:
    """It is neither listed nor in the total."""
    dear = PriceTable.bundled().with_overrides(
        rows=[
            PriceRow(
                model_id="amazon.nova-pro-v1:0",
                region="us-east-1",
                scope="geo",
                tier="batch",
                latency_mode="standard",
                context_band="",
                unit=unit,
                price=Decimal(99),
                per=1_000_000,
                currency="USD",
                sources=("contract",),
            )
            for unit in LONG
        ]
    )
    ledger = keep(make_record(LONG, model=NOVA, tags={"app": "nightly"}))
    report = option(savings(ledger, ("team",), prices=dear), SavingsOption.BATCH)
    assert (report.rows, report.total, report.excluded) == ((), 0, ())
