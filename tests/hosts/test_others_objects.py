"""Objects of the application and of other libraries are taken as they are."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.metrics import Meter, MeterProvider
from opentelemetry.sdk.metrics import MeterProvider as SDKMeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from waiting import HANG_S

import bedrock_attrib
from bedrock_attrib import Recorder, configure, instrument
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.serverless import flush
from bedrock_attrib.testing import ListSink, Simulator, bedrock_simulator

NOVA = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """A Bedrock endpoint on this machine."""
    with bedrock_simulator() as running:
        yield running


class EqualProvider(MeterProvider):
    """A provider around another one, which has no hash, as Logfire's."""

    __hash__ = None  # type: ignore[assignment]  # as a dataclass with `__eq__`

    def __init__(self, inner: SDKMeterProvider) -> None:
        self.inner = inner

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EqualProvider)

    def get_meter(self, *args: Any, **kwargs: Any) -> Meter:
        """Return a meter of the other provider."""
        return self.inner.get_meter(*args, **kwargs)

    def force_flush(self, timeout_millis: float = 0) -> bool:
        """Flush the other provider."""
        return self.inner.force_flush(timeout_millis)


def test_a_provider_without_a_hash(simulator: Simulator) -> None:
    """Providers are told apart by identity, even those that say they are equal."""
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    providers = [EqualProvider(SDKMeterProvider([reader])) for reader in readers]
    recorders = [configure(meter_provider=each) for each in (*providers, providers[0])]
    for recorder in recorders:
        client = instrument(simulator.client(), recorder=recorder)
        client.converse(modelId=NOVA, messages=MESSAGES)
    assert [_calls(reader) for reader in readers] == [2, 1]
    assert flush(HANG_S) is True


def test_a_provider_that_is_gone(simulator: Simulator) -> None:
    """A provider that takes the place of another in memory gets metrics of its own."""
    for _ in range(20):
        reader = InMemoryMetricReader()
        provider = EqualProvider(SDKMeterProvider([reader]))
        recorder = Recorder(sinks=[OpenTelemetrySink(meter_provider=provider)])
        client = instrument(simulator.client(), recorder=recorder)
        client.converse(modelId=NOVA, messages=MESSAGES)
        recorder.close()
        assert _calls(reader) == 1
        del reader, provider, recorder, client
        gc.collect()


def _calls(reader: InMemoryMetricReader) -> int:
    data = reader.get_metrics_data()
    assert data is not None
    return sum(
        int(point.value)  # type: ignore[union-attr]  # of a sum
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "bedrock_attrib.calls"
        for point in metric.data.data_points
    )


@pytest.mark.parametrize(
    "event", ["before-call", "request-created", "before-send", "needs-retry"]
)
@pytest.mark.parametrize(
    "take",
    [copy.copy, copy.deepcopy, lambda call: pickle.loads(pickle.dumps(call))],  # noqa: S301 -- our own
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_context_that_is_copied(
    simulator: Simulator, event: str, take: Callable[[Any], Any]
) -> None:
    """A handler may copy or pickle botocore's context; the call is recorded once."""
    sink, taken = ListSink(), []

    def handler(**given: Any) -> None:
        request = given.get("request")
        context = request.context if request is not None else given.get("context")
        context = given["request_dict"]["context"] if context is None else context
        taken.append(take(context["bedrock_attrib"]))

    client = instrument(simulator.client(), recorder=Recorder(sinks=[sink]))
    client.meta.events.register(f"{event}.bedrock-runtime", handler)
    client.converse(modelId=NOVA, messages=MESSAGES)
    assert len(taken) == 1
    taken.clear()
    gc.collect()
    assert [record.outcome.value for record in sink.records] == ["ok"]


def test_a_handler_for_all_events_that_raises(simulator: Simulator) -> None:
    """An application's handler for all events may know none of ours."""

    def strict(event_name: str, **_: object) -> None:
        if event_name.startswith("bedrock-attrib"):
            raise KeyError(event_name)

    sink = ListSink()
    client = simulator.client()
    client.meta.events.register("*", strict)
    instrument(client, recorder=Recorder(sinks=[sink]))
    client.converse(modelId=NOVA, messages=MESSAGES)
    assert len(sink.records) == 1


def test_from_a_zip_file(tmp_path: Path) -> None:
    """The package meters and prices where it is imported from a zip file."""
    package = Path(bedrock_attrib.__file__).parent
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        for path in package.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(package.parent))
    program = """
import sys
sys.meta_path = [each for each in sys.meta_path if "ditable" not in repr(each)]
sys.path = [each for each in sys.path if not each.endswith("/src")]
sys.path.insert(0, "lib.zip")
import bedrock_attrib
assert "lib.zip" in bedrock_attrib.__file__
from bedrock_attrib import attribution, configure
recorder = configure(metrics=False)
with attribution(team="search") as spend:
    recorder.record(
        "Converse", {"usage": {"inputTokens": 1000, "outputTokens": 0}},
        model_id="us.amazon.nova-micro-v1:0", region="us-east-1",
    )
print(spend.cost)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("0.000035000\n", "")


def test_the_hook_of_pyinstaller() -> None:
    """PyInstaller is told of a folder with a hook for this package."""
    (point,) = [
        each
        for each in entry_points(group="pyinstaller40")
        if each.dist is not None and each.dist.name == "bedrock-attrib"
    ]
    (folder,) = point.load()()
    assert (Path(folder) / "hook-bedrock_attrib.py").is_file()


AGENT = """
import wrapt
hooked = []
wrapt.register_post_import_hook(lambda it: hooked.append(it.__name__), "botocore")
"""
AUTOSTART = """
import runpy
runpy.run_path({path!r})
"""
CALL = """
import botocore
assert hooked == ["botocore"]
assert type(botocore.__loader__).__module__ != "__main__"
import boto3
boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url={url!r},
    aws_access_key_id="x", aws_secret_access_key="x",
).converse(modelId="us.amazon.nova-micro-v1:0", messages=[])
from bedrock_attrib import get_recorder
from bedrock_attrib.metrics._totals import SeriesTotals
get_recorder().flush()
import gc
print([s.calls for t in gc.get_objects() if type(t) is SeriesTotals for s in t.read()])
"""


@pytest.mark.parametrize("is_agent_first", [True, False])
def test_beside_the_import_hook_of_an_agent(
    simulator: Simulator, *, is_agent_first: bool
) -> None:
    """`bedrock-attrib run` meters beside hooks of wrapt, which ask all finders."""
    pytest.importorskip("wrapt", reason="needs the extra test")
    folder = Path(bedrock_attrib.__file__).parent / "_run" / "autostart"
    ours = AUTOSTART.format(path=str(folder / "sitecustomize.py"))
    parts = [AGENT, ours] if is_agent_first else [ours, AGENT]
    program = "".join([*parts, CALL.format(url=simulator.endpoint_url)])
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("[1]\n", "")
