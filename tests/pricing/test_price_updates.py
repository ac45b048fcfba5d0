"""Fresh prices from offer files, on a server of this machine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from email.message import Message
from pathlib import Path

import pytest
from offer_server import (
    OfferServer,
    another_part,
    cut,
    moved,
    offer_server,
    other,
    status,
)
from offers import as_csv, as_json, product, sold
from waiting import HANG_S, wait_until

from bedrock_attrib import (
    ConfigError,
    PriceTable,
    Recorder,
    Unit,
    Usage,
    configure,
)
from bedrock_attrib._model.model_id import parse_model_id
from bedrock_attrib._runtime.contained_errors import PROCESS_ERRORS
from bedrock_attrib.pricing._table import UpdatingPriceTable, pricer_of
from bedrock_attrib.pricing.price_updates import (
    PriceUpdate,
    PriceUpdateError,
    default_price_file,
    update_from_aws,
    update_from_folder,
)
from bedrock_attrib.pricing.price_updates import _download as download
from bedrock_attrib.pricing.price_updates._daily import DailyPriceUpdates
from bedrock_attrib.pricing.price_updates._lock import locked
from bedrock_attrib.testing import ListSink

TODAY = date(2026, 12, 1)
MARKETPLACE = "AmazonBedrockFoundationModels"
NOVA = product("USE1-NovaLite-input-tokens", "0.00007", sku="A", model="Nova Lite")
OPUS = sold("Claude Opus 5", "input_tokens_standard", "5.7")
LIST = as_json([NOVA])
NOVA_PATH = "/offers/v1.0/aws/AmazonBedrock/1/us-east-1/index.json"
INDEX_PATH = "/offers/v1.0/aws/AmazonBedrock/current/region_index.json"
MILLION = Usage({Unit.INPUT_TOKEN: 1_000_000})


@pytest.fixture
def server() -> Iterator[OfferServer]:
    """A server that has a list with two prices."""
    with offer_server() as offers:
        offers.publish(
            "1",
            {
                "AmazonBedrock": {"us-east-1": LIST},
                MARKETPLACE: {"us-east-1": as_json([OPUS], code=MARKETPLACE)},
            },
        )
        yield offers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A price file in a folder that is not there yet."""
    return tmp_path / "prices" / "aws.json"


def update(path: Path, server: OfferServer, **changes: object) -> PriceUpdate:
    """Update *path* from *server*, without pauses."""
    asked = {
        "today": TODAY,
        "base_url": server.url,
        "sleep": lambda _: None,
        **changes,
    }
    done = update_from_aws(path, **asked)  # type: ignore[arg-type] # as the test has it
    assert done is not None
    return done


def price_of(table: PriceTable, model: str = "amazon.nova-lite-v1:0") -> Decimal:
    """What a million input tokens cost in us-east-1 on the day."""
    at = datetime(2026, 12, 1, tzinfo=UTC)
    return table.price(model, MILLION, region="us-east-1", at=at).total


def test_update(server: OfferServer, path: Path):
    """Offers become a dated price file, and what changed for calls is told."""
    done = update(path, server)
    assert (done.is_written, done.prices, done.fetched) == (True, 2, 5)
    assert [
        (each.kind, each.key.model_id, each.key.scope, each.after and each.after.price)
        for each in done.changes
    ] == [
        ("changed", "amazon.nova-lite-v1:0", "geo", Decimal("0.07")),
        ("changed", "amazon.nova-lite-v1:0", "regional", Decimal("0.07")),
        ("changed", "anthropic.claude-opus-5", "geo", Decimal("5.7")),
        ("changed", "anthropic.claude-opus-5", "regional", Decimal("5.7")),
    ]
    table = PriceTable.load(path)
    assert table.generated_on == date(2026, 10, 8)
    assert price_of(PriceTable.bundled().with_list(table)) == Decimal("0.07")


def test_nothing_new(server: OfferServer, path: Path):
    """What has not changed is neither downloaded nor written again."""
    update(path, server)
    before = path.stat()
    server.requests.clear()
    done = update(path, server)
    assert (done.is_written, done.fetched, done.unchanged) == (False, 0, 5)
    assert done.changes == ()
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    conditions = {headers.get("If-None-Match", "") for _, headers in server.requests}
    assert "" not in conditions


