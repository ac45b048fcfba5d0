"""The middlewares: tags hold for a request and its stream, no longer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from socketserver import ThreadingMixIn
from typing import Any
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import WSGIApplication

import pytest
from botocore.client import BaseClient
from waiting import HANG_S

from bedrock_attrib import ConfigError, attribution, current_tags
from bedrock_attrib.propagation import AsgiAttribution, WsgiAttribution
from bedrock_attrib.testing import ListSink

TEAMS = ["search", "ads"]
MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]

Call = Callable[[], bytes]


@pytest.fixture
def call(client: BaseClient) -> Call:
    """Call Bedrock, and tell with which tags, in a line of JSON."""

    def call() -> bytes:
        client.converse(modelId=MODEL, messages=MESSAGES)
        return json.dumps(dict(current_tags())).encode() + b"\n"

    return call


def ask(url: str, *, team: str | None = None) -> list[Any]:
    """The lines that a service answers."""
    request = Request(url, headers={} if team is None else {"x-team": team})
    with urlopen(request, timeout=HANG_S) as answer:
        return [json.loads(line) for line in answer]


def found(sink: ListSink) -> list[dict[str, str]]:
    """The tags of all records."""
    return [dict(record.tags) for record in sink.records]


@pytest.mark.parametrize("middleware", [AsgiAttribution, WsgiAttribution])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teams": ["a team", "<b>"]}, r"tag 'team' contains"),
        ({"teams": "search"}, "expected a list of texts"),
        ({"teams": TEAMS, "app": ""}, "tag 'app' has 0 characters"),
    ],
)
def test_what_no_request_could_use_is_refused_at_once(
    middleware: Any, settings: Any, message: str
) -> None:
    """A wrong team or tag fails when the application starts, not in a request."""
    with pytest.raises(ConfigError, match=message):
        middleware(None, **settings)


# WSGI.


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def wsgi_server(app: WSGIApplication) -> Iterator[str]:
    """Serve *app*, a thread for each request; its address."""
    with make_server("127.0.0.1", 0, app, _Server, _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_wsgi_stream(call: Call, sink: ListSink) -> None:
    """Tags hold from the first line of the application to the last of its stream."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield call()
        with attribution(step="inner"):
            yield call()
            yield call()
        yield call()

    inner = [{}, {"step": "inner"}, {"step": "inner"}, {}]
    with wsgi_server(WsgiAttribution(app, teams=TEAMS, app="shop")) as url:
        for sent, team in [("search", "search"), ("boss", "other"), (None, "other")]:
            expected = [{"team": team, "app": "shop"} | more for more in inner]
            assert ask(url, team=sent) == expected
            assert found(sink)[-4:] == expected


