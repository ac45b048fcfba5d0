"""Metering as an OpenTelemetry instrumentor: by entry point and by hand."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boto3
import pytest
from opentelemetry.sdk.metrics import MeterProvider

pytest.importorskip(
    "opentelemetry.instrumentation.instrumentor", reason="needs the extra instrumentor"
)
pytest.importorskip("opentelemetry.distro", reason="needs the extra test")
pytest.importorskip(
    "opentelemetry.instrumentation.botocore", reason="needs the extra test"
)
pytest.importorskip(
    "opentelemetry.exporter.otlp.proto.http", reason="needs the extra otlp"
)

from programs import BIN, PLAIN, Stage
from programs import stage as open_stage

from bedrock_attrib import (
    ConfigError,
    Recorder,
    configure,
    get_recorder,
    instrument,
    uninstrument,
)
from bedrock_attrib.errors import MissingExtraError
from bedrock_attrib.instrumentor import BedrockAttribInstrumentor
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator

CALL: dict[str, Any] = {"modelId": "us.amazon.nova-micro-v1:0", "messages": []}
# That of 0.51b0 has no metrics, that of 0.66b2 has; run 2026-11-25.
BOTOCORE_EMITS = not version("opentelemetry-instrumentation-botocore").startswith(
    "0.51"
)
INSTRUMENT = BIN / "opentelemetry-instrument"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A Bedrock and a collector, for programs of one test."""
    with open_stage(tmp_path) as stage:
        yield stage


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A Bedrock for calls from this process."""
    with bedrock_simulator() as simulator:
        yield simulator


@pytest.fixture
def instrumentor() -> Iterator[BedrockAttribInstrumentor]:
    """The one instrumentor of this process, off before and after."""
    instrumentor = BedrockAttribInstrumentor()
    yield instrumentor
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()
    uninstrument()


PROGRAM = (
    PLAIN
    + """
make_client().converse(**CALL)
list(make_client().converse_stream(**CALL)["stream"])
"""
)


@pytest.mark.parametrize(
    "others", [pytest.param("", marks=pytest.mark.slow), "botocore"]
)
def test_a_program_that_knows_nothing_of_it(stage: Stage, others: str) -> None:
    """`opentelemetry-instrument` turns it on, beside botocore's own instrumentor.

    Each call is once in our metrics and once in the convention's histogram.
    """
    program = stage.write(PROGRAM)
    stage.run(
        INSTRUMENT,
        "python",
        program,
        BEDROCK_ATTRIB_TAGS="team=search",
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=others,
    )
    assert stage.collector.values("bedrock_attrib.calls", "team") == {"search": 2}
    assert stage.recordings == 2


def test_it_can_be_left_out_by_name(stage: Stage) -> None:
    """OTEL_PYTHON_DISABLED_INSTRUMENTATIONS works as for any other."""
    program = stage.write(PROGRAM)
    stage.run(
        INSTRUMENT,
        "python",
        program,
        OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="urllib3,bedrock_attrib",
    )
    assert stage.calls == 0
    assert stage.recordings == (2 if BOTOCORE_EMITS else 0)


@pytest.mark.slow
def test_a_wrong_setting_leaves_the_other_instrumentors_alone(stage: Stage) -> None:
    """It is told on the log, and everything else goes on."""
    program = stage.write(PROGRAM)
    done = stage.run(INSTRUMENT, "python", program, BEDROCK_ATTRIB_METRICS="perhaps")
    assert "Bedrock calls are not metered: BEDROCK_ATTRIB_METRICS: " in done.stderr
    assert (stage.calls, stage.recordings) == (0, 2 if BOTOCORE_EMITS else 0)


def test_by_hand(instrumentor: BedrockAttribInstrumentor, simulator: Simulator) -> None:
    """`instrument` meters sessions made later, `uninstrument` takes it back."""
    configure()
    instrumentor.instrument()
    client = simulator.client(session=boto3.Session())
    sink = ListSink()
    configure(sinks=[sink])
    client.converse(**CALL)
    instrumentor.uninstrument()
    client.converse(**CALL)
    simulator.client(session=boto3.Session()).converse(**CALL)
    get_recorder().flush()
    assert len(sink.records) == 1


BY_HAND = """
import boto3
from bedrock_attrib import ConfigError
from bedrock_attrib.instrumentor import BedrockAttribInstrumentor
from bedrock_attrib.testing import bedrock_simulator
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

