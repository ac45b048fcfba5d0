"""The commands ``price`` and ``prices``."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from offer_server import offer_server
from offers import as_csv, as_json, product, sold

pytest.importorskip("click", reason="needs the extra cli")

from bedrock_attrib.cli import commands

Run = Callable[..., CompletedProcess[str]]
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = product("USE1-NovaLite-input-tokens", "0.00007", sku="A", model="Nova Lite")
OPUS = sold("Claude Opus 5", "input_tokens_standard", "5.5")
CALL = ("--region", "us-east-1", "--at", "2026-11-15")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings file is found by chance."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command wrote, and how it ended."""

    stdout: str
    stderr: str
    code: object


def call(*arguments: str | Path, code: int = 0) -> Done:
    """Run the command in this process; the test fails if it ends otherwise."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        commands([str(each) for each in arguments], prog_name="bedrock-attrib")
    done = Done(out.getvalue(), err.getvalue(), end.value.code)
    assert done.code == code, done
    return done


def asked_json(*arguments: str | Path, code: int = 0) -> Any:
    """What the command says as JSON."""
    return json.loads(call(*arguments, "--json", code=code).stdout)


def write(name: str, text: str) -> Path:
    """A file in the current folder."""
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_price_in_a_process_of_its_own(run: Run) -> None:
    """The cost is on the first line, and each unit's sum below it."""
    done = run(
        "prices",
        "quote",
        SONNET,
        *CALL,
        "--input",
        "1200",
        "--output",
        "540",
        COLUMNS="90",
    )
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0] == f"$0.01287  {SONNET} from us-east-1 on 2026-11-15"
    assert lines[1] == "priced"
    head = "unit         count         {} list price = amount price of"
    assert lines[3] == head.format("\N{MULTIPLICATION SIGN}")
    assert lines[5:7] == [
        "input_token  1,200  $3.30 per 1,000,000 $0.00396 default geo",
        "output_token   540 $16.50 per 1,000,000 $0.00891 default geo",
    ]
    assert lines[8] == "total                                   $0.01287"


def test_price_tells_why() -> None:
    """Sources of the price and each look-up are shown, unit by unit."""
    shown = call("prices", "quote", SONNET, *CALL, "--output", "540").stdout
    told = shown.partition("output_token\n")[2]
    assert "valid on all days\n" in told
    assert "aws-pricelist-20260820" in told
    assert "independent sources: 5" in told
    assert "looked up us-east-1 geo: no row" in told
    assert "looked up default geo: used" in told


def test_price_as_json() -> None:
    """Everything is there as JSON, amounts as text."""
    found = asked_json(
        *(
            "prices",
            "quote",
            SONNET,
            *CALL,
            "--input",
            "1200",
            "--cache-write-5m",
            "100",
        ),
        *("--cache-write-1h", "10", "--cache-read", "7"),
    )
    amounts = {unit["unit"]: unit["amount"] for unit in found["units"]}
    assert (found["total"], found["price_status"]) == ("0.00444081", "priced")
    assert amounts == {
        "input_token": "0.00396",
        "cache_read_token": "0.00000231",
        "cache_write_5m_token": "0.0004125",
        "cache_write_1h_token": "0.000066",
    }
    assert found["day"] == "2026-11-15"
    assert found["units"][0]["row"]["scope"] == "geo"
    assert found["units"][0]["looked_for"][-1] == {
        "region": "default",
        "scope": "geo",
        "tier": "default",
        "latency_mode": "standard",
        "context_band": "",
        "own": False,
        "outcome": "used",
    }


def test_price_of_other_units_and_terms() -> None:
    """Units, tier, latency mode and long prompts change what a call costs."""
    found = asked_json(
        "prices", "quote", "amazon.rerank-v1:0", *CALL, "--unit", "search_unit=3"
    )
    optimized = asked_json(
        *("prices", "quote", "amazon.nova-pro-v1:0", *CALL, "--input", "1000000"),
        *("--latency-mode", "optimized"),
    )
    flex = call(
        "prices",
        "quote",
        "amazon.nova-pro-v1:0",
        *CALL,
        "--input",
        "9",
        "--tier",
        "flex",
    )
    long = call("prices", "quote", "openai.gpt-5.4", *CALL, "--input", "300000")
    assert (found["total"], optimized["total"]) == ("0.003", "1")
    assert "default regional flex" in flex.stdout
    assert "default regional over-272k" in long.stdout