def test_import_that_was_broken_off(server: OfferServer, path: Path):
    """What a run fetched and did not import, the next one imports."""
    update(path, server)
    path.write_text("{}")
    (path.parent / "aws.offers" / ".checked").unlink()
    done = update(path, server)
    assert (done.is_written, done.fetched) == (True, 0)
    os.utime(path.parent / "aws.offers" / ".checked", (1e9, 1e9))
    assert update(path, server).found is not None
    assert update(path, server).found is None


def test_checksum(server: OfferServer, path: Path):
    """A price file is as it was checked when it was written, or is checked again."""
    update(path, server)
    line = (path.parent / "aws.json.sha256").read_text()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert line == f"{digest}  aws.json\n"
    assert price_of(PriceTable.load(path)) == Decimal("0.07")
    path.write_text(path.read_text().replace('"per"', '"pro"'))
    with pytest.raises(ConfigError, match="columns must be model"):
        PriceTable.load(path)


def test_new_list(server: OfferServer, path: Path):
    """A price that changed is reported against the last file, and the past stays."""
    update(path, server)
    newer = product(
        "USE1-NovaLite-input-tokens",
        "0.00008",
        sku="A",
        model="Nova Lite",
        effective="2026-11-15T00:00:00Z",
    )
    text = as_json([newer], published="2026-11-20T00:00:00Z")
    server.publish("2", {"AmazonBedrock": {"us-east-1": text}})
    done = update(path, server)
    assert {
        (each.before and each.before.price, each.after and each.after.price)
        for each in done.changes
    } == {(Decimal("0.07"), Decimal("0.08"))}
    rows = list(PriceTable.load(path).rows(model="amazon.nova-lite-v1:0"))
    assert [(row.valid_from, row.price) for row in rows] == [
        (date(2026, 10, 1), Decimal("0.07")),
        (date(2026, 11, 15), Decimal("0.08")),
    ]
    # A list of one offer only leaves the prices of the others.
    assert price_of(PriceTable.load(path), "anthropic.claude-opus-5") == Decimal("5.7")


def test_older_list(server: OfferServer, path: Path, tmp_path: Path):
    """An older list does not replace the prices of a newer one."""
    update(path, server)
    (tmp_path / "old").mkdir()
    older = product("USE1-NovaLite-input-tokens", "0.00005", sku="A", model="Nova Lite")
    text = as_json([older], published="2026-10-02T00:00:00Z")
    (tmp_path / "old" / "list.json").write_text(text)
    done = update_from_folder(path, tmp_path / "old", today=TODAY)
    assert not done.is_written
    assert price_of(PriceTable.load(path)) == Decimal("0.07")


def test_one_region(server: OfferServer, path: Path):
    """Only the regions that are asked for are downloaded."""
    server.publish("1", {"AmazonBedrock": {"us-east-1": LIST, "eu-west-1": "{"}})
    update(path, server, regions=["us-east-1"])
    assert not [each for each in server.asked() if "eu-west-1" in each]
    with pytest.raises(PriceUpdateError, match="has no offer file of mars-north-1"):
        update(path, server, regions=["mars-north-1"])


BREAKS = [
    [cut(100)],
    [cut(0)],
    [cut(100), cut(10), cut(5)],
    [status(503), status(429), status(500)],
    [cut(300), status(416)],
    [cut(300), another_part],
]


@pytest.mark.parametrize("faults", BREAKS)
def test_broken_downloads(server: OfferServer, path: Path, faults: list[object]):
    """What breaks is tried again, and comes whole."""
    server.faults[NOVA_PATH] = list(faults)  # type: ignore[arg-type] # as above
    assert update(path, server).prices == 2


def test_resumed_download(server: OfferServer, path: Path):
    """A broken download is resumed where it broke, in another run too."""
    server.faults[NOVA_PATH] = [cut(300), status(503), status(503), status(503)]
    with pytest.raises(PriceUpdateError, match="HTTP 503; the next run resumes it"):
        update(path, server)
    assert not path.exists()
    server.requests.clear()
    assert update(path, server).prices == 2
    (asked,) = (headers for name, headers in server.requests if name == NOVA_PATH)
    assert asked["Range"] == "bytes=300-"


def test_server_without_ranges(server: OfferServer, path: Path):
    """Where parts cannot be had, the whole is fetched anew."""
    server.ignores_ranges = True
    server.faults[NOVA_PATH] = [cut(300)]
    assert update(path, server).prices == 2


