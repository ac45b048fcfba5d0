"""What a real Prometheus answers after it has scraped the application."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from pages import read_blocks
from waiting import HANG_S, wait_until

from bedrock_attrib._model.cost import Cost
from bedrock_attrib._model.record import CallRecord, PriceStatus
from bedrock_attrib._model.tags import Tags
from bedrock_attrib.metrics import OpenTelemetrySink

exporter = pytest.importorskip(
    "opentelemetry.exporter.prometheus", reason="needs the extra prometheus"
)
prometheus_client = pytest.importorskip(
    "prometheus_client", reason="needs the extra prometheus"
)

HOSTILE = 'caf\u00e9 "\\{}\n\t\r\0\x01\x7f\u202e\U0001f980' + "x" * 10_000


@pytest.fixture
def provider() -> Iterator[MeterProvider]:
    """A provider that Prometheus' client shows."""
    provider = MeterProvider(
        [exporter.PrometheusMetricReader()], shutdown_on_exit=False
    )
    yield provider
    provider.shutdown()


@pytest.fixture
def target(provider: MeterProvider) -> Iterator[str]:
    """Address under which the application can be scraped."""
    assert provider
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1")
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Prometheus:
    """A Prometheus that scrapes one target."""

    def __init__(self, program: str, target: str, folder: Path) -> None:
        config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
            "scrape_configs": [
                {"job_name": "app", "static_configs": [{"targets": [target]}]}
            ],
        }
        path = folder / "prometheus.yml"
        path.write_text(json.dumps(config), "utf-8")  # JSON is YAML
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        self._url = f"http://{address}"
        self._command = [
            program,
            f"--config.file={path}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series; waits until there is one.

        The first question starts the program, so that no scrape sees half a test.
        """
        if self._process is None:
            quiet = subprocess.DEVNULL
            self._process = subprocess.Popen(self._command, stdout=quiet, stderr=quiet)
        found: list[dict[str, dict[str, str]]] = []

        def is_answered() -> bool:
            found.extend(self._ask_once(query))
            return bool(found)

        wait_until(is_answered)
        return [(one["metric"], float(one["value"][1])) for one in found]

    def is_understood(self, query: str) -> bool:
        """Whether *query* is one, whatever it finds."""
        self.ask("vector(1)")
        address = f"{self._url}/api/v1/query?{urlencode({'query': query})}"
        try:
            with urlopen(address, timeout=HANG_S) as answer:
                return answer.status == 200
        except HTTPError:
            return False

    def _ask_once(self, query: str) -> list[dict[str, dict[str, str]]]:
        address = f"{self._url}/api/v1/query?{urlencode({'query': query})}"
        try:
            with urlopen(address, timeout=HANG_S) as answer:
                found: list[dict[str, dict[str, str]]]
                found = json.load(answer)["data"]["result"]
                return found
        except URLError:  # it has not started yet
            return []

    def close(self) -> None:
        """End the program."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(HANG_S)


@pytest.fixture
def prometheus(target: str, tmp_path: Path) -> Iterator[Prometheus]:
    """A real Prometheus; without the program the test is skipped."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no program `prometheus`: apt-get install prometheus")
    running = Prometheus(program, target, tmp_path)
    yield running
    running.close()


def test_prometheus_answers_what_a_team_has_spent(
    provider: MeterProvider,
    prometheus: Prometheus,
    record: Callable[..., CallRecord],
    cost: Callable[..., Cost],
) -> None:
    """The queries of the documentation give the figures of the calls."""
    sink = OpenTelemetrySink(meter_provider=provider, price_table_age_s=lambda: 86400.0)
    for team, amount in (("search", "0.25"), ("search", "0.5"), ("chat", "0.125")):
        sink.write(record(tags=Tags({"team": team}), cost=cost(input_token=amount)))
    sink.write(record(cost=None, price_status=PriceStatus.UNPRICED))
    sink.close()
    team, calls = "bedrock_attrib_team", "bedrock_attrib_calls_total"
    spend = prometheus.ask(f"sum by ({team}) (bedrock_attrib_cost_total)")
    assert sorted((labels[team], value) for labels, value in spend) == [
        ("chat", 0.125),
        ("search", 0.75),
    ]
    assert prometheus.ask(
        f"sum by ({team}) (bedrock_attrib_cost_total)"
        f" / sum by ({team}) ({calls}{{bedrock_attrib_price_status='priced'}})"
        f" == 0.375"
    ) == [({team: "search"}, 0.375)]
    assert prometheus.ask(
        f"sum({calls}{{bedrock_attrib_price_status='unpriced'}}) / sum({calls})"
    ) == [({}, 0.25)]
    ((_, age),) = prometheus.ask("bedrock_attrib_price_table_age_seconds")
    assert age == 86400
    ((_, tokens),) = prometheus.ask(
        "sum(gen_ai_client_token_usage_sum{gen_ai_token_type='input'})"
    )
    assert tokens == 4000


def test_hostile_tags_reach_prometheus_as_they_are(
    provider: MeterProvider,
    prometheus: Prometheus,
    record: Callable[..., CallRecord],
) -> None:
    """Quotes, line breaks, control characters and length do no harm to a scrape."""
    sink = OpenTelemetrySink(meter_provider=provider)
    for team in (HOSTILE, "half\ud800"):
        sink.write(record(tags=Tags({"team": team})))
    sink.close()
    calls = prometheus.ask("bedrock_attrib_calls_total")
    assert sorted(labels["bedrock_attrib_team"] for labels, _ in calls) == [
        HOSTILE,
        "half?",
    ]


def test_documented_queries_are_understood(prometheus: Prometheus) -> None:
    """Each query of the guide can be pasted into Prometheus."""
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "prometheus.md"
    queries = [block.code for block in read_blocks(guide) if block.language == "promql"]
    assert [query for query in queries if not prometheus.is_understood(query)] == []
    assert len(queries) == 8


NAMES = """\
bedrock_attrib_calls_total
bedrock_attrib_cost_total
bedrock_attrib_price_table_age_seconds
bedrock_attrib_sink_dropped_total
bedrock_attrib_tag_overflow_total
bedrock_attrib_usage_total
gen_ai_client_operation_duration_seconds_bucket
gen_ai_client_token_usage_bucket
"""


def test_names_are_as_documented(
    provider: MeterProvider, target: str, record: Callable[..., CallRecord]
) -> None:
    """Units in braces are not appended; counters end in total."""
    sink = OpenTelemetrySink(meter_provider=provider, price_table_age_s=lambda: 1.0)
    sink.write(record())
    sink.close()
    with urlopen(f"http://{target}/metrics", timeout=HANG_S) as answer:
        page = answer.read().decode()
    shown = {re.split("[{ ]", line)[0] for line in page.splitlines()}
    assert NAMES.splitlines() == sorted(
        name
        for name in shown
        if name.startswith(("bedrock_", "gen_ai_"))
        and not name.endswith(("_sum", "_count"))
    )
