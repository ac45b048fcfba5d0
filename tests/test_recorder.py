"""The flow of a recorder: when calls are settled, flushed and closed."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from waiting import HANG_S, wait_until

from bedrock_attrib import (
    CallRecord,
    ConfigError,
    Cost,
    PriceTable,
    Recorder,
    Spend,
    attribution,
    configure,
    current_tags,
    get_recorder,
    instrument,
)
from bedrock_attrib._attribution.spend import sums_of
from bedrock_attrib._config import Config
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.pricing import Discount
from bedrock_attrib.sinks import QueueSink
from bedrock_attrib.testing import ListSink, Reply, Simulator, bedrock_simulator, tokens

MODEL = "openai.gpt-5.6-luna"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
USAGE = tokens(input_tokens=5_000_000, output_tokens=1_000_000)


class PlainSink:
    """A sink of a user: no settling, only what `Sink` asks for."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.threads: set[str] = set()
        self.closed = 0

    def write(self, record: CallRecord) -> None:
        """Keep it, and on which thread."""
        self.records.append(record)
        self.threads.add(threading.current_thread().name)

    def flush(self, timeout_s: float) -> bool:
        """Nothing is pending."""
        return timeout_s >= 0

    def close(self) -> None:
        """Count."""
        self.closed += 1


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One endpoint for the tests of this file."""
    with bedrock_simulator() as simulator:
        simulator.reply(Reply(usage=USAGE))
        yield simulator


def _call(simulator: Simulator, recorder: Recorder) -> None:
    client = instrument(simulator.client(), recorder=recorder)
    client.converse(modelId=MODEL, messages=MESSAGES)


def _wait_for(sink: PlainSink, count: int) -> None:
    wait_until(lambda: len(sink.records) >= count)
    assert len(sink.records) == count


def test_sinks_are_told_soon(simulator: Simulator) -> None:
    """Unasked, a record reaches its sink, on a thread named after it."""
    sink = PlainSink()
    _call(simulator, Recorder(sinks=(sink,)))
    _wait_for(sink, 1)
    assert sink.threads == {"bedrock-attrib-PlainSink"}


def test_immediate(simulator: Simulator) -> None:
    """With the setting `immediate`, sinks are told before the call returns."""
    sink = PlainSink()
    _call(simulator, Recorder(sinks=(sink,), config=Config(immediate=True)))
    assert len(sink.records) == 1
    assert sink.threads == {"bedrock-attrib-recorder"}


def test_flush_and_close(simulator: Simulator) -> None:
    """Flushing delivers; closing does too, and what ends later is not lost."""
    sink = PlainSink()
    recorder = Recorder(sinks=(sink,))
    _call(simulator, recorder)
    assert recorder.flush(HANG_S) is True
    assert len(sink.records) == 1
    recorder.close()
    assert sink.closed == 1
    _call(simulator, recorder)
    _wait_for(sink, 2)


def test_price_of_the_day(simulator: Simulator) -> None:
    """The price is that of the moment at which the call started."""
    totals = []
    for day in (datetime(2026, 7, 20, tzinfo=UTC), datetime(2026, 8, 2, tzinfo=UTC)):
        sink = ListSink()
        _call(simulator, Recorder(sinks=(sink,), clock=lambda day=day: day))
        (record,) = sink.records
        assert record.started_at == day
        assert record.cost is not None
        totals.append(record.cost.total)
    # 5 million in and 1 million out, before and after the cut of 2026-07-30.
    assert totals == [Decimal("12.1"), Decimal("2.42")]


def test_own_prices(simulator: Simulator) -> None:
    """A table with a discount is used, and says so in the rates."""
    prices = PriceTable.bundled().with_overrides(
        discounts=[Discount(percent=Decimal(10), model=MODEL)]
    )
    sink = ListSink()
    day = datetime(2026, 8, 2, tzinfo=UTC)
    _call(simulator, Recorder(prices, sinks=(sink,), clock=lambda: day))
    (record,) = sink.records
    assert record.cost is not None
    assert record.cost.total == Decimal("2.178")


def test_default_tags(simulator: Simulator) -> None:
    """Tags from the settings apply where no block says otherwise."""
    sink = ListSink()
    config = Config(tags={"team": "platform", "environment": "test"})
    recorder = Recorder(sinks=(sink,), config=config)
    client = instrument(simulator.client(), recorder=recorder)
    client.converse(modelId=MODEL, messages=MESSAGES)
    with attribution(team="search"):
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert [dict(record.tags) for record in sink.records] == [
        {"team": "platform", "environment": "test"},
        {"team": "search", "environment": "test"},
    ]


def test_queue_sink(simulator: Simulator) -> None:
    """A slow sink behind a queue is told in full by a flush."""
    sink = PlainSink()
    queue = QueueSink(sink, interval_s=60)
    recorder = Recorder(sinks=(queue,))
    for _ in range(3):
        _call(simulator, recorder)
    recorder.flush()
    assert recorder.flush(HANG_S)
    assert len(sink.records) == 3
    assert queue.dropped == 0
    recorder.close()
    assert sink.closed == 1


def test_full_queue_is_counted(simulator: Simulator) -> None:
    """What a full queue drops is counted."""
    sink = PlainSink()
    queue = QueueSink(sink, max_pending=2, interval_s=60)
    recorder = Recorder(sinks=(queue,))
    for _ in range(5):
        _call(simulator, recorder)
    recorder.flush()
    assert (len(sink.records), queue.dropped) == (2, 3)


def test_default_recorder(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients without a recorder of their own follow `configure`."""
    monkeypatch.setenv("BEDROCK_ATTRIB_TAGS", "team=platform")
    client = instrument(simulator.client())
    first, second = ListSink(), ListSink()
    recorder = configure(sinks=(first,))
    assert get_recorder() is recorder
    assert dict(current_tags()) == {"team": "platform"}
    with attribution(app="web"):
        assert dict(current_tags()) == {"team": "platform", "app": "web"}
        client.converse(modelId=MODEL, messages=MESSAGES)
    configure(sinks=(second,), tags={})
    client.converse(modelId=MODEL, messages=MESSAGES)
    assert [dict(r.tags) for r in first.records] == [{"team": "platform", "app": "web"}]
    assert [dict(r.tags) for r in second.records] == [{}]
    monkeypatch.delenv("BEDROCK_ATTRIB_TAGS")
    configure()


