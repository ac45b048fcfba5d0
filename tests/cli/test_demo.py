"""The demo: the same figures every time, shown live, and ended when it should be."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from subprocess import CompletedProcess, Popen
from time import sleep
from typing import Any
from urllib.request import urlopen

import pytest

pytest.importorskip("click", reason="needs the extra cli")

from bedrock_attrib import PriceTable
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib.cli.demo._jobs import JOBS

Run = Callable[..., CompletedProcess[str]]
Running = Callable[..., AbstractContextManager[Popen[str]]]
InTerminal = Callable[..., AbstractContextManager[Any]]

TOTAL = "1.56299282"
TOTALS = re.compile(r"^total .*?\$(\S+)", re.MULTILINE)
PROFILE = (
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x1evals7q2m9"
)


@pytest.fixture(scope="module")
def as_json(run: Run) -> CompletedProcess[str]:
    """A demo that was asked for JSON."""
    return run("demo", "--duration", "1", "--json")


@pytest.fixture(scope="module")
def found(as_json: CompletedProcess[str]) -> Any:
    """The demo's closing report."""
    return json.loads(as_json.stdout)


@pytest.fixture(scope="module")
def as_text(run: Run) -> CompletedProcess[str]:
    """A demo whose output goes into a pipe."""
    return run("demo", "--duration", "2")


def amounts(report: dict[str, Any], *keys: str) -> dict[Any, str | None]:
    """Cost by the *keys* of each row, without zeros at its end."""
    return {
        tuple(row["keys"][key] for key in keys): plain(row["cost"].get("USD"))
        for row in report["rows"]
    }


def plain(cost: str | None) -> str | None:
    """*cost* without zeros at its end; None where it is unknown."""
    return None if cost is None else f"{Decimal(cost).normalize():f}"


def test_totals_by_team(found: Any) -> None:
    """Three teams have spent these amounts, whenever the demo is run."""
    assert amounts(found["by_team"], "team") == {
        ("research",): "1.05838762",
        ("search",): "0.2647427",
        ("support",): "0.2398625",
    }
    assert Decimal(found["total"]) == Decimal(TOTAL)
    assert found["complete"] is True
    assert found["calls"] == found["planned_calls"] == 270


def test_its_calls_are_of_today(run: Run, tmp_path: Path) -> None:
    """Whoever asks next what is spent now, or today, finds them."""
    ledger = str(tmp_path / "demo.db")
    assert run("demo", "--duration", "1", "--ledger", ledger).returncode == 0
    told = json.loads(run("watch", "--count", "1", "--json", "--ledger", ledger).stdout)
    for window in ("last_5_min", "last_hour", "last_24_h"):
        assert told["total"][window]["calls"] == 270
        assert Decimal(told["total"][window]["cost"]) == Decimal(TOTAL)
    since = ("--since", "1d")  # as midnight may have passed since
    report = run("report", *since, "--json", "--ledger", ledger).stdout
    assert Decimal(json.loads(report)["total"]["cost"]["USD"]) == Decimal(TOTAL)
    assert "No calls for" not in run("doctor", "--ledger", ledger).stdout


def test_its_prices_hold_on_any_day() -> None:
    """Figures that were checked by hand are the same whenever the demo is run."""
    prices = PriceTable.bundled()
    first = datetime.combine(prices.generated_on, time.min, UTC)
    for job in JOBS:
        for days in (1, 40, 366, 10_000):
            quotes = [
                prices.quote(
                    parse_model_id(job.target),
                    job.usage,
                    region=job.region,
                    tier=job.tier or "default",
                    at=at,
                )
                for at in (first, first + timedelta(days=days))
            ]
            assert quotes[0] == quotes[1]


def test_totals_by_app_and_experiment(found: Any) -> None:
    """Variants of one app can be compared."""
    assert amounts(found["by_app"], "app", "experiment") == {
        ("evals", "llama"): "0.02891952",
        ("evals", "nova"): "0.0055131",
        ("evals", "profile"): None,
        ("posters", "v2"): "0.64",
        ("reader", "cache-1h"): "0.383955",
        ("indexer", "nightly"): "0.0055262",
        ("ranker", "prompt-v7"): "0.1438965",
        ("ranker", "prompt-v8"): "0.11532",
        ("chat", "concise"): "0.044156",
        ("chat", "control"): "0.190947",
        ("triage", "flex"): "0.0047595",
    }