def test_price_in_part() -> None:
    """A unit without a price is told; what has one is added up."""
    done = call(
        *("prices", "quote", "amazon.nova-lite-v1:0", *CALL, "--input", "1000000"),
        *("--cache-write-1h", "5"),
    )
    assert "partial: cache_write_1h_token: no price for regional" in done.stdout
    assert re.search(r"cache_write_1h_token +5 +no price", done.stdout)
    assert re.search(r"total +\$0\.06\n", done.stdout)


def test_price_shows_disputes_and_days() -> None:
    """A dated price shows its days, a disputed one what others say."""
    dated = call("prices", "quote", "openai.gpt-5.6-luna", *CALL, "--input", "9").stdout
    past = call(
        *("prices", "quote", "openai.gpt-5.6-luna", "--region", "us-east-1"),
        *("--at", "2026-07-15", "--input", "9"),
    ).stdout
    disputed = call("prices", "quote", "deepseek.v3-v1:0", *CALL, "--input", "9").stdout
    assert "valid from 2026-07-30" in dated
    assert "to 2026-07-29" in past
    assert "disputed: 0.5974 in portkey-mantle" in disputed


def test_no_price() -> None:
    """Without a price the code is 1, with the reason, likely ids, and what to do."""
    done = call("prices", "quote", "claude-sonet-4-5", *CALL, "--input", "3", code=1)
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "claude-sonet-4-5 from us-east-1 on 2026-11-15: no price",
        "  model 'claude-sonet-4-5' is not in the price table",
        done.stderr.splitlines()[2],
        (
            "  To set a price yourself, add it under [[prices]] to a file of "
            "--price-overrides or BEDROCK_ATTRIB_PRICE_OVERRIDES."
        ),
    ]
    assert done.stderr.splitlines()[2].startswith(
        "  Did you mean anthropic.claude-sonnet-4-5-20250929-v1:0"
    )
    found = asked_json(
        "prices", "quote", "claude-sonet-4-5", *CALL, "--input", "3", code=1
    )
    assert (found["total"], found["price_status"]) == (None, "unpriced")
    assert found["similar_models"][0] == "anthropic.claude-sonnet-4-5-20250929-v1:0"


def test_no_price_of_a_known_model() -> None:
    """A model that is known is not proposed to itself."""
    done = call(
        *(
            "prices",
            "quote",
            "amazon.nova-lite-v1:0",
            *CALL,
            "--input",
            "3",
            "--tier",
            "reserved",
        ),
        code=1,
    )
    assert "reserved capacity is billed by the hour" in done.stderr
    assert "Did you mean" not in done.stderr


def test_no_price_of_an_arn() -> None:
    """An ARN that names no model is told what to do with."""
    arn = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/abc"
    done = call("prices", "quote", arn, *CALL, "--input", "3", code=1)
    assert "map it to its model or profile id under [models]" in done.stderr