def test_wrong_settings_are_told_at_once(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong setting fails where it is set, not in a call."""
    with pytest.raises(ConfigError, match="argument colour: no such setting"):
        configure(colour="red")
    monkeypatch.setenv("BEDROCK_ATTRIB_HISTOGRAMS", "perhaps")
    with pytest.raises(ConfigError, match="BEDROCK_ATTRIB_HISTOGRAMS"):
        configure()
    monkeypatch.delenv("BEDROCK_ATTRIB_HISTOGRAMS")
    configure()


def test_fault_is_told_once(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The same kind of fault is a warning once, then only counted."""

    class Broken(PlainSink):
        def write(self, record: CallRecord) -> None:
            raise OSError(record.id)

    recorder = Recorder(sinks=(Broken(),))
    for _ in range(3):
        _call(simulator, recorder)
    recorder.flush()
    assert recorder.faults.counts() == {"Broken": 3}
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "contained OSError in Broken" in warnings[0].getMessage()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_forked_child(simulator: Simulator) -> None:
    """A child records its own calls only, under ids of its own."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    client.converse(modelId=MODEL, messages=MESSAGES)
    known = len(sink.records)
    context = multiprocessing.get_context("fork")
    ids: multiprocessing.Queue[list[str]] = context.Queue()

    def child() -> None:
        client.converse(modelId=MODEL, messages=MESSAGES)
        ids.put([record.id for record in sink.records[known:]])

    process = context.Process(target=child)
    process.start()
    found = ids.get(timeout=HANG_S)
    process.join(HANG_S)
    client.converse(modelId=MODEL, messages=MESSAGES)
    ours = [record.id for record in sink.records]
    assert len(found) == 1
    assert len(ours) == 2
    assert len({*found, *ours}) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("ending", [None, OSError, KeyboardInterrupt])
def test_a_call_is_of_the_process_that_opened_it(
    simulator: Simulator, ending: type[BaseException] | None
) -> None:
    """A child forked within a call counts its own, however that one ends in it."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,))
    client = instrument(simulator.client(), recorder=recorder)
    children: list[int] = []

    def fork(**_: object) -> None:
        if not children:
            children.append(os.fork())
            if children == [0] and ending is not None:
                raise ending

    client.meta.events.register("before-send.bedrock-runtime", fork)
    try:
        client.converse(modelId=MODEL, messages=MESSAGES)
    except BaseException:
        if children != [0]:
            raise
    if children == [0]:
        with suppress(BaseException):
            gc.collect()
            simulator_client = simulator.client()
            instrument(simulator_client, recorder=recorder)
            simulator_client.converse(modelId=MODEL, messages=MESSAGES)
            recorder.close()
        os._exit(len(sink.records))
    _, status = os.waitpid(children[0], 0)
    recorder.flush()
    assert os.waitstatus_to_exitcode(status) == 1
    assert [record.outcome for record in sink.records] == [Outcome.OK]


def test_unfinished_is_not_zero(simulator: Simulator) -> None:
    """An answer that states no usage is unpriced with the reason, never zero."""
    simulator.reply(Reply(usage=None), times=1, operation="ConverseStream")
    sink = ListSink()
    client = instrument(simulator.client(), recorder=Recorder(sinks=(sink,)))
    list(client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"])
    (record,) = sink.records
    assert record.usage is None
    assert record.cost is None
    assert record.price_status is PriceStatus.UNPRICED
    assert record.price_reason == "the answer states no usage"


def test_a_recorder_of_ones_own_is_closed_at_exit() -> None:
    """What has ended when Python exits reaches the sinks of every recorder."""
    script = (
        "from bedrock_attrib import Recorder, instrument\n"
        "from bedrock_attrib.testing import Simulator\n"
        "class Sink:\n"
        "    def write(self, record): print('written', record.outcome)\n"
        "    def flush(self, timeout_s): return True\n"
        "    def close(self): print('closed')\n"
        "simulator = Simulator()\n"
        "client = instrument(simulator.client(), recorder=Recorder(sinks=(Sink(),)))\n"
        "client.converse(modelId='amazon.nova-lite-v1:0', messages=[])\n"
    )
    command = [sys.executable, "-c", script]
    run = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=HANG_S
    )
    assert run.stdout == "written ok\nclosed\n"


def test_flush_keeps_to_its_time(simulator: Simulator) -> None:
    """A flush that cannot finish in time says so, and does not wait until it can."""
    release = threading.Event()

    class Slow(PlainSink):
        def write(self, record: CallRecord) -> None:
            release.wait(HANG_S)
            super().write(record)

    recorder = Recorder(sinks=(Slow(),))
    _call(simulator, recorder)
    settling = threading.Thread(target=recorder.flush)
    settling.start()
    while recorder.flush(0.1):  # what is under way may not have come to the sink yet
        _call(simulator, recorder)
    release.set()
    settling.join()


def test_removing_a_default_tag(simulator: Simulator) -> None:
    """None takes away a tag of the settings too."""
    sink = ListSink()
    recorder = Recorder(sinks=(sink,), config=Config(tags={"team": "x", "app": "y"}))
    client = instrument(simulator.client(), recorder=recorder)
    with attribution(team=None):
        client.converse(modelId=MODEL, messages=MESSAGES)
        with attribution(team="z"):
            client.converse(modelId=MODEL, messages=MESSAGES)
    assert [dict(record.tags) for record in sink.records] == [
        {"app": "y"},
        {"team": "z", "app": "y"},
    ]


def test_other_currency_is_not_in_dollars(simulator: Simulator) -> None:
    """A spend counts calls that are priced in another currency as unpriced."""
    sink = ListSink()
    client = instrument(simulator.client(), recorder=Recorder(sinks=(sink,)))
    client.converse(modelId=MODEL, messages=MESSAGES)
    (record,) = sink.records
    assert record.cost is not None
    euros = Cost(Decimal(3), "EUR", {}, {})
    spend = Spend()
    sums_of(spend).add(record._replace(cost=euros))
    assert (spend.cost, spend.calls, spend.unpriced_calls) == (0, 1, 1)


def test_settling_in_the_middle_of_settling(simulator: Simulator) -> None:
    """A sink that looks at figures while it is told does not wait for itself."""
    spends: list[Spend] = []

    class Curious(PlainSink):
        def write(self, record: CallRecord) -> None:
            super().write(record)
            recorder.flush()
            assert spends[0].calls == len(self.records)

    sink = Curious()
    recorder = Recorder(sinks=(sink,), config=Config(immediate=True))
    client = instrument(simulator.client(), recorder=recorder)
    with attribution(team="search") as spend:
        spends.append(spend)
        client.converse(modelId=MODEL, messages=MESSAGES)
        client.converse(modelId=MODEL, messages=MESSAGES)
    assert len(sink.records) == 2
    assert recorder.faults.counts() == {}
