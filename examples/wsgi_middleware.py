"""WSGI middleware: tags from a header that the gateway sets.

It needs nothing but WSGI, so it works with Flask, Django and every other such
application.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from urllib.request import Request, urlopen
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from bedrock_attrib import current_tags, instrument
from bedrock_attrib.propagation import WsgiAttribution
from bedrock_attrib.testing import bedrock_simulator

MODEL = "us.amazon.nova-micro-v1:0"


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

        wrapped = WsgiAttribution(app, teams=["search", "ads"], app="shop")
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
