"""Offer files of AWS's price list on a server of this machine, with faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

OFFERS = ("AmazonBedrock", "AmazonBedrockService", "AmazonBedrockFoundationModels")
Fault = Callable[["_Handler", bytes], None]


class OfferServer:
    """Serves documents by path, with entity tags, conditions and ranges.

    Attributes:
        documents: Content by path.
        faults: By path, what answers the next requests instead; the first goes first.
        requests: Method, path and headers of each request.
        url: Address.
        ignores_ranges: Whether requests for a part are answered with the whole.
    """

    def __init__(self) -> None:
        self.documents: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.ignores_ranges = False
        self.url = ""

    def publish(self, version: str, offers: dict[str, dict[str, str]]) -> None:
        """Publish offer files by offer and region, as AWS lays them out."""
        for offer in OFFERS:
            regions = offers.get(offer, {})
            index = {
                "formatVersion": "v1.0",
                "publicationDate": "2026-11-20T09:30:00Z",
                "regions": {
                    region: {
                        "regionCode": region,
                        "currentVersionUrl": _path(offer, version, region),
                    }
                    for region in regions
                },
            }
            self.documents[_index(offer)] = json.dumps(index).encode()
            for region, text in regions.items():
                self.documents[_path(offer, version, region)] = text.encode()

    def asked(self) -> list[str]:
        """Paths of the requests so far, without what they have in common."""
        return [path.removeprefix("/offers/v1.0/aws/") for path, _ in self.requests]


def _path(offer: str, version: str, region: str) -> str:
    return f"/offers/v1.0/aws/{offer}/{version}/{region}/index.json"


def _index(offer: str) -> str:
    return f"/offers/v1.0/aws/{offer}/current/region_index.json"


class _Handler(BaseHTTPRequestHandler):
    offers: OfferServer

    def do_GET(self) -> None:
        path = self.path if self.path.startswith("/") else _without_host(self.path)
        self.offers.requests.append((path, dict(self.headers)))
        content = self.offers.documents.get(path, b"")
        faults = self.offers.faults.get(path)
        if faults:
            faults.pop(0)(self, content)
        elif not content:
            self.send_error(404)
        else:
            self.answer(content)

    def answer(self, content: bytes) -> None:
        """Answer as AWS does."""
        tag = etag(content)
        if self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.end_headers()
            return
        first = self._first_byte(content, tag)
        self.send_response(206 if first else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", "Fri, 20 Nov 2026 09:30:00 GMT")
        if first:
            whole = len(content)
            self.send_header("Content-Range", f"bytes {first}-{whole - 1}/{whole}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        self.wfile.write(content[first:])

    def _first_byte(self, content: bytes, tag: str) -> int:
        asked = self.headers.get("Range")
        is_same = self.headers.get("If-Range") == tag
        if asked is None or not is_same or self.offers.ignores_ranges:
            return 0
        return min(int(asked.removeprefix("bytes=").rstrip("-")), len(content))

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def _without_host(url: str) -> str:
    """The path of an address in full, as a proxy is asked for it."""
    return "/" + url.split("/", 3)[3]


def etag(content: bytes) -> str:
    """The entity tag of *content*."""
    return f'"{md5(content, usedforsecurity=False).hexdigest()}"'


def cut(sent: int) -> Fault:
    """Break the connection after *sent* bytes of the answer."""

    def answer(handler: _Handler, content: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("ETag", etag(content))
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content[:sent])

    return answer


def status(code: int) -> Fault:
    """Answer with an error."""
    return lambda handler, _: handler.send_error(code)


def other(content: bytes, **headers: str) -> Fault:
    """Answer with something else."""

    def answer(handler: _Handler, _content: bytes) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def another_part(handler: _Handler, content: bytes) -> None:
    """Answer with another part than was asked for."""
    handler.send_response(206)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("ETag", etag(content))
    handler.send_header("Content-Range", f"bytes 7-9/{len(content)}")
    handler.send_header("Content-Length", "3")
    handler.end_headers()
    handler.wfile.write(content[7:10])


def moved(to: str) -> Fault:
    """Redirect to another address."""

    def answer(handler: _Handler, _content: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@contextmanager
def offer_server() -> Iterator[OfferServer]:
    """Run a server of offer files on the loopback interface."""
    offers = OfferServer()
    handler = type("Handler", (_Handler,), {"offers": offers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        offers.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield offers
        finally:
            server.shutdown()
            thread.join()
