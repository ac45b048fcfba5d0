"""The page in a real browser: what a reader sees, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from browser import Browser, Page, chromium, running_browser
from kept_records import NOON, make_record
from waiting import HANG_S

from bedrock_attrib import Ledger, Unit, Usage
from bedrock_attrib._model.record import Outcome
from bedrock_attrib.reports.html import render

pytestmark = pytest.mark.skipif(
    chromium() is None, reason="no Chromium here: apt-get install chromium"
)
NOW = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)
PHONE, DESK = (390, 844), (1440, 900)
SCREENS = [(*PHONE, False), (*PHONE, True), (*DESK, False), (*DESK, True)]
NAMES = ["phone, light", "phone, dark", "desk, light", "desk, dark"]
TEAMS = (
    "search",
    "ads",
    "</script><script>document.title='caught'</script>",
    "x" * 256,
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A Chromium with a fresh profile."""
    with running_browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of a ledger with calls of ten days, some with hostile tags."""
    folder = tmp_path_factory.mktemp("page")
    ledger = Ledger(folder / "calls.db")
    for day in range(10):
        for number, team in enumerate(TEAMS):
            usage = {
                Unit.INPUT_TOKEN: 1000 * (number + day + 1),
                Unit.OUTPUT_TOKEN: 100,
                Unit.CACHE_READ_TOKEN: 500,
            }
            ledger.write(
                make_record(
                    Usage(usage),
                    at=NOON - timedelta(days=day),
                    tags={"team": team, "app": team[::-1]},
                    outcome=Outcome.ABANDONED if day == 3 else Outcome.OK,
                )
            )
    assert ledger.flush(HANG_S)
    path = folder / "report.html"
    path.write_text(render(ledger, now=NOW), "utf-8")
    ledger.close()
    return path


# An empty window of a desk's size is 5 kB as PNG.
SEEN_BYTES = 20_000
OVERFLOW = """document.documentElement.scrollWidth
    - document.documentElement.clientWidth"""
CANVAS_COLORS = """
[...document.querySelectorAll("canvas")].map((canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3] === 255) seen.add(data.slice(at, at + 3).join());
  return seen.size;
})
"""


@pytest.mark.parametrize(("width", "height", "is_dark"), SCREENS, ids=NAMES)
def test_the_page_is_whole_on_every_screen(
    width: int,
    height: int,
    is_dark: bool,  # noqa: FBT001
    browser: Browser,
    file: Path,
) -> None:
    """No complaint, no other address, nothing beyond the edge, and charts with bars."""
    page = browser.open(file, width=width, height=height, is_dark=is_dark)
    page.evaluate("scrollTo(0, document.getElementById('over-time').offsetTop)")
    assert page.complaints == []
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "data"}
    assert page.evaluate("document.title") == "Amazon Bedrock spend"
    assert page.evaluate(OVERFLOW) == 0
    few, many = page.evaluate(CANVAS_COLORS)
    assert few > 5
    assert many > 3
    assert len(page.screenshot()) > SEEN_BYTES


def test_night_is_dark_and_day_is_light(browser: Browser, file: Path) -> None:
    """The page follows the reader's choice of colours."""
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = (browser.open(file, is_dark=is_dark) for is_dark in (False, True))
    assert light.evaluate(ground) == "rgb(246, 247, 249)"
    assert dark.evaluate(ground) == "rgb(15, 20, 27)"


def test_paper_is_light_at_night_too(browser: Browser, file: Path) -> None:
    """A page that is printed from a dark screen has charts for paper."""
    page = browser.open(file, is_dark=True)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    color = "getComputedStyle(document.documentElement).getPropertyValue('--c0').trim()"
    assert page.evaluate(color) == "#2563eb"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(color) == "#6ea8fe"
    assert len(page.call("Page.printToPDF", printBackground=True)["data"]) > 10_000


def test_without_scripts_there_are_the_tables(browser: Browser, file: Path) -> None:
    """No chart and no field that would do nothing; the figures are all there."""
    page = browser.open(file, width=390, height=844, has_scripts=False)
    shown = """[...document.querySelectorAll(".js-only")].filter(
        (one) => getComputedStyle(one).display !== "none").length"""
    assert page.evaluate(shown) == 0
    assert page.evaluate("document.querySelectorAll('canvas').length") == 0
    assert page.evaluate("document.querySelector('#all-rows tbody').rows.length") == 4
    assert page.evaluate(OVERFLOW) == 0