WRONG_USE = [
    (("prices", "quote", "x", *CALL), "specify usage, for example --input 1200"),
    (
        ("prices", "quote", "x", *CALL, "--unit", "image"),
        "--unit image: expected NAME=COUNT",
    ),
    (
        ("prices", "quote", "x", *CALL, "--unit", "a=-1"),
        "--unit a=-1: expected NAME=COUNT",
    ),
    (("prices", "quote", "x", *CALL, "--unit", "images=1"), "unknown unit 'images'"),
    (
        ("prices", "quote", "x", *CALL, "--unit", "input_tokens=1"),
        "unknown unit 'input_tokens'; did you mean 'input_token'?",
    ),
    (
        ("prices", "list", "--unit", "input_tokens"),
        "unknown unit 'input_tokens'; did you mean 'input_token'?",
    ),
    (("prices", "list", "--unit", "zzz"), "unknown unit 'zzz'\n"),
    (("prices", "quote", "x", *CALL, "--input", "-1"), "-1 is not in the range x>=0"),
    (("prices", "quote", "x", "--input", "1"), "Missing option '--region'"),
    (
        ("prices", "quote", "x", "--region", "r", "--at", "soon"),
        "'soon' does not match",
    ),
    (
        ("prices", "list", "--any-day", "--at", "2026-11-01"),
        "--any-day and --at exclude each other",
    ),
    (("prices", "update", "-o", "x.toml"), "expected a name that ends in .json"),
    (
        ("prices", "update", "--from", ".", "--url", "http://127.0.0.1:1"),
        "--from and --url exclude each other",
    ),
    (("prices", "update", "--from", "."), "has no offer files"),
    (("prices", "import"), "expected offer files, --from-api or --rate-cards"),
    (("prices", "import", "x", "--from-api"), "expected offer files, --from-api or"),
    (("prices", "import", "x", "--output", "x.csv"), "expected the suffix .json or"),
    (("prices", "import", "x"), "x: cannot be read: "),
    (("prices", "diff", "bundled", "x.json"), "x.json: cannot be read as JSON"),
    (("prices", "check", "x.json"), "x.json: cannot be read as JSON"),
    (("prices", "check", "x.toml"), "x.toml: no such file"),
    (
        ("prices", "list", "--price-overrides", "x.toml"),
        "x.toml: cannot be read as TOML",
    ),
]


@pytest.mark.parametrize(("arguments", "problem"), WRONG_USE)
def test_wrong_use(arguments: tuple[str, ...], problem: str) -> None:
    """Wrong arguments and files are told in a message, with code 2."""
    done = call(*arguments, code=2)
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_and_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices are those of the settings; files that are named come before them."""
    own = '[[prices]]\nmodel = "acme.model"\nunit = "input_token"\nprice = {}\n'
    write("five.toml", own.format(5))
    write("seven.toml", own.format(7))
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICE_OVERRIDES", "five.toml")
    one = ("prices", "quote", "acme.model", *CALL, "--input", "1000000")
    assert asked_json(*one)["total"] == "5"
    assert asked_json(*one, "--price-overrides", "seven.toml")["total"] == "7"
    assert "looked up own prices, default regional: used" in call(*one).stdout


def test_own_price_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole price file of the settings stands in for the bundled table."""
    call("prices", "import", write("i.json", as_json([NOVA])), "--output", "aws.json")
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICES", "aws.json")
    assert len(asked_json("prices", "list", "--any-day")["rows"]) == 1


def test_another_currency(monkeypatch: pytest.MonkeyPatch) -> None:
    """Amounts of a table in another currency are told in it."""
    call("prices", "import", write("i.json", as_json([NOVA])), "--output", "aws.json")
    text = Path("aws.json").read_text(encoding="utf-8").replace('"USD"', '"EUR"')
    write("euro.json", text)
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICES", "euro.json")
    shown = call(
        "prices", "quote", "amazon.nova-lite-v1:0", *CALL, "--input", "1000000"
    ).stdout
    assert shown.startswith("0.07 EUR  amazon.nova-lite-v1:0 from us-east-1")


def test_list() -> None:
    """Rows that match, one line each, and the table's age as a remark."""
    done = call(
        *("prices", "list", "--model", "NOVA-LITE", "--region", "default"),
        *("--unit", "input_token", "--tier", "default", "--at", "2026-11-15"),
    )
    assert [line.split() for line in done.stdout.splitlines()[3:]] == [
        [*f"amazon.nova-lite-v1:0 default {scope} input_token".split(), *rest.split()]
        for scope, rest in (
            ("geo", "0.06 1,000,000 1"),
            ("regional", "0.06 1,000,000 7"),
        )
    ]
    assert re.fullmatch(
        r"2 prices\. List prices gathered 2026-11-30, \d+ days? ago\.\n", done.stderr
    )