def test_totals_by_model(found: Any) -> None:
    """Chat, embeddings, rerank, images and guardrails, billed in their own units."""
    assert amounts(found["by_model"], "model") == {
        ("amazon.nova-canvas-v1:0",): "0.64",
        ("amazon.nova-lite-v1:0",): "0.0055131",
        ("amazon.titan-embed-text-v2:0",): "0.0055262",
        ("anthropic.claude-haiku-4-5-20251001-v1:0",): "0.107476",
        ("anthropic.claude-sonnet-4-5-20250929-v1:0",): "0.7079985",
        (PROFILE,): None,
        ("bedrock.guardrail",): "0.0108",
        ("cohere.rerank-v3-5:0",): "0.052",
        ("meta.llama3-3-70b-instruct-v1:0",): "0.02891952",
        ("openai.gpt-oss-120b-1:0",): "0.0047595",
    }


def test_calls_by_outcome_and_price_status(found: Any) -> None:
    """Errors, abandoned streams, free and unpriced calls are all there."""
    calls = {
        (row["keys"]["outcome"], row["keys"]["price_status"]): row["calls"]
        for row in found["by_outcome"]["rows"]
    }
    assert calls == {
        ("abandoned", "estimated"): 2,
        ("error", "estimated"): 1,
        ("error", "free"): 4,
        ("ok", "free"): 10,
        ("ok", "priced"): 247,
        ("ok", "unpriced"): 6,
    }


def test_every_report_adds_up_to_the_total(found: Any) -> None:
    """The rows of each report sum to the total, to the last digit."""
    sums = {
        name: sum(Decimal(row["cost"].get("USD", 0)) for row in report["rows"])
        for name, report in found.items()
        if name.startswith("by_")
    }
    names = ["by_team", "by_app", "by_model", "by_outcome"]
    assert sums == dict.fromkeys(names, Decimal(TOTAL))


def test_amounts_can_be_checked_with_a_calculator(found: Any) -> None:
    """Count times list price is each amount, and these make up the total."""
    rows = found["charges"]["rows"]
    by_hand = [row["count"] * Decimal(row["price"]) / row["per"] for row in rows]
    assert by_hand == [Decimal(row["amount"]) for row in rows]
    assert sum(by_hand) == Decimal(found["charges"]["total"]["USD"]) == Decimal(TOTAL)


def test_opentelemetry_says_the_same(found: Any) -> None:
    """The counter of cost, read from a meter provider, has the same total."""
    assert found["metrics_total"] == float(TOTAL)


def test_prompt_cache_and_tier_have_prices_of_their_own(found: Any) -> None:
    """Writes for five minutes and an hour, reads, and the flex tier are told apart."""
    charges = {
        (row["unit"], row["tier"]): row["price"]
        for row in found["charges"]["rows"]
        if row["model"].startswith(("anthropic.claude-sonnet", "openai."))
    }
    assert charges == {
        ("input_token", "default"): "3.3",
        ("output_token", "default"): "16.5",
        ("cache_read_token", "default"): "0.33",
        ("cache_write_5m_token", "default"): "4.125",
        ("cache_write_1h_token", "default"): "6.6",
        ("input_token", "flex"): "0.075",
        ("output_token", "flex"): "0.3",
    }


def test_what_has_no_price_is_listed_with_the_reason(found: Any) -> None:
    """An application inference profile is in no amount, and the report says why."""
    (row,) = found["unpriced"]["rows"]
    assert (row["model"], row["calls"]) == (PROFILE, 6)
    assert row["reason"].startswith("the ARN of an application inference profile")


def test_what_is_estimated_has_an_amount_of_its_own(found: Any) -> None:
    """Abandoned and broken streams are in the amounts, by their price status."""
    estimates = {
        row["keys"]["outcome"]: (row["usage"], row["estimated"]["USD"])
        for row in found["by_outcome"]["rows"]
        if row["keys"]["price_status"] == "estimated"
    }
    llama = {"input_token": 2630, "output_token": 166}
    haiku = {"input_token": 2196, "output_token": 84}
    assert {key: (usage, plain(cost)) for key, (usage, cost) in estimates.items()} == {
        "error": (llama, "0.00201312"),
        "abandoned": (haiku, "0.002616"),
    }


def test_json_goes_to_stdout_and_progress_to_stderr(
    as_json: CompletedProcess[str],
) -> None:
    """With ``--json`` a pipe gets one JSON object and nothing else."""
    assert as_json.returncode == 0
    assert as_json.stdout.startswith("{\n")
    assert " of 270 calls " in as_json.stderr


def test_no_text_of_a_call_is_shown(
    as_json: CompletedProcess[str], as_text: CompletedProcess[str]
) -> None:
    """Neither prompts nor answers reach the output."""
    shown = as_json.stdout + as_json.stderr + as_text.stdout + as_text.stderr
    assert "A request of the demo" not in shown
    assert "Hello from this machine" not in shown