def test_changed_meanwhile(server: OfferServer, path: Path):
    """The rest of another version is not appended to the start of this one."""
    server.faults[NOVA_PATH] = [cut(300)] + [status(503)] * 3
    with pytest.raises(PriceUpdateError):
        update(path, server)
    server.publish("1", {"AmazonBedrock": {"us-east-1": as_json([NOVA, OPUS])}})
    assert update(path, server).prices >= 1


PAGE = b"<html>Please sign in</html>"
REFUSED = [
    (NOVA_PATH, other(PAGE, Content_Type="text/html"), "expected JSON, got text/html"),
    (NOVA_PATH, status(404), "HTTP 404 Not Found"),
    (NOVA_PATH, status(403), "HTTP 403 Forbidden"),
    (
        NOVA_PATH,
        other(b"{}", Content_Type="application/json", Content_Encoding="gzip"),
        "got it compressed",
    ),
    (NOVA_PATH, other(b'{"a": 1}', Content_Type="application/json"), "no offerCode"),
    (INDEX_PATH, other(b"{}", Content_Type="application/json"), "not an index"),
    (
        INDEX_PATH,
        other(b'{"regions": {"../x": {"currentVersionUrl": "/x"}}}'),
        "is not an index of regions",
    ),
    (
        INDEX_PATH,
        other(b'{"regions": {"x": {"currentVersionUrl": "http://evil/"}}}'),
        "is not an index of regions",
    ),
    (
        INDEX_PATH,
        other(b'{"regions": ' + b"[" * 100_000 + b"}"),
        "is not an index of regions",
    ),
]


@pytest.mark.parametrize(("asked", "fault", "problem"), REFUSED)
def test_refused(
    server: OfferServer, path: Path, asked: str, fault: object, problem: str
):
    """What is no offer is refused in one line; the file is as before."""
    update(path, server)
    before = path.read_bytes()
    server.publish("2", {"AmazonBedrock": {"us-east-1": LIST}})
    asked = asked.replace("/1/", "/2/")
    server.faults[asked] = [fault]  # type: ignore[list-item] # as above
    with pytest.raises(PriceUpdateError) as caught:
        update(path, server)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    update(path, server)


def test_truncated_for_ever(server: OfferServer, path: Path):
    """A list that never comes whole is an error, not a part of a list."""
    server.faults[NOVA_PATH] = [
        other(LIST.encode()[:-200], Content_Type="application/json") for _ in range(4)
    ]
    with pytest.raises(PriceUpdateError, match="is no whole JSON object"):
        update(path, server)
    assert not path.exists()


def test_too_large(server: OfferServer, path: Path):
    """A file without an end is not downloaded for ever."""
    fetching = download.Downloader(deadline_s=HANG_S, max_bytes=400)
    with pytest.raises(PriceUpdateError, match="is larger than 400 bytes"):
        fetching.fetch(server.url + NOVA_PATH, path)
    assert [each.name for each in path.parent.iterdir()] == []


def test_redirect(server: OfferServer, path: Path):
    """A redirect is followed, but never from HTTPS to HTTP."""
    server.documents["/elsewhere"] = LIST.encode()
    server.faults[NOVA_PATH] = [moved("/elsewhere")]
    assert update(path, server).prices == 2
    request = urllib.request.Request("https://pricing.example/x")
    with pytest.raises(PriceUpdateError, match="is redirected to plain HTTP"):
        download.SafeRedirects().redirect_request(
            request, io.BytesIO(), 302, "", Message(), "http://pricing.example/x"
        )


def test_too_slow(server: OfferServer, path: Path):
    """All files together have a deadline, and what came by then is stored."""
    fetching = download.Downloader(deadline_s=-1)
    with pytest.raises(PriceUpdateError, match="took too long; the next run resumes"):
        fetching.fetch(server.url + NOVA_PATH, path)


def test_another_process_is_at_it(server: OfferServer, path: Path):
    """Who does not wait for another process does nothing."""
    folder = path.parent / "aws.offers"
    folder.mkdir(parents=True)
    with locked(folder, waits=True):
        assert update_from_aws(path, today=TODAY, base_url=server.url, waits=False) is (
            None
        )
    assert server.requests == []


