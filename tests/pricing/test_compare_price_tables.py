"""The script that compares our table with other tables."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare_price_tables.py"
NOVA = "amazon.nova-lite-v1:0"
OPUS = "anthropic.claude-opus-4-8"

LITELLM = {
    NOVA: {"input_cost_per_token": 6e-08, "output_cost_per_token_batches": 1.2e-07},
    f"bedrock/eu-central-1/{NOVA}": {"input_cost_per_token": 6e-08},
    OPUS: {"input_cost_per_token": 5e-06, "cache_creation_input_token_cost": 6.25e-06},
    f"us.{OPUS}": {"input_cost_per_token": 5.5e-06},
    "bedrock_mantle/openai.gpt-oss-120b": {"input_cost_per_token": 1.5e-07},
    "openai.gpt-5.6-luna": {"input_cost_per_token": 1.1e-06},
    "openai.gpt-5.6-cyber": {"input_cost_per_token": 9.0},
    "amazon.nova-pro-v1:0": {"input_cost_per_token_above_200k_tokens": 1e-06},
    "acme.model": {"input_cost_per_token": 1, "mode": "chat", "max_tokens": 5},
    "amazon.titan-embed-text-v1": {"output_cost_per_token": 0.0},
}
GENAI = """
from decimal import Decimal

class Tier:
    start, price = 272000, Decimal("0.44")

class Tiered:
    base, tiers = Decimal("0.22"), [Tier]

class Model:
    id = "regional.openai.gpt-5.6-luna"
    def get_prices(self, at):
        prices = type("Prices", (), {})()
        prices.input_mtok, prices.output_mtok = Tiered, Decimal("9")
        prices.cache_read_mtok, prices.other = None, 1
        return prices

class Provider:
    id = "aws"
    def find_model(self, name):
        return Model() if name == "openai.gpt-5.6-luna" else None

providers = [Provider()]
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with fakes of the other packages."""
    litellm, genai = tmp_path / "litellm", tmp_path / "genai_prices"
    litellm.mkdir()
    genai.mkdir()
    entries = {
        name: {"litellm_provider": "bedrock_converse", **fields}
        for name, fields in LITELLM.items()
    }
    entries["gpt-5"] = {"litellm_provider": "openai", "input_cost_per_token": 1}
    table = litellm / "model_prices_and_context_window_backup.json"
    table.write_text(json.dumps(entries), encoding="utf-8")
    (litellm / "__init__.py").write_text("raise RuntimeError('imported')")
    (genai / "__init__.py").write_text("")
    (genai / "data.py").write_text(GENAI)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [each for each in sys.modules if each.startswith("genai_prices")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"1.0-{name}")
    spec = importlib.util.spec_from_file_location("compare_price_tables", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks itself up there.
    monkeypatch.setitem(sys.modules, "compare_price_tables", module)
    spec.loader.exec_module(module)
    return module


def told(capsys: Any, script: ModuleType, *options: str) -> list[str]:
    """What the script prints for 2026-11-15."""
    assert script.main(["--at", "2026-11-15", *options]) == 0
    return [line for line in capsys.readouterr().out.splitlines() if line]


def test_disagreements_by_reason(capsys: Any, script: ModuleType):
    """Prices that differ are grouped by reason, with both values and our sources."""
    shown = told(capsys, script, "--all")
    assert shown[0] == "bundled table of 2026-11-30, prices of 2026-11-15"
    assert shown[1] == (
        "litellm 1.0-litellm: 11 prices, 4 equal, 5 different, "
        "1 of what our table has no price for, 1 of ids that are not in our table,"
    )
    headings = [line for line in shown if line.startswith("  ") and line[2] != " "]
    assert headings == [
        "  US price, though the region has its own: 1",
        "  global price, though the id is not global: 2",
        "  no AWS source here either: 1",
        "  price of another day: 1",
        "  AWS's price list or page has another price: 1",
    ]
    assert (
        f"    bedrock/eu-central-1/{NOVA}: {NOVA} eu-central-1 default input_token: "
        "0.06000000, ours 0.078000000 (aws-pricelist-20260820, portkey)"
    ) in shown


def test_one_line_for_each_entry(capsys: Any, script: ModuleType):
    """Without --all, an entry is one line for each reason."""
    shown = told(capsys, script)
    (opus,) = [line for line in shown if line.startswith(f"    {OPUS}: ")]
    assert opus.endswith(" (and 1 more)")
    assert "genai-prices 1.0-genai-prices: 3 prices, 2 equal, 1 different," in shown
