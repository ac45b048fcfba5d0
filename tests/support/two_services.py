"""A service that asks another, which asks Bedrock: each a process of its own.

Usage: two_services.py front BACK_URL | two_services.py back BEDROCK_URL. Prints its own
address, then serves until it is ended. All that the two know of tags stands in their
environment, but for the front's team, which its gateway tells in a header.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

import boto3
from opentelemetry import context, propagate

from bedrock_attrib import attribution, configure, instrument
from bedrock_attrib.testing import ListSink

MODEL = "us.amazon.nova-micro-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]


class Front(BaseHTTPRequestHandler):
    """Takes the team from its gateway, and asks the back."""

    def do_GET(self) -> None:
        """Answer what the back says."""
        with attribution(team=self.headers["x-team"], experiment="v7", secret="s3"):
            headers: dict[str, str] = {}
            # What an instrumented HTTP client does before each request.
            propagate.inject(headers, propagate.extract(self.headers))
            with urlopen(Request(sys.argv[2], headers=headers)) as answer:
                said = json.loads(answer.read())
        answer_json(self, {"sent": headers["baggage"], **said})

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


class Back(BaseHTTPRequestHandler):
    """Calls Bedrock, twice, and tells whose calls these were."""

    def do_GET(self) -> None:
        """Answer the tags of the records."""
        sink.records.clear()
        # What an instrumented server does for each request.
        token = context.attach(propagate.extract(self.headers))
        try:
            client.converse(modelId=MODEL, messages=MESSAGES)
            with attribution(team="own"):
                client.converse(modelId=MODEL, messages=MESSAGES)
        finally:
            context.detach(token)
        answer_json(self, {"records": [dict(record.tags) for record in sink.records]})

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def answer_json(handler: BaseHTTPRequestHandler, content: object) -> None:
    """Answer *content*."""
    body = json.dumps(content).encode()
    handler.send_response(200)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


sink = ListSink()
if __name__ == "__main__":
    kind: type[BaseHTTPRequestHandler] = Front
    if sys.argv[1] == "back":
        kind = Back
        configure(metrics=False, sinks=[sink])
        made = boto3.client("bedrock-runtime", "us-east-1", endpoint_url=sys.argv[2])
        client = instrument(made)
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