def test_list_filters() -> None:
    """Vendor, single sources and conflicts narrow the list."""
    everything = asked_json("prices", "list", "--any-day")["rows"]
    cohere = asked_json("prices", "list", "--vendor", "cohere")["rows"]
    single = asked_json("prices", "list", "--any-day", "--single-source")["rows"]
    disputed = asked_json("prices", "list", "--any-day", "--conflicts")["rows"]
    july = asked_json("prices", "list", "--at", "2026-07-15")
    assert len(everything) == 5429
    assert {row["model"].split(".")[0] for row in cohere} == {"cohere"}
    assert {row["independent_sources"] for row in single} == {1}
    assert all(row["disputed"] for row in disputed)
    assert (len(single), len(disputed)) == (3168, 174)
    assert july["on"] == "2026-07-15"
    assert len(july["rows"]) < len(everything)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--vendor", "Antropic"), "vendor 'Antropic'. Did you mean anthropic?"),
        (("--tier", "prioritty"), "tier 'prioritty'. Did you mean priority?"),
        (("--tier", "zzz"), "tier 'zzz'."),
        (("--model", "nova-mikro"), "model 'nova-mikro'. Did you mean amazon.nova-m"),
    ],
)
def test_list_of_a_slip(arguments: tuple[str, ...], hint: str) -> None:
    """A name that no price has gets the nearest one."""
    assert f"No price names the {hint}" in call("prices", "list", *arguments).stderr


def test_list_of_nothing() -> None:
    """Nothing that matches is no failure."""
    done = call("prices", "list", "--model", "nothing-like-it")
    assert (done.stdout, done.stderr[:9]) == ("", "0 prices.")


def test_list_in_a_terminal(
    in_terminal: Callable[..., AbstractContextManager[Any]],
) -> None:
    """A terminal gets a table that fits its width."""
    arguments = ("prices", "list", "--model", "nova-lite", "--region", "default")
    with in_terminal(*arguments, columns=70) as terminal:
        assert terminal.read_to_end() == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.text)
    assert max(len(line) for line in plain.splitlines()) <= 70


def test_show() -> None:
    """All prices of a model stand side by side, with their marks."""
    done = call("prices", "show", "us.amazon.nova-lite-v1:0", "--at", "2026-11-15")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert "amazon.nova-lite-v1:0" in done.stdout.splitlines()[0]
    assert ["default", "regional", "0.06", "0.24", "0.015"] in lines
    assert ["default", "regional", "batch", "0.03", "0.12", "\N{EN DASH}"] in lines
    assert "* single source   Sources: aws-page-20250720," in done.stdout
    assert "List prices gathered 2026-11-30" in done.stdout


def test_show_disputes_and_units() -> None:
    """What sources disagree on is told below; other units have their own columns."""
    deepseek = call("prices", "show", "deepseek.v3-v1:0", "--region", "default")
    canvas = call("prices", "show", "amazon.nova-canvas-v1:0")
    assert (
        "Disputed\n"
        "  default regional default standard input_token: 0.58, but 0.5974 in "
        "portkey-mantle\n"
    ) in deepseek.stdout
    assert "output_image[up-to-1024x1024/premium]" in canvas.stdout
    assert "USD each" in canvas.stdout


def test_show_as_json() -> None:
    """Rows of a model as JSON."""
    found = asked_json("prices", "show", "amazon.rerank-v1:0")
    assert [(row["unit"], row["price"]) for row in found["rows"]] == [
        ("search_unit", "0.001")
    ]
    assert (found["model"], found["similar_models"]) == ("amazon.rerank-v1:0", [])


def test_show_what_is_not_known() -> None:
    """An unknown model ends with code 1 and likely ids."""
    done = call("prices", "show", "nova lite", code=1)
    assert (done.stdout, done.stderr) == (
        "",
        "nova lite is not in the price table.\nDid you mean amazon.nova-lite-v1:0?\n",
    )
    found = asked_json("prices", "show", "nova lite", code=1)
    assert found["similar_models"] == ["amazon.nova-lite-v1:0"]
    nothing = call("prices", "show", "completely different", code=1)
    assert nothing.stderr == "completely different is not in the price table.\n"