def test_stored_file_that_was_damaged(server: OfferServer, path: Path):
    """A stored offer file that is not what came is fetched anew."""
    update(path, server)
    stored = path.parent / "aws.offers" / "AmazonBedrock" / "us-east-1.json"
    stored.write_text("{}")
    assert update(path, server).fetched == 1


def test_price_file_that_was_damaged(server: OfferServer, path: Path):
    """A price file that cannot be read is replaced."""
    update(path, server)
    path.write_text("{")
    assert update(path, server).is_written
    assert price_of(PriceTable.load(path)) == Decimal("0.07")


def test_unreachable(path: Path):
    """Without a network there is an error in one line."""
    with offer_server() as closed:
        pass
    with pytest.raises(PriceUpdateError, match="refused; the next run resumes it"):
        update(path, closed)


@pytest.mark.parametrize("url", ["file:///etc", "ftp://127.0.0.1/"])
def test_other_schemes(path: Path, url: str):
    """Files of this machine are no offers of a server."""
    with pytest.raises(PriceUpdateError, match="expected an address of HTTP or HTTPS"):
        update_from_aws(path, today=TODAY, base_url=url)


def test_password_in_the_address(path: Path):
    """A password in an address is refused, and shown nowhere."""
    with pytest.raises(PriceUpdateError) as caught:
        update_from_aws(path, today=TODAY, base_url="https://me:secret@127.0.0.1")
    assert str(caught.value) == "expected an address without user and password"


def test_proxy(server: OfferServer, path: Path, monkeypatch: pytest.MonkeyPatch):
    """The proxy of the environment is used, except for hosts that need none."""
    for name in ("http_proxy", "no_proxy"):  # which come before the others
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", server.url)
    monkeypatch.setenv("NO_PROXY", "")
    done = update_from_aws(
        path, today=TODAY, base_url="http://pricing.example", sleep=lambda _: None
    )
    assert done is not None
    assert done.prices == 2
    assert server.requests[0][1]["Host"] == "pricing.example"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert update(path, server).fetched == 5


def test_no_folder(server: OfferServer, tmp_path: Path):
    """A folder that cannot be made is an error that names it."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        update(tmp_path / "file" / "aws.json", server)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write all")
def test_read_only_folder(server: OfferServer, tmp_path: Path):
    """A folder that may not be written is an error that names it."""
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        update(tmp_path / "aws.json", server)
    tmp_path.chmod(0o700)


def test_two_processes_at_once(server: OfferServer, path: Path):
    """Two updates of one file follow each other, and both succeed."""
    program = (
        "import sys; from datetime import date; from pathlib import Path\n"
        "from bedrock_attrib.pricing.price_updates import update_from_aws\n"
        "done = update_from_aws(Path(sys.argv[1]), today=date(2026, 12, 1), "
        "base_url=sys.argv[2])\n"
        "print(done.prices, done.fetched + done.unchanged)\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), server.url],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in range(2)
    ]
    assert [each.communicate(timeout=HANG_S)[0] for each in running] == ["2 5\n"] * 2
    assert len(server.requests) == 10
    assert price_of(PriceTable.load(path)) == Decimal("0.07")


def test_folder_of_offers(tmp_path: Path, path: Path):
    """Offer files that were carried here are imported, in any layout."""
    folder = tmp_path / "carried"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "a.json").write_text(LIST)
    (folder / "b.csv").write_text(as_csv([OPUS], code=MARKETPLACE))
    (folder / "region_index.json").write_text("{}")
    done = update_from_folder(path, folder, today=TODAY)
    assert (done.is_written, done.prices) == (True, 2)
    # The price file may be in the same folder.
    for is_new in (True, False):
        done = update_from_folder(folder / "aws.json", folder, today=TODAY)
        assert done.is_written is is_new


def test_folder_of_downloads(server: OfferServer, tmp_path: Path):
    """The folder of an update is one that another host can import."""
    update(tmp_path / "aws.json", server)
    done = update_from_folder(
        tmp_path / "copy.json", tmp_path / "aws.offers", today=TODAY
    )
    assert done.prices == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [(None, "has no offer files"), ("{}", "has no offerCode and publicationDate")],
)
def test_folder_without_offers(
    tmp_path: Path, path: Path, text: str | None, problem: str
):
    """A folder without offers is an error."""
    folder = tmp_path / "empty"
    folder.mkdir()
    if text is not None:
        (folder / "x.json").write_text(text)
    with pytest.raises(ConfigError, match=problem):
        update_from_folder(path, folder, today=TODAY)


def test_folder_without_prices(tmp_path: Path, path: Path):
    """Lists without a line that is understood leave the file as it is."""
    (tmp_path / "x.json").write_text(as_json([product("USE1-x-y", "1")]))
    with pytest.raises(PriceUpdateError, match="no line of the offer files gave a"):
        update_from_folder(path, tmp_path, today=TODAY)


def test_default_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The price file is in the user's folder for caches, wherever that is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_price_file() == tmp_path / "bedrock-attrib" / "prices.json"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    assert default_price_file() == Path("/home/me/.cache/bedrock-attrib/prices.json")


def test_no_home(monkeypatch: pytest.MonkeyPatch):
    """Without a home folder, a price file has to be named, and nothing else fails."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", _no_home)
    with pytest.raises(ConfigError, match="name one by the setting price_file"):
        default_price_file()
    table = settings_of(price_update="daily")
    assert price_of(table) == Decimal("0.06")


