"""What each command prints with ``--json``, on several ledgers and files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import offers
from clicking import command_runner
from kept_records import NOON, make_record

from bedrock_attrib import Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.cli import commands
from bedrock_attrib.ledger import Ledger

MICRO = "us.amazon.nova-micro-v1:0"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x1ev"
HASH = "0123456789abcdef" * 2
DAYS = 35
# Each command with arguments that show the most, and with others.
OF_LEDGERS: dict[str, list[str]] = {
    "analyze anomalies": ["--since 2026-11-20", "--since 2026-11-20 --step hour"],
    "analyze compare": [
        "model",
        "team search ads",
        "model nova-micro claude-sonnet-4-5",
    ],
    "analyze forecast": ["", "--budget 100", "--budget 1 --since 2026-11-25"],
    "analyze savings": ["--within 5m", "--by team"],
    "analyze what-if": ["--model nova-pro", "--batch --by model", "--scope global"],
    "ledger check": [""],
    "ledger info": [""],
    "report spend": ["", "--by team,model", "--by day,unit", "--top 1 --by team"],
    "report charges": [""],
    "report unattributed": ["", "--tag team,experiment --by model"],
    "report unpriced": [""],
    "watch": ["--count 1", "--count 1 --by team"],
    "ledger export": ["{folder}/out", "{folder}/other --tag team"],
    "ledger prune": ["--sums-older-than 3650d", "--calls-older-than 1d --dry-run"],
    "ledger compact": [""],
}
OF_FILES: dict[str, list[str]] = {
    "completion": ["bash"],
    "demo": ["--duration 1"],
    "doctor": ["", "--ledger no/calls.db"],
    "prices check": ["--max-age-days 36500", "--max-age-days 36500 {overrides}"],
    "prices diff": ["bundled {table}"],
    "prices update": ["--from {offers} --output aws.json"],
    "prices import": ["{offer} --output out.toml", "{offer} --report"],
    "prices list": ["--model nova-micro", "--model claude-sonnet-4-5 --any-day"],
    "prices quote": [
        f"{MICRO} --region us-east-1 --input 1000 --output 10",
        "nova-mikro --region us-east-1 --input 1000",
        f"{MICRO} --region us-east-1 --unit output_image=2",
    ],
    "prices show": [
        f"{SONNET} --region us-east-1",
        f"{MICRO}",
        "amazon.nova-mikro-v1:0",
    ],
}
OVERRIDES = """
[[prices]]
model = "my.model"
unit = "input_token"
price = "0.05"

[[discounts]]
percent = 10
vendor = "anthropic"

[[commitments]]
name = "ranker, provisioned"
model = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/ghi"
region = "us-east-1"
usd_per_hour = 79.20
"""


def samples(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield each command with an object that it printed, the richest first."""
    ledgers = [_full(folder / "full.db"), _empty(folder / "empty.db")]
    files = {"folder": folder, **_files(folder)}
    with chdir(folder):
        for name, variants in OF_LEDGERS.items():
            for arguments in variants:
                for ledger in ledgers:
                    more = ["--ledger", ledger]
                    yield from _printed(name, arguments.format(**files), more)
        for name, variants in OF_FILES.items():
            for arguments in variants:
                yield from _printed(name, arguments.format(**files), [])
    yield from _budget_samples(folder, ledgers)
    yield from _run_samples(folder)
    yield from _simulate_samples()


BUDGETS = """
[[budgets]]
name = "search"
limit_usd = "0.01"
match = { team = "search" }
each = "app"

[[budgets]]
name = "calls"
limit_calls = 1000
window = "total"
"""


POLICY = """
[tags.team]
required = true
allowed = ["search", "ads"]

[tags.cost_center]
from = "team"
values = { ads = "4711" }

[[models]]
name = "cheap models"
vendors = ["amazon"]
"""


def _budget_samples(folder: Path, ledgers: list[str]) -> Iterator[tuple[str, Any]]:
    (folder / "budgets.toml").write_text(BUDGETS, "utf-8")
    budgets = ["--budgets", str(folder / "budgets.toml")]
    stored = [*budgets, "--store", f"sqlite:///{folder / 'budgets.db'}"]
    asked = "--tags team=search --model"
    for name, arguments in (
        ("budget explain", f"{asked} {MICRO} --max-tokens 100 --input-bytes 50"),
        ("budget explain", f"{asked} my.model"),
        ("budget grant", "calls 500 --for 2h"),
        ("budget grant", "search 5 --key web"),
        ("budget freeze", "search"),
        ("budget thaw", "search"),
        ("budget reset", "calls --yes"),
        ("budget status", ""),
    ):
        yield from _printed(name, arguments, stored)
    (folder / "policy.toml").write_text(POLICY, "utf-8")
    policy = str(folder / "policy.toml")
    yield from _printed("policy check", f"--tags team=x --model {SONNET}", [policy])
    yield from _printed("policy check", f"--tags team=ads --model {MICRO}", [policy])
    yield from _printed("policy check", "", [policy])
    settings = {
        "BEDROCK_ATTRIB_BUDGETS": budgets[1],
        "BEDROCK_ATTRIB_BUDGET_STORE": stored[-1],
    }
    words = ["--count", "1", "--ledger", ledgers[0]]
    yield from _printed("watch", "", words, settings)
    for ledger in ledgers:
        yield from _printed("budget replay", "", [*budgets, "--ledger", ledger])


