"""How the demo goes: its calls are made, shown while they are, and reported."""

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
from .._bill import BY_APP_AND_MODEL, Bill
from .._console import remarks, results
from ._closing import Closing, as_json
from ._endpoint import MeteredEndpoint, metered_endpoint
from ._live import Pace, Progress, display
from ._plan import plan
from ._prometheus import DEFAULT_PORT, MetricsPage, how_to_look, metrics_page
from ._report import report
from ._run import Run

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
_INCOMPLETE = 1
# What comes after the last call: joining threads, adding up, writing the report.
_CLOSING_S = 0.5
# No call is planned for later, which leaves time for it and the report within half a
# minute. On a machine that is slower than that, the demo takes as long as it takes.
_LAST_CALL_S = 26.5
_FRAME_S = 0.1


@dataclass(frozen=True, slots=True)
class Settings:
    """What the demo was asked for.

    Attributes:
        duration_s: Seconds that it is to take.
        port: Port on which to serve metrics; None for not at all.
        keep: Whether to go on serving until Ctrl-C.
        ledger: Where to keep every call; None to keep none.
        as_json: Whether to report as JSON.
    """

    duration_s: float
    port: int | None
    keep: bool
    ledger: Path | None
    as_json: bool


def run_demo(settings: Settings) -> int:
    """Run the demo; its exit code."""
    started = monotonic()
    memory = InMemoryMetricReader()
    with ExitStack() as stack:
        page = _open_page(settings, stack)
        readers = [memory] if page is None else [memory, page.reader]
        endpoint = stack.enter_context(
            metered_endpoint(readers, ledger=settings.ledger)
        )
        ends = started + min(settings.duration_s - _CLOSING_S, _LAST_CALL_S)
        run = Run(plan(), endpoint, max(0.0, ends - monotonic()))
        is_interrupted = _watch(run, endpoint, settings, started)
        closing = Closing(
            records=endpoint.records,
            planned=run.planned,
            elapsed_s=monotonic() - started,
            endpoint_url=endpoint.simulator.endpoint_url,
            prices_of=endpoint.prices_of,
            metrics_cost=_counted(memory),
        )
        _write(closing, settings)
        if settings.ledger is not None:
            remarks().print(how_to_report(settings.ledger), soft_wrap=True)
        if is_interrupted:
            return INTERRUPTED
        if page is not None and settings.keep:
            _serve_until_interrupted(page)
    return _exit_code(closing)


def how_to_report(ledger: Path) -> str:
    """What to do with the calls that were kept."""
    name = shlex.quote(str(ledger))
    return (
        f"Every call is kept in {ledger}. Next:\n"
        f"  bedrock-attrib report --ledger {name} --by team,app,model\n"
        f"  bedrock-attrib html --ledger {name}   a page with charts: report.html\n"
        f"  bedrock-attrib top --ledger {name}    what is spent now; Ctrl-C ends it"
    )


def _open_page(settings: Settings, stack: ExitStack) -> MetricsPage | None:
    if settings.port is None:
        return None
    page = stack.enter_context(metrics_page(settings.port))
    remarks().print(f"Metrics for Prometheus: {page.url}", soft_wrap=True)
    return page


def _watch(
    run: Run, endpoint: MeteredEndpoint, settings: Settings, started: float
) -> bool:
    """Show *run* until it is over; whether Ctrl-C ended it."""
    console = remarks() if settings.as_json else results()
    bill, pace = Bill(BY_APP_AND_MODEL), Pace()
    is_interrupted = False

    def progress() -> Progress:
        bill.add(endpoint.records[bill.total.calls :])
        elapsed_s = monotonic() - started
        pace.note(elapsed_s, bill)
        return Progress(elapsed_s, run.planned, bill, pace)

    with display(console) as show:
        try:
            run.start()
            while run.is_running:
                show(progress())
                sleep(_FRAME_S)
        except KeyboardInterrupt:
            is_interrupted = True
        run.stop()
        endpoint.recorder.close()  # A stream that was given up ends here at last.
        show(progress())
    return is_interrupted


def _counted(reader: InMemoryMetricReader) -> float:
    """The sum of OpenTelemetry's counter of cost."""
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


def _write(closing: Closing, settings: Settings) -> None:
    out = results()
    if settings.as_json:
        out.print(json.dumps(as_json(closing), indent=2), soft_wrap=True)
        return
    out.print(report(closing))
    port = settings.port or DEFAULT_PORT
    out.print(Text(f"\n{how_to_look(port)}"), soft_wrap=True)


def _serve_until_interrupted(page: MetricsPage) -> None:
    remarks().print(f"Serving {page.url} until Ctrl-C.", soft_wrap=True)
    try:
        while True:
            sleep(1)
    except KeyboardInterrupt:
        return


def _exit_code(closing: Closing) -> int:
    if closing.is_complete:
        return 0
    remarks().print(
        f"Only {len(closing.records)} of {closing.planned} calls were made, so the "
        f"figures are not those of other runs."
    )
    return _INCOMPLETE