def _no_home() -> Path:
    raise RuntimeError


def daily(
    server: OfferServer, path: Path, now: float = 1e9
) -> tuple[UpdatingPriceTable, DailyPriceUpdates]:
    """A table with daily updates from *server*, whose thread has not begun."""
    table = UpdatingPriceTable(PriceTable.bundled())

    def reload() -> None:
        table.replace(PriceTable.bundled().with_list(PriceTable.load(path)))

    updates = DailyPriceUpdates(
        table,
        reload,
        path,
        base_url=server.url,
        clock=lambda: now,
        sleep=lambda _: None,
    )
    return table, updates


def test_daily_update(server: OfferServer, path: Path):
    """Calls of a kind that was priced before have the new price the next day."""
    table, updates = daily(server, path)
    pricer = pricer_of(table, parse_model_id("amazon.nova-lite-v1:0"), "us-east-1")
    today = datetime(2026, 11, 30, 23, tzinfo=UTC)
    tomorrow = datetime(2026, 12, 1, tzinfo=UTC)
    before = pricer.resolved(MILLION, "default", "standard", today)
    assert before is not None
    assert before.validity is not None
    assert before.validity.ends < tomorrow
    updates.update()
    after = pricer.quote(MILLION, "default", "standard", tomorrow)
    assert after.cost is not None
    assert after.cost.total == Decimal("0.07")


def test_once_a_day_for_all_processes(server: OfferServer, path: Path):
    """Who comes later reads what another process has fetched."""
    _, first = daily(server, path)
    table, second = daily(server, path)
    first.update()
    checked = path.parent / "aws.offers" / ".checked"
    os.utime(checked, (1e9, 1e9))
    server.requests.clear()
    second.update()
    assert server.requests == []
    assert price_of(table) == Decimal("0.07")
    _, next_day = daily(server, path, 1e9 + 24 * 3600)
    next_day.update()
    assert len(server.requests) == 5


def test_daily_thread(server: OfferServer, path: Path):
    """The first update comes by itself, on a thread of its own, and a stop ends it."""
    came = threading.Event()
    table = UpdatingPriceTable(PriceTable.bundled())
    updates = DailyPriceUpdates(table, came.set, path, base_url=server.url)
    updates.start()
    assert came.wait(HANG_S)
    updates.stop()
    (thread,) = (
        each for each in threading.enumerate() if each.name == "bedrock-attrib-prices"
    )
    thread.join(HANG_S)
    assert not thread.is_alive()


def test_daily_update_that_fails(path: Path, caplog: pytest.LogCaptureFixture):
    """What fails is counted and logged, and the thread goes on."""
    with offer_server() as closed:
        pass
    _, updates = daily(closed, path)
    before = PROCESS_ERRORS.counts().get("price update", 0)
    with caplog.at_level("INFO", "bedrock_attrib"):
        updates.start()
        wait_until(lambda: PROCESS_ERRORS.counts().get("price update", 0) == before + 1)
        wait_until(lambda: "prices were not updated" in caplog.text)
    updates.stop()
    assert price_of(updates.table) == Decimal("0.06")