def _printed(
    name: str, arguments: str, more: list[str], settings: dict[str, str] | None = None
) -> Iterator[tuple[str, Any]]:
    words = [*name.split(), *arguments.split(), *more, "--json"]
    done = command_runner().invoke(commands, words, env=settings)
    if done.exit_code == 2:
        return
    yield name, json.loads(done.stdout)


def _run_samples(folder: Path) -> Iterator[tuple[str, Any]]:
    (folder / "app.py").write_text("", "utf-8")
    for arguments in (["python", "app.py"], ["nosuchprogram"]):
        command = [sys.executable, "-m", "bedrock_attrib", "run", "--dry-run", "--json"]
        done = subprocess.run(
            [*command, "--tag", "team=search", "--", *arguments],
            capture_output=True,
            check=False,
            cwd=folder,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.defpath}"},
            text=True,
        )
        yield "run", json.loads(done.stdout)


def _simulate_samples() -> Iterator[tuple[str, Any]]:
    command = [sys.executable, "-m", "bedrock_attrib", "simulate", "--port=0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        yield "simulate", first
        client = boto3.client(
            "bedrock-runtime",
            endpoint_url=first["environment"]["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"],
            region_name="us-east-1",
            aws_access_key_id="simulated",
            aws_secret_access_key="simulated",
        )
        client.converse(modelId=MICRO, messages=[])
        client.close()
        yield "simulate", json.loads(process.stdout.readline())
        process.kill()


def _empty(path: Path) -> str:
    Ledger(path).close()
    return str(path)


def _full(path: Path) -> str:
    """A ledger with each kind of call, and an expensive last day."""
    ledger = Ledger(path)
    hundred = Usage({Unit.INPUT_TOKEN: 100_000, Unit.OUTPUT_TOKEN: 1_000})
    cached = Usage({Unit.INPUT_TOKEN: 10, Unit.CACHE_READ_TOKEN: 90_000})
    for day in range(DAYS):
        at = NOON - timedelta(days=day)
        for team, model in (("search", SONNET), ("ads", MICRO), ("ads", SONNET)):
            times = 40 if day == 2 and model is SONNET else 2
            for number in range(times):
                ledger.write(
                    make_record(
                        hundred,
                        at=at + timedelta(seconds=number),
                        model=model,
                        tags={"team": team, "app": "ranker"},
                        request_hash=HASH,
                    )
                )
    unpriced = {"cost": None, "price_status": PriceStatus.UNPRICED}
    for record in (
        make_record(hundred, at=datetime.now(UTC)),  # for `watch`
        make_record(cached, tags={}),
        make_record(hundred, model=PROFILE, price_reason="no model", **unpriced),
        make_record(hundred, price_status=PriceStatus.PARTIAL, price_reason="a part"),
        make_record(hundred, price_status=PriceStatus.ESTIMATED),
        make_record(hundred, outcome=Outcome.ABANDONED),
        make_record(
            None,
            outcome=Outcome.ERROR,
            error="ThrottlingException",
            cost=None,
            price_status=PriceStatus.FREE,
        ),
    ):
        ledger.write(record)
    ledger.close()
    return str(path)


def _files(folder: Path) -> dict[str, Path]:
    overrides, offer, table = (
        folder / name for name in ("prices.toml", "offer.json", "table.json")
    )
    overrides.write_text(OVERRIDES, "utf-8")
    product = offers.product(
        "USE1-NovaLite-input-tokens", "0.00007", sku="A", model="Nova Lite"
    )
    unknown = offers.product("USE1-Mystery-widgets", "1.00")
    offer.write_text(offers.as_json([product, unknown]), "utf-8")
    words = ["prices", "import", str(offer), "--output", str(table)]
    command_runner().invoke(commands, words)
    listed = folder / "offers"
    listed.mkdir()
    (listed / "a.json").write_text(offer.read_text("utf-8"), "utf-8")
    return {"offers": listed, "overrides": overrides, "offer": offer, "table": table}