def test_show_where_there_is_none() -> None:
    """A known model without a price in a region is told apart."""
    done = call(
        "prices", "show", "amazon.rerank-v1:0", "--region", "us-gov-west-1", code=1
    )
    assert done.stderr == (
        "amazon.rerank-v1:0 has no price in that region on that day.\n"
    )


def test_check() -> None:
    """The bundled table is as documented, and its age is told."""
    found = asked_json("prices", "check", "--max-age-days", "99999")
    assert {**found, "age_days": 0} == {
        "file": "bundled",
        "gathered": "2026-11-30",
        "age_days": 0,
        "prices": 5429,
        "models": 195,
        "regions": 35,
        "single_source": 3168,
        "disputed": 174,
        "unconfirmed": 25,
        "sources": 35,
    }
    shown = call("prices", "check", "--max-age-days", "99999").stdout
    assert shown.startswith("Valid\n  gathered: 2026-11-30")


def test_check_an_old_file() -> None:
    """Prices older than the limit are a warning and code 1."""
    long_ago = (date.today() - timedelta(days=90)).isoformat()  # noqa: DTZ011 - the user's day
    offer = as_json([NOVA], published=f"{long_ago}T00:00:00Z")
    call("prices", "import", write("i.json", offer), "--output", "aws.json")
    done = call("prices", "check", "aws.json", code=1)
    assert re.search(
        r"Warning: the prices of aws\.json are (89|90|91) days old, more than 60\.",
        done.stderr,
    )
    call("prices", "check", "aws.json", "--max-age-days", "100")


def test_check_overrides() -> None:
    """An overrides file is checked too."""
    write(
        "own.toml",
        '[[prices]]\nmodel = "acme.model"\nunit = "input_token"\nprice = 5\n'
        "[[discounts]]\npercent = 5\n",
    )
    assert asked_json("prices", "check", "own.toml") == {
        "file": "own.toml",
        "prices": 1,
        "discounts": 1,
        "commitments": 0,
        "mapped_arns": 0,
        "models_not_in_the_bundled_table": ["acme.model"],
        "doubts": [],
    }
    assert "models not in the bundled table: acme.model\n" in (
        call("prices", "check", "own.toml").stdout
    )
    write("own.toml", "[[prices]]\nmodel = 1\n")
    assert (
        "own.toml: prices[0].model: "
        in call("prices", "check", "own.toml", code=2).stderr
    )


def test_check_overrides_in_doubt() -> None:
    """What is valid but may not do what was meant is a warning and code 1."""
    write(
        "own.toml",
        '[[discounts]]\npercent = 0.15\nvendor = "anthropic"\n'
        '[[prices]]\nmodel = "amazon.nova-mikro-v1:0"\nunit = "input_token"\n'
        'price = 1\nregion = "eu-centrl-1"\ntier = "prioritty"\n',
    )
    done = call("prices", "check", "own.toml", code=1)
    price = "price of amazon.nova-mikro-v1:0 input_token"
    assert done.stderr.splitlines() == [
        f"Warning: own.toml: {doubt}"
        for doubt in (
            (
                "discount for anthropic is 0.15 percent, less than one; write 15 if "
                "15 % is meant"
            ),
            f"{price}: unknown region 'eu-centrl-1'; did you mean 'eu-central-1'?",
            f"{price}: unknown tier 'prioritty'; did you mean 'priority'?",
            (
                f"{price}: the model is not in the price table; did you mean "
                "'amazon.nova-micro-v1:0'?"
            ),
        )
    ]
    assert len(asked_json("prices", "check", "own.toml", code=1)["doubts"]) == 4