def test_wsgi_many_at_once(call: Call, sink: ListSink) -> None:
    """Requests that are answered at once keep apart."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return (call() for _ in range(3))

    with (
        wsgi_server(WsgiAttribution(app, teams=TEAMS)) as url,
        ThreadPoolExecutor(16) as pool,
    ):
        teams = TEAMS * 16
        answers = list(pool.map(lambda team: ask(url, team=team), teams))
    assert answers == [[{"team": team}] * 3 for team in teams]
    counts = {team: found(sink).count({"team": team}) for team in TEAMS}
    assert counts == {"search": 48, "ads": 48}


class _Answer:
    """A body with a `close` of its own, as Werkzeug's and Django's."""

    def __init__(self, items: list[bytes]) -> None:
        self.items = items
        self.closed_with: list[dict[str, str]] = []

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.items)

    def close(self) -> None:
        self.closed_with.append(dict(current_tags()))


@pytest.mark.parametrize("read", [0, 1, 2, 3])
def test_wsgi_close(read: int) -> None:
    """A body is closed once and with its tags, however much of it was asked for."""
    answer = _Answer([b"1", b"2"])
    app = WsgiAttribution(lambda environ, start: answer, teams=TEAMS)
    body = app({"HTTP_X_TEAM": "search"}, None)
    items = iter(body)
    assert [next(items, None) for _ in range(read)] == [b"1", b"2", None][:read]
    assert answer.closed_with == []
    body.close()
    assert answer.closed_with == [{"team": "search"}]
    assert dict(current_tags()) == {}


def test_wsgi_stream_that_is_given_up() -> None:
    """A generator that has begun cleans up with its tags, and leaves none behind."""
    log = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        try:
            with attribution(step="inner"):
                yield b"1"
                yield b"2"
        finally:
            log.append(dict(current_tags()))

    body = WsgiAttribution(app, teams=TEAMS)({"HTTP_X_TEAM": "ads"}, None)
    assert next(iter(body)) == b"1"
    assert dict(current_tags()) == {}
    body.close()
    assert log == [{"team": "ads"}]
    assert dict(current_tags()) == {}


def test_wsgi_passes_on() -> None:
    """A body that is complete stays what it is, and an error passes unchanged."""
    body = [b"whole"]
    assert WsgiAttribution(lambda environ, start: body, teams=TEAMS)({}, None) is body
    error = RuntimeError("mine")

    def app(environ: Any, start_response: Any) -> Any:
        raise error

    with pytest.raises(RuntimeError) as caught:
        WsgiAttribution(app, teams=TEAMS)({}, None)
    assert caught.value is error
    assert dict(current_tags()) == {}


def test_wsgi_header_sent_twice(call: Call) -> None:
    """What a client adds to the gateway's header makes the team unknown."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [call()]

    with wsgi_server(WsgiAttribution(app, teams=TEAMS)) as url:
        host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
        with socket.create_connection((host, int(port)), timeout=HANG_S) as connection:
            lines = ["GET / HTTP/1.0", "X-Team: ads", "X-Team: search", "", ""]
            connection.sendall("\r\n".join(lines).encode())
            answer = connection.makefile("rb").read()
    assert answer.endswith(b'{"team": "other"}\n')


def test_flask(call: Call, sink: ListSink) -> None:
    """Around a Flask application: plain answers, and streams with Flask's context."""
    flask = pytest.importorskip("flask", reason="Flask is not installed")
    app = flask.Flask(__name__)
    app.wsgi_app = WsgiAttribution(app.wsgi_app, teams=TEAMS, app="shop")
    closed = []

    @app.get("/")
    def plain() -> Any:
        return call()

    @app.get("/stream")
    def stream() -> Any:
        def lines() -> Iterator[bytes]:
            for _ in range(2):
                yield call()

        answer = flask.Response(flask.stream_with_context(lines()))
        answer.call_on_close(lambda: closed.append(dict(current_tags())))
        return answer

    expected = {"team": "search", "app": "shop"}
    with wsgi_server(app) as url:
        assert ask(url, team="search") == [expected]
        assert ask(f"{url}stream", team="search") == [expected] * 2
    assert found(sink) == [expected] * 3
    assert closed == [expected]


def django_app(call: Call, *, is_async: bool) -> Any:
    """A Django application that streams at any address."""
    pytest.importorskip("django", reason="Django is not installed")
    from django.conf import settings  # noqa: PLC0415
    from django.core.handlers.asgi import ASGIHandler  # noqa: PLC0415
    from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415
    from django.http import StreamingHttpResponse  # noqa: PLC0415
    from django.urls import path  # noqa: PLC0415

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], USE_TZ=True, LOGGING_CONFIG=None)

    def sync_view(request: Any) -> Any:
        return StreamingHttpResponse(call() for _ in range(2))

    async def async_view(request: Any) -> Any:
        async def lines() -> AsyncIterator[bytes]:
            for _ in range(2):
                yield await asyncio.to_thread(call)

        return StreamingHttpResponse(lines())

    settings.ROOT_URLCONF = (path("", async_view if is_async else sync_view),)
    settings.MIDDLEWARE = []
    return ASGIHandler() if is_async else WSGIHandler()


def test_django_wsgi(call: Call, sink: ListSink) -> None:
    """Around Django's WSGI application."""
    app = WsgiAttribution(django_app(call, is_async=False), teams=TEAMS)
    with wsgi_server(app) as url:
        assert ask(url, team="ads") == [{"team": "ads"}] * 2
    assert found(sink) == [{"team": "ads"}] * 2


# ASGI.


