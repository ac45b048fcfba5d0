"""The page: its figures add up, and nothing that a tag holds becomes markup."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from kept_records import NOON, make_record

import bedrock_attrib.reports.html as package
from bedrock_attrib import ConfigError, Cost, Ledger, Unit, Usage
from bedrock_attrib._model.record import Outcome, PriceStatus
from bedrock_attrib.errors import MissingExtraError
from bedrock_attrib.reports import select
from bedrock_attrib.reports.html import make_page, render
from bedrock_attrib.reports.html._collect import collect
from bedrock_attrib.reports.html._details import priced_counts
from bedrock_attrib.reports.html._totals import MOST_SHOWN

pytest.importorskip("jinja2", reason="needs the extra reports")

Keep = Callable[..., Ledger]
PACKAGE = Path(package.__file__).parent
NOW = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)
DAY = timedelta(days=1)

HOSTILE = {
    "ends a script": "</script><script>alert(1)</script>",
    "ends an attribute": '"><img src=x onerror=alert(1)>',
    "single quotes": "a' onmouseover='alert(1)",
    "comment": "<!-- -->",
    "entity": "&lt;b&gt;",
    "turned round": "\u202eabc\u202c",
    "control": "\x07\x1b[31m",
    "template": "{{7*7}}${7*7}",
}


class Reader(HTMLParser):
    """Elements of a page, their attributes, and the text of table rows."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self._is_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._is_cell = True

    def handle_endtag(self, tag: str) -> None:
        """Note an end."""
        if tag in ("td", "th"):
            self._is_cell = False

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.texts.append(data)
        if self._is_cell:
            self.rows[-1][-1] += data