def test_a_pipe_gets_a_line_each_second(as_text: CompletedProcess[str]) -> None:
    """Lines have seconds, calls, spend, pace and teams, and no colours."""
    line = (
        r"^ *(\d+)\.\d s +\d+ of 270 calls  \$\d+\.\d+  \$\d+\.\d+/min"
        r"(?:  [a-z]+ \$\d+\.\d+)*$"
    )
    seconds = re.findall(line, as_text.stdout, re.MULTILINE)
    assert seconds
    assert len(set(seconds)) == len(seconds)
    assert as_text.returncode == 0
    assert as_text.stderr == ""
    assert "\x1b" not in as_text.stdout


def test_the_report_has_the_same_figures(as_text: CompletedProcess[str]) -> None:
    """Another duration changes no figure of the report."""
    report = as_text.stdout.partition("Closing report\n270 of 270 calls in ")[2]
    assert TOTALS.findall(report) == [TOTAL] * 5
    assert "\nsearch" in report
    assert f"\n  The rows of each table above add up to ${TOTAL}, exactly." in report
    assert "counter bedrock_attrib.cost adds up to $1.56299282." in report


def test_the_report_tells_what_its_amounts_are(as_text: CompletedProcess[str]) -> None:
    """Nobody takes an estimate from list prices for the bill."""
    text = " ".join(as_text.stdout.split())
    assert (
        "Costs are estimates from AWS's public list prices: no discounts, credits or "
        "taxes." in text
    )


def test_the_report_shows_how_to_check_it(as_text: CompletedProcess[str]) -> None:
    """Each amount stands beside its count and its price with the price's unit."""
    block = as_text.stdout.partition("Charges, to check by hand")[2].partition(
        "Cross-check"
    )[0]
    lines = [" ".join(line.split()) for line in block.splitlines()]
    assert "cache_write_1h_token 24,000 $6.60 per 1,000,000, geo $0.15840000" in lines
    assert "search_unit 26 $0.002 per 1, regional $0.05200000" in lines
    assert (
        "input_token 53,140 $0.075 per 1,000,000, regional, flex $0.00398550" in lines
    )


def test_the_report_tells_of_prometheus(as_text: CompletedProcess[str]) -> None:
    """The last lines are commands and queries to look at the same there."""
    how_to = as_text.stdout.partition("See the same in Prometheus\n")[2]
    assert "  bedrock-attrib demo --prometheus 9464 --keep\n" in how_to
    assert "  prometheus --config.file=prometheus.yml\n" in how_to
    assert "  sum by (bedrock_attrib_team) (bedrock_attrib_cost_total)\n" in how_to


def test_settings_of_the_shell_lead_no_call_elsewhere(run: Run) -> None:
    """A proxy, an AWS profile and OpenTelemetry switched off make no difference."""
    done = run(
        "demo",
        "--duration=1",
        AWS_PROFILE="not-there",
        HTTP_PROXY="http://127.0.0.1:9",
        OTEL_SDK_DISABLED="true",
    )
    assert done.returncode == 0
    assert "counter bedrock_attrib.cost adds up to $1.56299282." in done.stdout


