"""WSGI middleware: tags from a header that the gateway sets.

The class needs nothing but WSGI, so it works with Flask, Django and every other such
application. Copy it.
"""

import json
from collections.abc import Collection, Generator, Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from bedrock_attrib import attribution, current_tags, instrument
from bedrock_attrib.propagation import carry
from bedrock_attrib.testing import bedrock_simulator

MODEL = "us.amazon.nova-micro-v1:0"


class AttributionMiddleware:
    """Attribute the Bedrock calls of each request, also while its response streams.

    A proxy in front of the application must set the header and remove a client's own.
    Unknown teams become ``other``: a free value would be a new series of metrics, and
    an invalid one an error.
    """

    def __init__(
        self,
        app: WSGIApplication,
        /,
        *,
        teams: Collection[str],
        header: str = "X-Team",
        **tags: str,
    ) -> None:
        """Wrap *app*.

        Args:
            app: The application.
            teams: The teams that there are.
            header: Name of the header with the team.
            **tags: Further tags of every request.
        """
        self._app = app
        self._teams = frozenset(teams)
        self._variable = f"HTTP_{header.upper().replace('-', '_')}"
        self._tags = tags

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request."""
        # A header that is sent twice arrives as "one,two", which is unknown.
        team = environ.get(self._variable)
        team = team if team in self._teams else "other"
        with attribution(team=team, **self._tags):
            body = self._app(environ, start_response)
            return body if isinstance(body, list | tuple) else _Body(body)


class _Body:
    """Response body that is produced while the server sends it."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._items = carry(_each)(body)
        self._close = carry(getattr(body, "close", _nothing))

    def __iter__(self) -> Iterator[bytes]:
        return self._items

    def close(self) -> None:
        """Close the body; servers do so once, even if they requested no item."""
        self._items.close()
        self._close()


def _each(body: Iterable[bytes]) -> Generator[bytes, None, None]:
    for item in body:  # noqa: UP028 -- `yield from` would close the body a second time
        yield item


def _nothing() -> None:
    pass


def main() -> None:
    """Serve an application that streams, and send requests for two teams."""
    with bedrock_simulator() as simulator:
        bedrock = instrument(simulator.client())

        def app(
            _environ: WSGIEnvironment, start_response: StartResponse
        ) -> Iterator[bytes]:
            start_response("200 OK", [("Content-Type", "application/json")])
            for prompt in ("first", "second"):
                messages = [{"role": "user", "content": [{"text": prompt}]}]
                bedrock.converse(modelId=MODEL, messages=messages)
                yield json.dumps([prompt, dict(current_tags())]).encode() + b"\n"

        wrapped = AttributionMiddleware(app, teams=["search", "ads"], app="shop")
        with serving(wrapped) as url:
            for team in ("search", "ads", "<script>"):
                request = Request(url, headers={"X-Team": team})  # noqa: S310 -- ours
                with urlopen(request) as answer:  # noqa: S310
                    print(answer.read().decode(), end="")


@contextmanager
def serving(app: WSGIApplication) -> Iterator[str]:
    """Serve *app* on this machine and return its address."""
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    main()

# Prints:
# ["first", {"team": "search", "app": "shop"}]
# ["second", {"team": "search", "app": "shop"}]
# ["first", {"team": "ads", "app": "shop"}]
# ["second", {"team": "ads", "app": "shop"}]
# ["first", {"team": "other", "app": "shop"}]
# ["second", {"team": "other", "app": "shop"}]