def figures(page: str) -> Any:
    """What the charts of *page* draw."""
    found = re.search(r'id="figures">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_shows_what_was_spent_by_whom(keep: Keep) -> None:
    """Rows, shares and totals are those of the calls."""
    ledger = keep(
        make_record(),
        make_record(),
        make_record(tags={"team": "ads"}),
        make_record(tags={}, at=NOON - DAY),
    )
    rows = Reader(render(ledger, by=["team"], now=NOW)).rows
    assert ["search", "$0.00231", "50.0%", "2"] in rows
    assert ["ads", "$0.00116", "25.0%", "1"] in rows
    assert ["(none)", "$0.00116", "25.0%", "1"] in rows
    assert ["total", "$0.00462", "100.0%", "4"] in rows
    assert ["without team", "1", "$0.00116", "25.0%"] in rows
    assert ["search", "2", "0", "200", "100", "0", "$0.002310"] in rows
    assert ["total", "4", "0", "400", "200", "0", "$0.004620"] in rows


def test_every_amount_can_be_checked_by_hand(keep: Keep) -> None:
    """Counts times prices come to the total, with all digits."""
    cached = Usage(
        {Unit.INPUT_TOKEN: 7, Unit.CACHE_READ_TOKEN: 3, Unit.OUTPUT_TOKEN: 0}
    )
    ledger = keep(make_record(), make_record(cached, region="us-west-2"))
    rows = Reader(render(ledger, now=NOW)).rows
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    start = rows.index(["model", "unit", "count", "× price", "= amount"])  # noqa: RUF001
    assert rows[start + 1 : start + 5] == [
        [model, "output_token", "50", "$16.50 per million", "$0.00082500"],
        [model, "input_token", "107", "$3.30 per million", "$0.00035310"],
        [model, "cache_read_token", "3", "$0.33 per million", "$0.00000099"],
        ["total", "", "", "", "$0.00117909"],
    ]


def test_an_amount_given_as_a_whole_is_told_as_one(keep: Keep) -> None:
    """Without unit prices the amount is shown in its currency."""
    given = Cost(Decimal("1.5"), "CHF", {}, {})
    page = render(keep(make_record(cost=given)), now=NOW)
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert [model, "no unit prices", "1", "", "1.50 CHF"] in Reader(page).rows
    assert figures(page)["currency"] == "CHF"


def test_currencies_stand_beside_one_another(keep: Keep) -> None:
    """Amounts of different currencies are never added up."""
    given = Cost(Decimal("1.5"), "EUR", {}, {})
    page = render(keep(make_record(), make_record(cost=given)), by=["team"], now=NOW)
    rows = Reader(page).rows
    assert ["search", "1.50 EUR + $0.00116", "100.0%", "2"] in rows


def test_failures_and_what_they_cost_are_told(keep: Keep) -> None:
    """Failed and abandoned calls have rows of their own."""
    ledger = keep(
        make_record(),
        make_record(outcome=Outcome.ABANDONED),
        make_record(
            None,
            outcome=Outcome.ERROR,
            error="ThrottlingException",
            price_status=PriceStatus.FREE,
        ),
    )
    rows = Reader(render(ledger, now=NOW)).rows
    assert ["abandoned", "", "1", "33.3%", "$0.00116"] in rows
    assert ["error", "ThrottlingException", "1", "33.3%", "–"] in rows  # noqa: RUF001
    assert ["total", "", "2", "66.7%", "$0.00116"] in rows


def test_calls_without_a_price_are_told(keep: Keep) -> None:
    """What is in no amount is named, with what it used."""
    page = render(keep(make_record(model="acme.unheard-of-v1:0")), now=NOW)
    row = ["acme.unheard-of-v1:0", "unpriced", "input_token, output_token", "1"]
    assert row in Reader(page).rows


def cards(page: str) -> dict[str, str]:
    """The key figures of *page*, by what they are of."""
    found = re.findall(r"<div[^>]*><dt>(.*?)</dt><dd>(.*?)</dd></div>", page)
    return {term: re.sub(r"<[^>]+>", " ", told) for term, told in found}


def test_key_figures_of_what_has_no_price(keep: Keep) -> None:
    """A dash marks unknown amounts, with their number of calls."""
    odd = "acme.unheard-of-v1:0"
    told = cards(render(keep(make_record(model=odd, tags={})), now=NOW))
    assert told["Spend at list prices"].split() == "\u2013 no call is priced".split()
    assert told["Spend without team"].split() == (
        "\u2013 1 call, 1 not fully priced".split()
    )
    failed = make_record(model=odd, outcome=Outcome.ABANDONED)
    page = render(keep(make_record(tags={}), failed), now=NOW)
    assert cards(page)["Failed or abandoned calls"].split() == (
        "1 33.3% of calls, \u2013 , 1 not fully priced".split()
    )
    assert cards(page)["Spend without team"].split() == (
        "$0.00116 100.0% of spend, 2 calls, 1 not fully priced".split()
    )
    rows = Reader(render(keep(), select(where=["model=acme*"]), now=NOW)).rows
    assert ["without team", "1", "\u2013", "\u2013"] in rows


def test_key_figures_of_other_currencies(keep: Keep) -> None:
    """They are shown wherever the main one is."""
    francs = Cost(Decimal("1.5"), "CHF", {}, {})
    estimated = {"cost": francs, "price_status": PriceStatus.ESTIMATED, "tags": {}}
    lost = make_record(outcome=Outcome.ABANDONED, **estimated)
    told = cards(render(keep(make_record(), lost), now=NOW))
    assert told["Spend at list prices"].split("  ") == [
        "1.50 CHF + $0.00116",
        "some of it from estimated counts or prices",
    ]
    assert told["Spend without team"] == "1.50 CHF  1 call"
    assert "50.0% of calls, 1.50 CHF" in told["Failed or abandoned calls"]


def test_many_models_without_a_price_are_summed_up(keep: Keep) -> None:
    """The first dozen is named."""
    ledger = keep(*(make_record(model=f"acme.m{n}-v1:0") for n in range(14)))
    rows = Reader(render(ledger, now=NOW)).rows
    assert ["2 others", "", "", "2"] in rows


def test_units_other_than_tokens_have_a_price_each(keep: Keep) -> None:
    """A page without tokens says so, and prices are for one unit."""
    usage = Usage({Unit.GUARDRAIL_CONTENT_TEXT_UNIT: 3})
    record = make_record(usage, model="bedrock.guardrail", operation="ApplyGuardrail")
    page = render(keep(record), now=NOW)
    assert "No call used tokens." in page
    row = ["bedrock.guardrail", "guardrail_content_text_unit", "3", "$0.00015 each"]
    assert [*row, "$0.00045"] in Reader(page).rows


def test_a_page_by_no_tag_has_no_unattributed_spend(keep: Keep) -> None:
    """Nobody asked for tags."""
    page = render(keep(make_record()), by=["model", "region"], now=NOW)
    assert "This page is not grouped by a tag." in page
    assert "Spend without" not in page


def test_a_part_that_is_nearly_nothing_is_not_nothing(keep: Keep) -> None:
    """A share never rounds to zero."""
    much = make_record(Usage({Unit.INPUT_TOKEN: 10**9}), tags={"team": "ads"})
    rows = Reader(render(keep(much, make_record()), by=["team"], now=NOW)).rows
    assert ["search", "$0.00116", "<0.1%", "1"] in rows


def test_prices_beyond_the_most_are_added_up(keep: Keep) -> None:
    """The last row has the amount of all prices that are not shown."""
    found = priced_counts(collect(keep(make_record()), select(), ["team"]), 1)
    assert [key.unit for key, _ in found.rows] == [Unit.OUTPUT_TOKEN]
    assert (found.hidden, found.rest) == (1, {"USD": Decimal("0.000330")})


def test_a_missing_extra_is_named(keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Jinja2 the error says what to install."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"bedrock-attrib\[reports\]"):
        render(keep(make_record()), now=NOW)


def test_an_empty_ledger_has_a_page(keep: Keep) -> None:
    """It says what it is."""
    assert "An empty ledger" in render(keep(), now=NOW)


def test_a_name_that_lacks_a_value_differs_from_an_empty_one(keep: Keep) -> None:
    """No tag and an empty tag are two things."""
    ledger = keep(make_record(tags={}), make_record(tags={"team": ""}))
    names = {row[0] for row in Reader(render(ledger, by=["team"], now=NOW)).rows if row}
    assert {"(none)", "(empty)"} <= names


@pytest.mark.parametrize("value", HOSTILE.values(), ids=list(HOSTILE))
def test_no_value_becomes_markup(value: str, keep: Keep) -> None:
    """A page with a hostile tag has the elements of one with a harmless tag."""
    record = make_record(tags={"team": value}, error=value, outcome=Outcome.ERROR)
    mild = make_record(tags={"team": "x"}, error="y", outcome=Outcome.ERROR)
    since = select(NOON - DAY)
    hostile = render(keep(record), since, by=["team"], title=value, now=NOW)
    harmless = render(
        keep(mild),
        select(NOON - DAY, where=["team=x"]),
        by=["team"],
        title="x",
        now=NOW,
    )
    assert [t for t in Reader(hostile).tags if t in ("script", "img", "style")] == [
        t for t in Reader(harmless).tags if t in ("script", "img", "style")
    ]
    attributes = {name for name, _ in Reader(hostile).attributes}
    assert {name for name in attributes if name.startswith("on")} == set()
    assert not set("\u202e\u202c\x07\x1b") & set(hostile)


def test_characters_that_hide_are_shown(keep: Keep) -> None:
    """Text that would be turned round, or is not seen, is written out."""
    ledger = keep(make_record(tags={"team": "\u202eabc\x07\u00ad"}))
    rows = Reader(render(ledger, by=["team"], now=NOW)).rows
    assert "\\u{202e}abc\\u{7}\\u{ad}" in {row[0] for row in rows if row}


def test_emoji_and_scripts_of_the_world_stay_as_they_are(keep: Keep) -> None:
    """What joins letters is no trick."""
    name = "größe 日本 \u0645\u06cc\u200c\u062e 👩\u200d👧"
    page = render(keep(make_record(tags={"team": name})), by=["team"], now=NOW)
    assert name in {row[0] for row in Reader(page).rows if row}


def test_a_very_long_value_is_cut_short(keep: Keep) -> None:
    """The page says how long it was."""
    page = render(keep(make_record(tags={"team": "x" * 256})), by=["team"], now=NOW)
    shown = "x" * 160 + "… (256 characters)"
    assert shown in {row[0] for row in Reader(page).rows if row}


def test_only_scripts_of_the_page_may_run(keep: Keep) -> None:
    """The policy names each script and style by its digest, and allows nothing else."""
    page = render(keep(make_record()), now=NOW)

    def digests(element: str) -> str:
        contents = re.findall(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
        hashes = (hashlib.sha256(each.encode()).digest() for each in contents)
        return " ".join(f"'sha256-{base64.b64encode(h).decode()}'" for h in hashes)

    found = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', page)
    assert found is not None
    assert html.unescape(found[1]) == (
        f"default-src 'none'; script-src {digests('script')}; "
        f"style-src {digests('style')}; img-src data:; base-uri 'none'; "
        f"form-action 'none'"
    )


def test_the_page_asks_nobody_for_anything(keep: Keep) -> None:
    """No element names another host, and none has a style of its own."""
    attributes = Reader(render(keep(make_record()), now=NOW)).attributes
    assert {
        value
        for name, value in attributes
        if name in ("src", "href") and not (value or "").startswith("#")
    } == {"data:,"}
    assert [value for name, value in attributes if name == "style"] == []


def test_the_charting_library_is_as_it_was_published() -> None:
    """The digests of the vendored files are those in their README."""
    readme = (PACKAGE / "vendor/README.md").read_text("utf-8")
    told = dict(re.findall(r"`(uPlot\.\S+?)` \| `([0-9a-f]{64})`", readme))
    assert told == {
        name: hashlib.sha256((PACKAGE / "vendor" / name).read_bytes()).hexdigest()
        for name in ("uPlot.iife.min.js", "uPlot.min.css")
    }
    licence = (PACKAGE / "vendor/uPlot.LICENSE.txt").read_text("utf-8")
    assert licence.startswith("The MIT License (MIT)")


def test_the_page_is_small(keep: Keep) -> None:
    """A month with hundreds of rows stays below 300 kB."""
    records = [
        make_record(at=NOON - DAY * (number % 30), tags={"team": f"t{number}"})
        for number in range(500)
    ]
    page = render(keep(*records), now=NOW)
    assert len(page.encode()) < 300_000
    assert ["101 more rows", "", "", "", "101"] in [
        row[:5] for row in Reader(render(keep(), rows=399, now=NOW)).rows
    ]


@pytest.mark.parametrize(
    ("length", "step", "bars"),
    [
        (timedelta(hours=2), "hour", 3),
        (timedelta(days=30), "day", 31),
        (timedelta(days=100), "week", 15),
        (timedelta(days=800), "month", 27),
    ],
)
def test_a_chart_has_a_few_dozen_bars(
    length: timedelta, step: str, bars: int, keep: Keep
) -> None:
    """The longer the span, the longer the stretch of a bar."""
    page = render(keep(make_record(at=NOON - length), make_record()), now=NOW)
    assert f"<h2>Spend by {step}</h2>" in page
    assert len(figures(page)["labels"]) == bars


def test_days_are_those_of_the_zone(keep: Keep) -> None:
    """A call late in the evening, UTC, is one of the next morning in Tokyo."""
    records = [make_record(at=NOON - DAY * 10), make_record(at=NOON.replace(hour=20))]
    page = render(keep(*records), select(zone="Asia/Tokyo"), by=["team"], now=NOW)
    assert figures(page)["labels"][-1] == "2026-11-26"


def test_the_charts_draw_the_dearest_and_the_sum_of_the_rest(keep: Keep) -> None:
    """Eight values have colours of their own."""
    records = [
        make_record(
            Usage({Unit.INPUT_TOKEN: 1000 - number}), tags={"team": f"t{number}"}
        )
        for number in range(12)
    ]
    (dimension,) = figures(render(keep(*records), by=["team"], now=NOW))["dimensions"]
    names = [series["name"] for series in dimension["series"]]
    assert names == [*(f"t{number}" for number in range(8)), "all others"]
    assert dimension["series"][0]["values"] == [0.0033]
    assert dimension["series"][8]["values"] == [0.0130746]


def test_a_filter_and_a_span_choose_calls(keep: Keep) -> None:
    """Only what was asked for is on the page."""
    ledger = keep(make_record(), make_record(tags={"team": "ads"}))
    page = render(ledger, select(NOON - DAY, where=["team=ads"]), by=["team"], now=NOW)
    names = {row[0] for row in Reader(page).rows if row}
    assert "ads" in names
    assert "search" not in names
    assert "1, on team" in Reader(page).texts


@pytest.mark.parametrize(
    "is_empty", [True, False], ids=["no calls", "none in the span"]
)
def test_a_page_without_calls_says_so(is_empty: bool, keep: Keep) -> None:  # noqa: FBT001
    """There is a page, and it says what to do."""
    ledger = keep() if is_empty else keep(make_record())
    page = render(ledger, select(NOON + DAY, NOON + 2 * DAY), now=NOW)
    assert "No calls match." in page
    assert figures(page)["labels"] == []


def test_an_old_price_table_is_told(keep: Keep) -> None:
    """The age of the list prices is at the top, and highlighted if they are old."""
    ledger = keep(make_record())
    old = render(ledger, now=datetime(2027, 3, 1, tzinfo=UTC))
    assert re.search(r'<p class="note">Costs are estimates .* days before', old)
    assert '<p class="note quiet">Costs are estimates' in render(ledger, now=NOW)


@pytest.mark.parametrize("by", [[], ["team", "team"], ["day"], ["unit"], ["team", ""]])
def test_what_the_page_cannot_go_by_is_refused(by: list[str], keep: Keep) -> None:
    """The message says what was expected."""
    with pytest.raises(ConfigError, match="expected"):
        render(keep(make_record()), by=by, now=NOW)


def test_progress_is_told(keep: Keep) -> None:
    """Each bar is a step."""
    told: list[tuple[int, int]] = []
    ledger = keep(make_record(at=NOON - timedelta(hours=1)), make_record())
    render(ledger, now=NOW, progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]


def _luminance(color: str) -> float:
    """As WCAG 2.2 defines it."""
    parts = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_have_enough_contrast(scheme: int) -> None:
    """Text has 4.5 to 1 and the parts of a chart 3 to 1, as WCAG's level AA asks."""
    style = (PACKAGE / "page.css").read_text("utf-8")
    blocks = re.findall(r":root[^{]*\{(.*?)\}", style, re.DOTALL)
    colors = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", blocks[scheme]))
    texts = [
        _contrast(colors[text], colors[ground])
        for text in ("ink", "soft", "accent")
        for ground in ("page", "card", "head")
    ]
    texts.append(_contrast(colors["warn"], colors["warn-bg"]))
    parts = [
        _contrast(colors[part], colors["card"])
        for part in (*(f"c{number}" for number in range(8)), "rest")
    ]
    assert min(texts) >= 4.5
    assert min(parts) >= 3


def test_units_without_a_price_are_those_that_lack_one(keep: Keep) -> None:
    """What has a price is not among them, and all such calls are counted."""
    partial = make_record(Usage({Unit.INPUT_TOKEN: 5, Unit.OUTPUT_IMAGE: 1}))
    ledger = keep(partial, make_record(model="acme.unheard-of-v1:0"), make_record())
    rows = Reader(render(ledger, now=NOW)).rows
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert [model, "partial", "output_image", "1"] in rows
    assert ["total", "", "", "2"] in rows


def test_bars_are_of_one_currency(keep: Keep) -> None:
    """Amounts of another are not added to them."""
    francs = make_record(cost=Cost(Decimal(9), "CHF", {}, {}))
    found = collect(keep(make_record(), francs), select(), ["team"])
    (period,) = found.periods
    assert period.cost == {"team": {"search": Decimal("0.001155")}}


def test_a_span_beyond_the_ledger_stays_where_it_is(keep: Keep) -> None:
    """It is empty, and does not turn round."""
    page = make_page(keep(make_record()), select("2030-01-01"), now=NOW)
    at = datetime(2030, 1, 1, tzinfo=UTC)
    assert (page.since, page.until, page.total.calls) == (at, at, 0)


def test_the_share_of_prompts_from_the_cache(keep: Keep) -> None:
    """It is of all tokens of prompts."""
    usage = Usage({Unit.INPUT_TOKEN: 75, Unit.CACHE_READ_TOKEN: 25})
    told = cards(render(keep(make_record(usage)), now=NOW))
    assert told["Prompt tokens read from cache"] == "25.0%  25 of 100"


def test_what_is_not_shown_on_its_own_is_summed_up(keep: Keep) -> None:
    """All of it: with those that are shown it comes to the total."""
    count = MOST_SHOWN + 3
    ledger = keep(*(make_record(tags={"team": f"t{n}"}) for n in range(count)))
    rows = Reader(render(ledger, by=["team"], now=NOW)).rows
    assert [row for row in rows if "others" in row[0]] == [
        ["3 others", "$0.00346", "20.0%", "3"]
    ]