def shown_lines(text: str) -> list[str]:
    """The lines of what a terminal was told, without control sequences."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    return re.split(r"[\r\n]+", plain)


@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (80, "team app experiment model calls in out cached cost"),
        (
            120,
            "team app experiment model calls failed input output cached $/min cost",
        ),
    ],
)
def test_a_terminal_shows_a_live_table(
    in_terminal: InTerminal, columns: int, headings: str
) -> None:
    """The table grows in place, in colours, and fits into the terminal."""
    with in_terminal("demo", "--duration", "2", columns=columns) as terminal:
        code = terminal.read_to_end()
    lines = shown_lines(terminal.text)
    counts = [int(n) for n in re.findall(r"s  (\d+) of 270 calls  ", "\n".join(lines))]
    report = lines.index("Closing report")
    assert code == 0
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] == 270
    assert headings in [" ".join(line.split()) for line in lines]
    assert max(len(line.rstrip()) for line in lines[:report]) <= columns
    assert "\x1b[32m" in terminal.text
    assert terminal.text.count("\x1b[?25l") == terminal.text.count("\x1b[?25h") == 1


def test_marks_say_how_far_an_amount_can_be_trusted(in_terminal: InTerminal) -> None:
    """The last table marks estimates, and calls without a price."""
    with in_terminal("demo", "--duration", "1", columns=120) as terminal:
        terminal.read_to_end()
    live = terminal.text.partition("Closing report")[0]
    rows = [" ".join(line.split()) for line in shown_lines(live)]
    assert [row for row in rows if "x1evals7q2m9" in row][-1].endswith("unpriced ?")
    assert [row for row in rows if "concise claude" in row][-1].endswith("$0.0442 ~")
    assert [row for row in rows if "flex claude-haiku" in row][-1].endswith("$0.00")


def test_a_terminal_that_cannot_redraw_gets_lines(in_terminal: InTerminal) -> None:
    """Where nothing can be drawn again there is a line each second."""
    with in_terminal("demo", "--duration", "2", term="dumb") as terminal:
        terminal.read_to_end()
    assert re.match(r" *\d+\.\d s +\d+ of 270 calls  ", terminal.text)
    assert "\x1b[?25l" not in terminal.text


def is_open(url: str) -> bool:
    """Whether somebody answers at *url*."""
    port = int(url.rpartition(":")[2].partition("/")[0])
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_ctrl_c_ends_the_demo_with_a_report(running: Running) -> None:
    """Code 130, a report of what was done, no traceback, and nobody listens on."""
    with running("demo", "--duration", "30") as process:
        assert process.stdout is not None
        while not re.search(r"[1-9]\d* of 270 calls", process.stdout.readline()):
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    done = re.search(r"Closing report\n(\d+) of 270 calls in .* s, cut short", out)
    assert process.returncode == 130
    assert done is not None
    assert 0 < int(done[1]) < 270
    assert len(set(TOTALS.findall(out))) == 1
    assert err == ""
    assert not is_open(re.findall(r"http://127\.0\.0\.1:\d+", out)[0])


def test_ctrl_c_in_a_terminal_leaves_it_in_order(in_terminal: InTerminal) -> None:
    """The cursor is back, and the report stands below the table."""
    with in_terminal("demo") as terminal:
        terminal.read_until(r"[1-9]\d* of 270 calls")
        terminal.interrupt()
        code = terminal.read_to_end()
    assert code == 130
    assert terminal.text.rindex("\x1b[?25h") < terminal.text.index("Closing report")
    assert "Traceback" not in terminal.text


def test_a_demo_on_a_slow_machine_has_the_same_figures(running: Running) -> None:
    """A call whose time is over is made late, however late that is."""
    with running("demo", "--duration", "2") as halted:
        assert halted.stdout is not None
        halted.stdout.readline()
        halted.send_signal(signal.SIGSTOP)
        sleep(2)  # until all calls are overdue
        halted.send_signal(signal.SIGCONT)
        out, err = halted.communicate()
    assert (halted.returncode, err) == (0, "")
    assert "Closing report\n270 of 270 calls in " in out
    assert set(TOTALS.findall(out)) == {TOTAL}


class TestPrometheus:
    """The page that Prometheus scrapes; it needs the extra ``prometheus``."""

    @pytest.fixture(autouse=True)
    def _needs_exporter(self) -> None:
        pytest.importorskip("opentelemetry.exporter.prometheus")

    def test_metrics_are_served_until_ctrl_c(self, running: Running) -> None:
        """A scrape has the amounts of the report; with ``--keep`` the page stays."""
        arguments = ("--prometheus", "0", "--keep", "--duration", "1")
        with running("demo", *arguments) as process:
            assert process.stderr is not None
            url = process.stderr.readline().removeprefix("Metrics for Prometheus: ")
            url = url.strip()
            while not process.stderr.readline().startswith("Serving "):
                pass
            with urlopen(url) as answer:
                page = answer.read().decode()
            process.send_signal(signal.SIGINT)
            process.communicate()
        spent = re.findall(r"^bedrock_attrib_cost_total{.*} (\S+)$", page, re.MULTILINE)
        assert round(sum(map(float, spent)), 8) == float(TOTAL)
        assert process.returncode == 0
        assert not is_open(url)

    def test_a_taken_port_is_told(self, run: Run) -> None:
        """The message names the port and says what to do."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = run("demo", "--prometheus", str(port))
        assert done.returncode == 2
        assert done.stderr == (
            f"Error: cannot serve metrics on 127.0.0.1:{port}: Address already in use; "
            f"choose another port, or 0 for any free one\n"
        )


def test_a_missing_exporter_is_named(run_without: Run) -> None:
    """Without the extra ``prometheus`` there is a message that names it."""
    missing = "opentelemetry.exporter.prometheus"
    done = run_without(missing, "demo", "--prometheus", "0")
    assert done.returncode == 2
    assert done.stderr == (
        "Error: opentelemetry-exporter-prometheus is not installed; it comes with the "
        "extra 'prometheus': pip install 'bedrock-attrib[prometheus]'\n"
    )