instrumentor = BedrockAttribInstrumentor()
os.environ["BEDROCK_ATTRIB_HISTOGRAMS"] = "some"
try:
    instrumentor.instrument()
except ConfigError as error:
    print(error)
del os.environ["BEDROCK_ATTRIB_HISTOGRAMS"]

def calls(reader):
    (resource,) = reader.get_metrics_data().resource_metrics
    return sum(
        point.value
        for metric in resource.scope_metrics[0].metrics
        if metric.name == "bedrock_attrib.calls"
        for point in metric.data.data_points
    )

readers = [InMemoryMetricReader(), InMemoryMetricReader()]
for number, reader in enumerate(readers, 1):
    instrumentor.instrument(meter_provider=MeterProvider([reader]))
    for _ in range(number):
        boto3.Session().client("bedrock-runtime").converse(**CALL)
    instrumentor.uninstrument()
boto3.Session().client("bedrock-runtime").converse(**CALL)
print(*map(calls, readers))
"""


def test_a_meter_provider(stage: Stage) -> None:
    """Who writes the line is told of wrong settings, and may choose the provider.

    It may be another one each time.
    """
    told, counts = stage.python(PLAIN + BY_HAND).splitlines()
    assert told.startswith("BEDROCK_ATTRIB_HISTOGRAMS: ")
    assert counts == "1 2"


def test_a_meter_provider_that_comes_too_late(
    instrumentor: BedrockAttribInstrumentor,
) -> None:
    """Sinks of a default recorder that the application made are not thrown away."""
    recorder = configure(sinks=[ListSink()])
    provider = MeterProvider(shutdown_on_exit=False)
    with pytest.raises(ConfigError, match=r"give it to configure\(\) instead"):
        instrumentor.instrument(meter_provider=provider)
    assert get_recorder() is recorder
    assert not instrumentor.is_instrumented_by_opentelemetry


def test_the_application_comes_first(
    instrumentor: BedrockAttribInstrumentor, simulator: Simulator
) -> None:
    """A recorder of the application's own takes its client's, session's, every call."""
    sinks = {name: ListSink() for name in ("default", "client", "session", "all")}
    recorders = {name: Recorder(sinks=(sink,)) for name, sink in sinks.items()}
    configure(sinks=[sinks["default"]])
    instrumentor.instrument()
    client = simulator.client(session=boto3.Session())
    instrument(client, recorder=recorders["client"]).converse(**CALL)
    session = instrument(boto3.Session(), recorder=recorders["session"])
    simulator.client(session=session).converse(**CALL)
    other = simulator.client(session=boto3.Session())
    other.converse(**CALL)
    instrument(recorder=recorders["all"])
    other.converse(**CALL)
    simulator.client(session=boto3.Session()).converse(**CALL)
    for recorder in (*recorders.values(), get_recorder()):
        recorder.flush()
    found = {name: len(sink.records) for name, sink in sinks.items()}
    assert found == {"default": 1, "client": 1, "session": 1, "all": 2}


def test_what_the_application_has_said_before_stays(
    instrumentor: BedrockAttribInstrumentor, simulator: Simulator
) -> None:
    """Instrumented with a recorder of its own, everything stays with that one."""
    own, default = ListSink(), ListSink()
    configure(sinks=[default])
    recorder = Recorder(sinks=(own,))
    instrument(recorder=recorder)
    instrumentor.instrument()
    simulator.client(session=boto3.Session()).converse(**CALL)
    recorder.flush()
    get_recorder().flush()
    assert (len(own.records), len(default.records)) == (1, 0)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever imports it is told which extra is missing."""
    package = "opentelemetry.instrumentation.instrumentor"
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "bedrock_attrib.instrumentor")
    with pytest.raises(MissingExtraError, match=r"'bedrock-attrib\[instrumentor\]'"):
        importlib.import_module("bedrock_attrib.instrumentor")


def test_dependencies(instrumentor: BedrockAttribInstrumentor) -> None:
    """The instrumentor asks for the same botocore as the package."""
    assert instrumentor.instrumentation_dependencies() == ("botocore >= 1.40.61",)
