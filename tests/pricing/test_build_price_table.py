"""The script that builds the bundled table."""

# ruff: noqa: SIM300 - the expected value stands first

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from bedrock_attrib.pricing import PriceTable

SCRIPT = Path(__file__).parents[2] / "scripts" / "build_price_table.py"
HEADER = (
    "model_id,region,geography,service_tier,dimension,unit,price_usd,effective_from,"
    "effective_to,sources,n_independent,note\n"
)
FACTS = (
    HEADER
    + "b.model,default,geo,flex+long-context-over-272k,output_text_token,1M tokens,"
    "22.5,2026-07-30,,litellm(eu.)|portkey,2,unconfirmed: seen nowhere else\n"
    "a.model,us-west-1,regional,latency-optimized,input_image,1 image,0.06,,"
    "2026-01-31,aws-pricelist-20260820,1,same price in 2 price-list regions: "
    "us-west-1 eu-west-1; other sources say 0.05 (portkey)\n"
    "a.model,default,regional,default,input_text_token,1M tokens,3,,,genai-prices,1,"
    "default is the price of eu-north-1 (not listed in the main US regions)\n"
)


def run(folder: Path, facts: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the script on *facts*, with its target in *folder*."""
    table = folder / "facts.csv"
    table.write_text(facts, encoding="utf-8")
    target = folder / "prices.json"
    return subprocess.run(
        [sys.executable, SCRIPT, table, "--target", target, *options],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_rows_and_sources(tmp_path: Path):
    """Each fact becomes one line, in the columns and words of a price file."""
    assert 0 == run(tmp_path, FACTS, "--generated", "2026-11-23").returncode
    text = (tmp_path / "prices.json").read_text()
    assert (
        '["a.model","default","regional","default","standard","","input_token","3",'
        '1000000,null,null,"genai",1,{"priced_in":"eu-north-1"}],\n'
        '["a.model","us-west-1","regional","default","optimized","","input_image",'
        '"0.06",1,null,"2026-01-31","pl260820",1,{"same_price_regions":["eu-west-1",'
        '"us-west-1"],"disputed":[["0.05","portkey"]]}],\n'
        '["b.model","default","geo","flex","standard","over-272k","output_token",'
        '"22.5",1000000,"2026-07-30",null,"litellm:eu portkey",2,{"unconfirmed":true}]'
        "\n]\n}\n"
    ) in text
    whole = json.loads(text)
    assert "2026-11-23" == whole["generated"]
    assert ["pl260820", "litellm", "genai", "portkey"] == list(whole["sources"])


def test_services(tmp_path: Path):
    """Facts of services become rows like all others."""
    facts = (
        HEADER
        + "bedrock.agentcore.runtime,default,regional,default,vcpu_hour,1 vCPU-hour,"
        "0.0895,,,aws-page-agentcore-2026,1,metered per second; same figure read for "
        "ap-northeast-1 on 2026-08-17\n"
        "bedrock.agentcore.evaluations,default,regional,default,"
        "evaluation_input_token[built-in],1M tokens,2.4,,,aws-pricelist-late2026,1,\n"
    )
    assert 0 == run(tmp_path, facts, "--generated", "2026-11-30").returncode
    assert (
        '["bedrock.agentcore.evaluations","default","regional","default","standard","",'
        '"evaluation_input_token[built-in]","2.4",1000000,null,null,"pl261001",1,{}],\n'
        '["bedrock.agentcore.runtime","default","regional","default","standard","",'
        '"vcpu_hour","0.0895",1,null,null,"page-agentcore",1,'
        '{"same_price_regions":["ap-northeast-1"]}]\n]\n}\n'
    ) in (tmp_path / "prices.json").read_text()


def test_building_again_changes_nothing(tmp_path: Path):
    """The same facts give the same file in any order."""
    run(tmp_path, FACTS, "--generated", "2026-11-23")
    first = (tmp_path / "prices.json").read_text()
    header, *rows = FACTS.splitlines(keepends=True)
    again = run(tmp_path, header + "".join(reversed(rows)))
    assert 0 == again.returncode
    assert "3 rows\n" == again.stdout
    assert first == (tmp_path / "prices.json").read_text()


def test_differences_by_model(tmp_path: Path):
    """Added, removed and changed rows are printed by model."""
    run(tmp_path, FACTS, "--generated", "2026-11-23")
    facts = FACTS.replace("1M tokens,3,", "1M tokens,4,").replace("b.model", "c.model")
    built = run(tmp_path, facts, "--generated", "2026-11-24")
    assert (
        "a.model\n"
        "  changed  default regional default standard input_token: price '3' -> '4'\n"
        "b.model\n"
        "  removed  default geo flex standard over-272k output_token 2026-07-30: "
        "22.5 per 1000000\n"
        "c.model\n"
        "  added    default geo flex standard over-272k output_token 2026-07-30: "
        "22.5 per 1000000\n"
        "3 rows\n"
    ) == built.stdout


def test_check_writes_nothing(tmp_path: Path):
    """`--check` fails when the file does not match the facts; it writes nothing."""
    run(tmp_path, FACTS, "--generated", "2026-11-23")
    before = (tmp_path / "prices.json").read_text()
    assert 0 == run(tmp_path, FACTS, "--check").returncode
    changed = FACTS.replace("1M tokens,3,", "1M tokens,4,")
    assert 1 == run(tmp_path, changed, "--check").returncode
    assert before == (tmp_path / "prices.json").read_text()


def test_changed_rows_need_their_day(tmp_path: Path):
    """New prices carry the day on which they were gathered."""
    assert "--generated is needed" in run(tmp_path, FACTS).stderr
    run(tmp_path, FACTS, "--generated", "2026-11-23")
    changed = FACTS.replace("1M tokens,3,", "1M tokens,4,")
    assert "state their day with --generated" in run(tmp_path, changed).stderr


NOTES = """
[sources.x]
id = "a-list"
about = "a test"
seen = "2026"

[[aliases]]
model = "a.model"
ids = ["a.other"]
source = "x"

[[aliases]]
model = "no.model"
ids = ["no.other"]
source = "x"

[[free]]
models = ["b.model", "no.model"]
units = ["cache_write_5m_token"]
source = "x"

[[until]]
model = "b.model"
valid_from = 2026-07-30
until = 2026-12-31
source = "x"

[[disputed]]
models = ["b.model"]
region = "default"
other_tiers = { flex = "batch" }
"""


def test_notes(tmp_path: Path):
    """What facts cannot say comes from notes; those of other models are left out."""
    notes = tmp_path / "notes.toml"
    notes.write_text(NOTES)
    facts = FACTS + (
        "b.model,default,geo,batch,output_text_token,1M tokens,45,,,portkey,1,\n"
    )
    done = run(tmp_path, facts, "--generated", "2026-11-23", "--notes", str(notes))
    assert 0 == done.returncode
    assert "aliases changed\nfree changed\n4 rows\n" in done.stdout
    whole = json.loads((tmp_path / "prices.json").read_text())
    assert {"a.other": ["a.model", "x"]} == whole["aliases"]
    assert [["b.model", "cache_write_5m_token", "x", True]] == whole["free"]
    assert "a-list" == whole["sources"]["x"]["id"]
    assert {
        "unconfirmed": True,
        "disputed": [["45", "portkey"]],
        "until": ["2026-12-31", "x"],
    } == whole["rows"][-1][13]


def test_every_note_is_used():
    """Each note is of a model in the bundled table, and each source has a note."""
    notes = tomllib.loads(SCRIPT.with_name("price_notes.toml").read_text())
    table = PriceTable.bundled()
    models = {
        model
        for kind in ("aliases", "free", "until", "disputed")
        for note in notes[kind]
        for model in note.get("models", [note.get("model")])
    }
    assert set() == models - {*table.model_ids}
    named = {
        note["source"] for kind in notes for note in notes[kind] if "source" in note
    }
    assert named == {*notes["sources"]}


def test_bundled_table_is_up_to_date(price_facts: Path):
    """The committed table matches the facts."""
    checked = subprocess.run(
        [sys.executable, SCRIPT, price_facts / "facts.csv", "--check"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (0, "5429 rows\n") == (checked.returncode, checked.stdout)
