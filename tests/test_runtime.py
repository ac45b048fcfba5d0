"""The parts that everything runs on: files, caches, forks, contained errors."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from bedrock_attrib._runtime.atomic_file import write_atomically, written_atomically
from bedrock_attrib._runtime.bounded_cache import BoundedCache
from bedrock_attrib._runtime.fork import ResetOrder, after_fork
from bedrock_attrib.metrics import OpenTelemetrySink
from bedrock_attrib.serverless import flush_after


def test_a_cache_is_emptied_when_full() -> None:
    """One entry too many empties the cache; setting a key again does not."""
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache["a"], cache["b"] = 1, 2
    cache["a"] = 3
    assert cache == {"a": 3, "b": 2}
    cache["c"] = 4
    assert cache == {"c": 4}


def test_a_file_keeps_its_permissions(tmp_path: Path) -> None:
    """A file that is replaced keeps its mode; a new one gets that of any file."""
    old, new, private = tmp_path / "old", tmp_path / "new", tmp_path / "private"
    old.write_text("before")
    old.chmod(0o640)
    mask = os.umask(0o022)
    try:
        write_atomically(old, "after")
        write_atomically(new, "after")
        write_atomically(private, "after", mode=0o600)
    finally:
        os.umask(mask)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (old, new, private)]
    assert modes == [0o640, 0o644, 0o600]
    assert old.read_text() == "after"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that a link points to is replaced."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("before")
    link.symlink_to(target)
    write_atomically(link, "after")
    assert (link.is_symlink(), target.read_text()) == (True, "after")


def test_a_device_is_written_to() -> None:
    """What is no file stays what it is."""
    write_atomically(Path(os.devnull), "after")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_no_half_file(tmp_path: Path) -> None:
    """An exception leaves the file as it was, and nothing beside it."""
    path = tmp_path / "file"
    path.write_text("before")

    def write() -> None:
        with written_atomically(path) as file:
            file.write(b"af")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_order_of_resets() -> None:
    """Resets run in their order, in the child alone, whatever one of them raises."""
    seen: list[str] = []

    class Noting:
        def __init__(self, name: str) -> None:
            self.name = name

        def reset(self) -> None:
            seen.append(self.name)
            if self.name == "queue":
                raise ValueError(self.name)

    things = [Noting("call"), Noting("queue"), Noting("lock")]
    orders = [ResetOrder.CALLS, ResetOrder.QUEUES, ResetOrder.LOCKS]
    for thing, order in zip(things, orders, strict=True):
        after_fork(thing.reset, order)
    after_fork(Noting("gone").reset, ResetOrder.LOCKS)  # held by nothing
    child = os.fork()
    if child == 0:
        os._exit(0 if seen == ["lock", "queue", "call"] else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert seen == []


def test_errors_outside_of_a_recorder_reach_the_metric() -> None:
    """What a handler of AWS Lambda contains is in `bedrock_attrib.faults`."""
    reader = InMemoryMetricReader()
    sink = OpenTelemetrySink(meter_provider=MeterProvider(metric_readers=[reader]))

    @flush_after(tags=lambda event: {"team": event["nope"]})
    def handler(_event: object, _context: object) -> int:
        return 1

    assert handler({}, None) == 1
    data = reader.get_metrics_data()
    assert data is not None
    places = {
        dict(point.attributes or {})["bedrock_attrib.place"]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "bedrock_attrib.faults"
        for point in metric.data.data_points
    }
    assert "tags of an invocation" in places
    sink.close()