def test_clock_that_was_set_back(server: OfferServer, path: Path):
    """A clock that was set back does not put updates off for ever."""
    update(path, server)
    server.requests.clear()
    _, updates = daily(server, path, now=0.0)
    updates.update()
    assert server.requests == []


def test_recorded_calls_have_new_prices(server: OfferServer, path: Path):
    """A recorder prices the calls of the next day by the prices that came."""
    table, updates = daily(server, path)
    sink = ListSink()
    recorder = Recorder(table, [sink])

    def call(at: datetime) -> Decimal | None:
        recorder.record(
            "Converse",
            {"usage": {"inputTokens": 1_000_000, "outputTokens": 0}},
            model_id="amazon.nova-lite-v1:0",
            region="us-east-1",
            started_at=at,
        )
        recorder.flush()
        cost = sink.records[-1].cost
        return None if cost is None else cost.total

    today = datetime(2026, 11, 30, 23, tzinfo=UTC)
    tomorrow = datetime(2026, 12, 1, tzinfo=UTC)
    before = [call(today), call(today), call(today)]
    updates.update()
    after = [call(tomorrow), call(tomorrow), call(tomorrow)]
    recorder.close()
    assert (before, after) == ([Decimal("0.06")] * 3, [Decimal("0.07")] * 3)


def settings_of(**settings: object) -> PriceTable:
    """The table of a recorder with *settings*."""
    recorder = configure(metrics=False, **settings)  # type: ignore[arg-type] # as above
    try:
        return recorder.prices()
    finally:
        configure(metrics=False)


def test_price_file_setting(server: OfferServer, path: Path):
    """The price file of the settings goes before the bundled table."""
    update(path, server)
    table = settings_of(price_file=path)
    assert price_of(table) == Decimal("0.07")
    assert price_of(table, "amazon.nova-micro-v1:0") == Decimal("0.035")
    assert table.generated_on == date(2026, 11, 30)


@pytest.mark.parametrize("text", [None, "{", json.dumps({"schema": 9})])
def test_price_file_that_is_no_good(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | None
):
    """A price file that a program has not written, or broken, stops nothing."""
    path = tmp_path / "aws.json"
    if text is not None:
        path.write_text(text)
    table = settings_of(price_file=path)
    assert price_of(table) == Decimal("0.06")
    (message,) = caplog.messages
    assert message.startswith(f"price_file is not used: {path}: ")


def test_daily_setting(
    server: OfferServer, path: Path, caplog: pytest.LogCaptureFixture
):
    """With price_update, a recorder has a table that can be brought up to date."""
    update(path, server)
    table = settings_of(price_file=path, price_update="daily")
    assert isinstance(table, UpdatingPriceTable)
    assert price_of(table) == Decimal("0.07")
    assert caplog.messages == []


def test_given_table_is_not_updated():
    """A table that is given is taken as it is."""
    table = settings_of(prices=PriceTable.bundled(), price_update="daily")
    assert table is PriceTable.bundled()


def test_nothing_by_itself():
    """Without the setting there is no thread, and no module of the network."""
    program = (
        "import sys, threading, bedrock_attrib\n"
        "bedrock_attrib.configure(metrics=False)\n"
        "names = [each.name for each in threading.enumerate()]\n"
        "print('bedrock-attrib-prices' in names, "
        "any('price_updates' in name for name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "False False\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_updates_too(server: OfferServer, path: Path):
    """A forked child has a thread of its own, unless its parent ended the updates."""
    program = (
        "import os, sys, threading\n"
        "from pathlib import Path\n"
        "from bedrock_attrib.pricing import PriceTable\n"
        "from bedrock_attrib.pricing._table import UpdatingPriceTable\n"
        "from bedrock_attrib.pricing.price_updates._daily import DailyPriceUpdates\n"
        "def has_thread():\n"
        "    names = [each.name for each in threading.enumerate()]\n"
        "    return names.count('bedrock-attrib-prices')\n"
        "table = UpdatingPriceTable(PriceTable.bundled())\n"
        "updates = DailyPriceUpdates(\n"
        "    table, int, Path(sys.argv[1]), base_url=sys.argv[2])\n"
        "updates.start()\n"
        "if not os.fork():\n"
        "    os._exit(has_thread())\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
        "updates.stop()\n"
        "if not os.fork():\n"
        "    os._exit(has_thread())\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path), server.url],
        check=True,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "1\n0\n"