def test_the_chart_goes_by_what_is_asked_for(browser: Browser, file: Path) -> None:
    """A button chooses what the bars are stacked by, and its figures."""
    page = browser.open(file)
    page.evaluate("document.querySelectorAll('#over-time .switch button')[3].click()")
    legend = (
        "[...document.querySelectorAll('#over-time .legend li')].map(e => e.innerText)"
    )
    assert page.evaluate(legend) == ["anthropic.claude-sonnet-4-5-20250929-v1:0"]
    seen = "[...document.querySelectorAll('#over-time details:not([hidden])')]"
    assert page.evaluate(f"{seen}.map(e => e.dataset.of)") == ["model"]


def test_the_chart_is_read_with_the_keyboard(browser: Browser, file: Path) -> None:
    """Arrow keys go from bar to bar, and each is said."""
    page = browser.open(file)
    page.evaluate("document.querySelector('#tokens-over-time .chart').focus()")
    page.press("End")
    said = "document.querySelector('#tokens-over-time output').textContent"
    assert page.evaluate(said) == (
        "2026-11-25: input 10,000, read from cache 2,000, output 400, total 12,400"
    )
    page.press("ArrowLeft")
    assert page.evaluate(said).startswith("2026-11-24: input 14,000")


def test_a_part_of_a_chart_can_be_hidden(browser: Browser, file: Path) -> None:
    """A button of the legend takes its part out, and says that it did."""
    page = browser.open(file)
    button = "document.querySelector('#tokens-over-time .legend button')"
    page.evaluate(f"{button}.click()")
    assert page.evaluate(f"{button}.ariaPressed") == "false"
    page.evaluate("document.querySelector('#tokens-over-time .chart').focus()")
    page.press("Home")
    said = page.evaluate(
        "document.querySelector('#tokens-over-time output').textContent"
    )
    assert said == "2026-11-16: read from cache 2,000, output 400, total 2,400"


def found(page: Page, words: str) -> str:
    """What the page says of rows that have *words*."""
    page.evaluate(
        f"{{ const field = document.getElementById('find'); field.value = {words!r};"
        "field.dispatchEvent(new Event('input')); }"
    )
    said: str = page.evaluate("document.getElementById('found').textContent")
    return said


def test_rows_are_filtered_and_added_up_exactly(browser: Browser, file: Path) -> None:
    """The sum of the rows that are shown is exact."""
    page = browser.open(file)
    assert found(page, "search sonnet") == "1 of 4 rows, together $0.19965"
    assert found(page, "") == "4 of 4 rows, together $0.9966"
    assert found(page, "nobody") == "0 of 4 rows, together $0.00"


def test_the_total_of_all_rows_stands_under_all_rows_only(
    browser: Browser, file: Path
) -> None:
    """Beneath some of the rows it would be a wrong statement."""
    page = browser.open(file)
    total = "document.querySelector('#all-rows tfoot').getClientRects().length"
    assert page.evaluate(total) > 0
    found(page, "search sonnet")
    assert page.evaluate(total) == 0
    found(page, "")
    assert page.evaluate(total) > 0


def test_rows_are_sorted_by_any_column(browser: Browser, file: Path) -> None:
    """A heading sorts, up and down, and says so."""
    page = browser.open(file)
    head = "document.querySelectorAll('#all-rows thead th')[0]"
    first = "document.querySelector('#all-rows tbody th').innerText"
    page.evaluate(f"{head}.querySelector('button').click()")
    assert page.evaluate(f"{head}.ariaSort") == "ascending"
    names = page.evaluate("[...document.querySelectorAll('#all-rows tbody th')].length")
    assert names == 4
    assert page.evaluate(first).startswith("</script>")
    page.evaluate(f"{head}.querySelector('button').click()")
    assert page.evaluate(f"{head}.ariaSort") == "descending"
    assert page.evaluate(first).startswith("xxx")


def test_the_page_can_be_read_aloud(browser: Browser, file: Path) -> None:
    """Headings are in order, tables have captions and headed columns and rows."""
    page = browser.open(file)
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3')].map(h => h.tagName)"
    )
    assert levels[0] == "H1"
    assert set(levels[1:]) == {"H2"}
    assert page.evaluate("document.documentElement.lang") == "en"
    lacking = """[...document.querySelectorAll("table")].filter((one) => !one.caption ||
        !one.querySelector('thead th[scope="col"]') ||
        !one.querySelector('tbody th[scope="row"]')).length"""
    assert page.evaluate(lacking) == 0
    unnamed = """[...document.querySelectorAll("[role=group], [role=region]")].filter(
        (one) => !one.ariaLabel).length"""
    assert page.evaluate(unnamed) == 0