@contextlib.contextmanager
def asgi_server(app: Any) -> Iterator[str]:
    """Serve *app* with uvicorn; its address."""
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    config = uvicorn.Config(app, port=0, log_level="error", ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


def test_asgi_starlette(call: Call, sink: ListSink) -> None:
    """Around Starlette: async and sync streams, and tasks behind the answer."""
    pytest.importorskip("starlette", reason="Starlette is not installed")
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.background import BackgroundTask  # noqa: PLC0415
    from starlette.responses import StreamingResponse  # noqa: PLC0415
    from starlette.routing import Route  # noqa: PLC0415

    started_with = []

    @contextlib.asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        started_with.append(dict(current_tags()))
        yield

    async def in_async(request: Any) -> Any:
        async def lines() -> AsyncIterator[bytes]:
            with attribution(step="inner"):
                yield await asyncio.to_thread(call)
                yield await asyncio.to_thread(call)

        return StreamingResponse(lines(), background=BackgroundTask(call))

    def in_threads(request: Any) -> Any:
        @attribution(step="inner")
        def lines() -> Iterator[bytes]:
            yield call()
            yield call()

        return StreamingResponse(lines())

    app = Starlette(
        routes=[Route("/async", in_async), Route("/threads", in_threads)],
        lifespan=lifespan,
    )
    app.add_middleware(AsgiAttribution, teams=TEAMS, app="shop")
    expected = {"team": "search", "app": "shop", "step": "inner"}
    with asgi_server(app) as url, ThreadPoolExecutor(8) as pool:
        assert ask(f"{url}async", team="search") == [expected] * 2
        assert ask(f"{url}threads", team="search") == [expected] * 2
        teams = TEAMS * 8
        answers = pool.map(lambda team: ask(f"{url}async", team=team), teams)
        assert list(answers) == [[expected | {"team": team}] * 2 for team in teams]
    assert started_with == [{}]
    behind = {"team": "search", "app": "shop"}
    assert found(sink)[:5] == [expected, expected, behind, expected, expected]


def test_asgi_websocket(call: Call, sink: ListSink) -> None:
    """A websocket has the tags of the request that opened it, to its end."""
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    client = pytest.importorskip(
        "websockets.sync.client", reason="websockets is not installed"
    )

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            assert dict(current_tags()) == {}
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            line = await asyncio.to_thread(call)
            with contextlib.suppress(OSError):  # the client has closed meanwhile
                await send({"type": "websocket.send", "text": line.decode()})

    with asgi_server(AsgiAttribution(app, teams=TEAMS)) as url:
        address = url.replace("http", "ws")
        headers = {"x-team": "ads"}
        with client.connect(address, additional_headers=headers, proxy=None) as opened:
            for _ in range(2):
                opened.send("go on")
                assert json.loads(opened.recv(timeout=HANG_S)) == {"team": "ads"}
    assert found(sink)[:2] == [{"team": "ads"}] * 2


@pytest.mark.parametrize(
    ("headers", "team"),
    [
        ([(b"x-team", b"ads")], "ads"),
        ([(b"x-team", b"ads"), (b"x-team", b"search")], "other"),
        ([(b"x-team", b"ads"), (b"x-team", b"ads")], "other"),
        ([(b"x-team", b"\xff")], "other"),
        ([], "other"),
        (None, "other"),
    ],
    ids=["known", "twice", "the same twice", "no text", "none", "no headers"],
)
def test_asgi_headers(headers: Any, team: str) -> None:
    """A team is what the gateway alone has sent, of those that there are."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(current_tags()))

    scope = (
        {"type": "http"} if headers is None else {"type": "http", "headers": headers}
    )
    asyncio.run(AsgiAttribution(app, teams=TEAMS)(scope, None, None))
    assert seen == [{"team": team}]


def test_django_asgi(call: Call, sink: ListSink) -> None:
    """Around Django's ASGI application."""
    app = AsgiAttribution(django_app(call, is_async=True), teams=TEAMS)
    with asgi_server(app) as url:
        assert ask(url, team="ads") == [{"team": "ads"}] * 2
    assert found(sink) == [{"team": "ads"}] * 2