def test_quote_at_a_discount() -> None:
    """List prices stay list prices where a discount or an own price applies."""
    write(
        "own.toml",
        '[[discounts]]\npercent = 10\nvendor = "anthropic"\n'
        '[[prices]]\nmodel = "anthropic.claude-sonnet-4-5-20250929-v1:0"\n'
        'unit = "output_token"\nprice = 15\n',
    )
    asked = ("prices", "quote", SONNET, *CALL, "--input", "1000", "--output", "100")
    shown = call(*asked, "--price-overrides", "own.toml").stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    times = "\N{MULTIPLICATION SIGN}"
    per = "per 1,000,000"
    assert lines[3] == f"unit list price count {times} price = amount price of"
    assert lines[5:7] == [
        f"input_token $3.30 {per} 1,000 $2.97 {per} $0.00297 default geo",
        f"output_token $16.50 {per} 100 $15.00 {per} $0.00150 default regional",
    ]
    units = asked_json(*asked, "--price-overrides", "own.toml")["units"]
    assert [(each["price"], each["list_price"]) for each in units] == [
        ("2.97", "3.3"),
        ("15", "16.5"),
    ]


def test_quote_names_every_term_of_a_search() -> None:
    """Tier, latency mode and context band of each search are shown."""
    model = "us.amazon.nova-pro-v1:0"
    flex = call("prices", "quote", model, *CALL, "--input", "5", "--tier", "flex")
    assert "looked up us-east-1 geo flex: no row" in flex.stdout
    assert "looked up default geo flex: used" in flex.stdout


def test_prices_of_a_region() -> None:
    """A region shows the prices that hold there, those of `default` included."""
    asked = ("prices", "list", "--model", "sonnet-4-5", "--unit", "input_token")
    rows = asked_json(*asked, "--region", "us-east-1", "--tier", "default")["rows"]
    assert {row["scope"]: row["price"] for row in rows if not row["context_band"]} == {
        "geo": "3.3",
        "regional": "3.3",
        "global": "3",
    }
    frankfurt = ("--region", "eu-central-1", "--tier", "default")
    nova = ("prices", "list", "--model", "nova-lite-v1", "--unit", "input_token")
    (row,) = asked_json(*nova, *frankfurt)["rows"]
    assert (row["region"], row["price"]) == ("eu-central-1", "0.078")
    shown = call("prices", "show", "qwen.qwen3-32b", "--region", "us-east-1").stdout
    assert shown.startswith("qwen.qwen3-32b-v1:0\n")
    gov = ("prices", "show", "amazon.nova-premier-v1:0", "--region", "us-gov-west-1")
    assert "has no price in that region" in call(*gov, code=1).stderr


def test_prices_of_a_region_on_any_day() -> None:
    """With every day, those of the region and the default ones are listed."""
    asked = ("prices", "list", "--model", "gpt-5.6-sol", "--unit", "input_token")
    rows = asked_json(*asked, "--region", "us-east-1", "--any-day")["rows"]
    assert {row["region"] for row in rows} == {"default"}
    assert None in {row["valid_to"] for row in rows}
    assert "2026-08-20" in {row["valid_to"] for row in rows}


def test_announced_end_is_shown() -> None:
    """The announced end of a price is shown with it."""
    model = "openai.gpt-5.6-sol"
    shown = call("prices", "show", model, "--region", "us-east-1").stdout
    assert "Announced until\n  2026-11-21\n" in shown
    asked = ("prices", "quote", model, *CALL, "--input", "5")
    assert "  announced until 2026-11-21 (aws-news-20260821)\n" in call(*asked).stdout
    assert asked_json(*asked)["units"][0]["row"]["until"] == "2026-11-21"


def test_region_that_no_price_names() -> None:
    """A region that may be a slip gets the nearest name."""
    asked = ("prices", "list", "--model", "nova-lite", "--region", "eu-centrl-1")
    hint = "No price names the region 'eu-centrl-1'. Did you mean eu-central-1?\n"
    assert call(*asked).stderr.endswith(hint)
    shown = call("prices", "show", "amazon.nova-lite-v1:0", "--region", "eu-centrl-1")
    assert shown.stderr.endswith(hint)


