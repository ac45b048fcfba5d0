"""Course of the demo: its calls are made, shown live, and reported."""

from __future__ import annotations

import json
import shlex
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from rich.text import Text

from ...metrics.names import COST
from ...reports import spend_by
from .._command import runnable
from .._console import remarks, results
from .._price_table import print_block
from ._endpoint import MeteredEndpoint, metered_endpoint
from ._lanes import Lanes
from ._live import LIVE_BY, Pace, Progress, display
from ._plan import plan
from ._prometheus import DEFAULT_PORT, MetricsPage, how_to_look, metrics_page
from ._report import report
from ._results import Results, as_json, read_results

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_INCOMPLETE = 1
# What comes after the last call: joining threads, adding up, writing the report.
_CLOSING_S = 0.5
# No call is planned for later, which leaves time for it and the report within half a
# minute. On a machine that is slower than that, the demo takes longer.
_LAST_CALL_S = 26.5
_FRAME_S = 0.2


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of the demo.

    Attributes:
        duration_s: Seconds that it is to take.
        port: Port on which to serve metrics; None to serve none.
        keep: Whether to keep serving until Ctrl-C.
        ledger: Ledger to store the calls in; None for a temporary one only.
        as_json: Whether to report as JSON.
    """

    duration_s: float
    port: int | None
    keep: bool
    ledger: Path | None
    as_json: bool


def run_demo(settings: Settings) -> int:
    """Run the demo, and return its exit code."""
    started = monotonic()
    memory = InMemoryMetricReader()
    with ExitStack() as stack:
        page = _open_page(settings, stack)
        readers = [memory] if page is None else [memory, page.reader]
        endpoint = stack.enter_context(
            metered_endpoint(readers, ledger=settings.ledger)
        )
        ends = started + min(settings.duration_s - _CLOSING_S, _LAST_CALL_S)
        lanes = Lanes(plan(), endpoint, max(0.0, ends - monotonic()))
        is_interrupted = _watch(lanes, endpoint, settings, started)
        found = read_results(
            endpoint.ledger,
            planned=lanes.planned,
            elapsed_s=monotonic() - started,
            endpoint_url=endpoint.simulator.endpoint_url,
            prices_of=endpoint.prices_of,
            metrics_cost=_counted(memory),
        )
        _write(found, settings)
        if settings.ledger is not None:
            remarks().print(how_to_report(settings.ledger), soft_wrap=True)
        if is_interrupted:
            return INTERRUPTED
        if page is not None and settings.keep:
            _serve_until_interrupted(page)
    return _exit_code(found)


def how_to_report(ledger: Path) -> str:
    """Return commands to use with the stored calls."""
    name = shlex.quote(str(ledger))
    return runnable(
        f"All calls are stored in {ledger}. Next:\n"
        f"  bedrock-attrib report --ledger {name} --by team,app,model\n"
        f"  bedrock-attrib report --ledger {name} -o report.html   a page with charts\n"
        f"  bedrock-attrib watch --ledger {name}   current spend; Ctrl-C to end"
    )


def _open_page(settings: Settings, stack: ExitStack) -> MetricsPage | None:
    if settings.port is None:
        return None
    page = stack.enter_context(metrics_page(settings.port))
    remarks().print(f"Metrics for Prometheus: {page.url}", soft_wrap=True)
    return page


def _watch(
    lanes: Lanes, endpoint: MeteredEndpoint, settings: Settings, started: float
) -> bool:
    """Show the calls until all are made; return whether Ctrl-C ended it."""
    console = remarks() if settings.as_json else results()
    pace = Pace()
    is_interrupted = False

    def progress() -> Progress:
        spend = spend_by(endpoint.ledger, LIVE_BY)
        elapsed_s = monotonic() - started
        pace.note(elapsed_s, spend)
        return Progress(elapsed_s, lanes.planned, spend, pace)

    with display(console) as show:
        try:
            lanes.start()
            while lanes.is_running:
                show(progress())
                sleep(_FRAME_S)
        except KeyboardInterrupt:
            is_interrupted = True
        lanes.stop()
        endpoint.recorder.close()  # which ends abandoned streams
        show(progress())
    return is_interrupted


def _counted(reader: InMemoryMetricReader) -> float:
    """Return the sum of OpenTelemetry's counter of cost."""
    found = reader.get_metrics_data()
    return sum(
        point.value
        for resource in (found.resource_metrics if found else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == COST.name
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    )


def _write(found: Results, settings: Settings) -> None:
    out = results()
    if settings.as_json:
        out.print(json.dumps(as_json(found), indent=2), soft_wrap=True)
        return
    for part in report(found):
        out.print()
        print_block(part)
    port = settings.port or DEFAULT_PORT
    out.print(Text(runnable(f"\n{how_to_look(port)}")), soft_wrap=True)


def _serve_until_interrupted(page: MetricsPage) -> None:
    remarks().print(f"Serving {page.url} until Ctrl-C.", soft_wrap=True)
    try:
        while True:
            sleep(1)
    except KeyboardInterrupt:
        return


def _exit_code(found: Results) -> int:
    if found.is_complete:
        return 0
    remarks().print(
        f"Only {found.calls} of {found.planned} calls were made, so the figures differ "
        f"from those of other runs."
    )
    return _INCOMPLETE