def test_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer files become the price file of the settings, and changes are shown."""
    Path("offers").mkdir()
    write("offers/a.json", as_json([NOVA]))
    monkeypatch.setenv("BEDROCK_ATTRIB_PRICE_FILE", "aws.json")
    done = call("prices", "update", "--from", "offers")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[2:] == [
        f"changed amazon.nova-lite-v1:0 us-east-1 {scope} input_token $0.06 {per} "
        f"$0.07 {per}"
        for scope in ("geo", "regional")
        for per in ("per 1,000,000",)
    ]
    assert done.stderr.splitlines() == [
        "Price lists: AmazonBedrock of 2026-10-08.",
        "2 prices changed; 0 lines not understood.",
        "1 price written to aws.json.",
    ]
    again = call("prices", "update", "--from", "offers")
    assert (again.stdout, again.stderr.splitlines()[-1]) == (
        "",
        "aws.json is up to date.",
    )
    nova = ("prices", "quote", "amazon.nova-lite-v1:0", "--region", "us-east-1")
    assert asked_json(*nova, "--input", "1000000")["total"] == "0.07"
    found = asked_json("prices", "update", "--from", "offers", "-o", "other.json")
    assert (found["written"], found["prices"], len(found["changes"])) == (True, 1, 2)
    hint = call("prices", "update", "--from", "offers", "-o", "more.json").stderr
    assert hint.endswith("To use it, set BEDROCK_ATTRIB_PRICE_FILE=more.json\n")


def test_update_from_a_server() -> None:
    """A server is asked for what has changed; one that is away is code 1."""
    with offer_server() as server:
        server.publish("1", {"AmazonBedrock": {"us-east-1": as_json([NOVA])}})
        asked = ("prices", "update", "--url", server.url, "--output", "aws.json")
        assert "4 files downloaded, 0 unchanged." in call(*asked).stderr
        assert "0 files downloaded, 4 unchanged." in call(*asked).stderr
        server.documents.clear()
        done = call(*asked, code=1)
    assert done.stderr.endswith("HTTP 404 Not Found\n")
    assert done.stderr.startswith(f"Error: {server.url}/offers/v1.0/aws/")
    assert asked_json("prices", "check", "aws.json", "--max-age-days", "9999")


def test_import() -> None:
    """Offer files of both formats become one price file; the rest is told."""
    write("a.json", as_json([NOVA, product("USE1-x-y", "1", sku="B")]))
    write("b.csv", as_csv([OPUS], code="AmazonBedrockFoundationModels"))
    done = call("prices", "import", "a.json", "b.csv", "--output", "aws.json")
    assert done.stderr == "Written to aws.json.\n"
    assert done.stdout.splitlines() == [
        "2 prices of 2 models in 1 region",
        "  AmazonBedrock, published 2026-10-08",
        "  AmazonBedrockFoundationModels, published 2026-10-08",
        (
            "3 lines read: 2 gave a price or confirmed one, 0 left out on purpose, "
            "1 not understood."
        ),
        "",
        "Not understood",
        "  1 x usage type is not understood, for example USE1-x-y",
    ]
    found = asked_json(
        "prices", "list", "--price-overrides", "aws.json", "--model", "nova-lite"
    )
    assert found["rows"][0]["price"] == "0.07"


def test_import_without_output() -> None:
    """Without a place to write to, nothing is written."""
    done = call("prices", "import", write("i.json", as_json([NOVA])))
    assert done.stderr == "Nothing is written without --output.\n"
    assert sorted(Path().iterdir()) == [Path("i.json")]


def test_import_of_one_region() -> None:
    """Other regions are left out on purpose; --report tells every reason whole."""
    mega = [
        product(f"USE1-NovaMega-{kind}-tokens", "1", sku=kind, model="Nova Mega")
        for kind in ("input", "output")
    ]
    tokyo = product(
        *("APN1-NovaLite-input-tokens", "0.00007"),
        sku="T",
        model="Nova Lite",
        regionCode="ap-northeast-1",
    )
    write("i.json", as_json([NOVA, tokyo, *mega]))
    done = call("prices", "import", "i.json", "--region", "us-east-1", "--report")
    assert done.stdout.splitlines()[3:] == [
        "",
        "Left out on purpose",
        "  1 x region was not requested",
        "      1 x ap-northeast-1: APN1-NovaLite-input-tokens",
        "",
        "Not understood",
        "  2 x model is not in the table of names",
        "      2 x Nova Mega: USE1-NovaMega-input-tokens, USE1-NovaMega-output-tokens",
    ]


def test_import_as_json() -> None:
    """The account as JSON."""
    lines = [NOVA, product("USE1-NovaLite-input-tokens-custom-model", "1", sku="B")]
    found = asked_json(
        "prices", "import", write("i.json", as_json(lines)), "--output", "aws.toml"
    )
    assert found == {
        "lists": [{"offer": "AmazonBedrock", "published": "2026-10-08"}],
        "lines": 2,
        "mapped": 1,
        "unmapped": 0,
        "prices": 1,
        "models": 1,
        "regions": ["us-east-1"],
        "output": "aws.toml",
        "skipped": [
            {
                "reason": "rate of a customized model",
                "by_design": True,
                "detail": "",
                "count": 1,
                "examples": ["USE1-NovaLite-input-tokens-custom-model"],
            }
        ],
    }
    assert "[[list_prices]]" in Path("aws.toml").read_text(encoding="utf-8")


def test_import_of_nothing() -> None:
    """A list that gives no price is code 1, and writes nothing."""
    write("i.json", as_json([]))
    done = call("prices", "import", "i.json", "--output", "aws.json", code=1)
    assert done.stdout.startswith("0 prices of 0 models in 0 regions\n")
    assert not Path("aws.json").exists()


def test_import_of_a_file_without_an_attribute() -> None:
    """A line without a usage type is told all the same."""
    text = as_json([NOVA]).replace('"usagetype"', '"other"')
    done = call("prices", "import", write("i.json", text), "--report", code=1)
    assert "1 x usage type is not understood" in done.stdout


@pytest.mark.parametrize(
    "option", ["--from-api", "--rate-cards=anthropic.claude-opus-5"]
)
def test_import_from_aws_without_credentials(option: str) -> None:
    """Without credentials, asking AWS is one line on stderr and code 2."""
    done = call("prices", "import", option, code=2)
    assert re.fullmatch(
        r"Error: (pricing:GetProducts|bedrock:ListFoundationModelAgreementOffers) of "
        r"\S+: no AWS credentials were found; sign in, or set AWS_PROFILE\n",
        done.stderr,
    )


def test_diff() -> None:
    """A price file against the bundled table: what it would change."""
    lines = [NOVA, product("USE1-NovaLite-output-tokens", "0.00024", model="Nova Lite")]
    call("prices", "import", write("i.json", as_json(lines)), "--output", "aws.json")
    at = ("--at", "2026-11-15")
    done = call("prices", "diff", "bundled", "aws.json", *at, code=1)
    changed = [line.split() for line in done.stdout.splitlines() if "changed" in line]
    assert changed == [
        [
            *("changed", "amazon.nova-lite-v1:0", "us-east-1", scope, "input_token"),
            *("$0.06", "per", "1,000,000", "$0.07", "per", "1,000,000"),
        ]
        for scope in ("geo", "regional")
    ]
    assert done.stderr.endswith(", 2 changed; 194 models not compared\n")
    found = asked_json("prices", "diff", "bundled", "aws.json", *at, code=1)
    assert len(found["models_not_compared"]) == 194
    (first, *_) = [each for each in found["changes"] if each["kind"] == "changed"]
    assert (first["unit"], first["before"]["price"], first["after"]["price"]) == (
        "input_token",
        "0.06",
        "0.07",
    )


def test_diff_of_equals() -> None:
    """A file differs from itself in nothing."""
    call("prices", "import", write("i.json", as_json([NOVA])), "--output", "aws.json")
    done = call("prices", "diff", "aws.json", "aws.json")
    assert (done.stdout, done.stderr) == (
        "",
        "0 added, 0 removed, 0 changed; 0 models not compared\n",
    )


@pytest.mark.parametrize(
    "name", ["prices", *(f"prices {each}" for each in ("import", "list", "quote"))]
)
def test_help(name: str) -> None:
    """Each command tells what it does, and the busy ones have examples."""
    done = call(*name.split(), "--help")
    assert done.stdout.startswith(f"Usage: bedrock-attrib {name}")
