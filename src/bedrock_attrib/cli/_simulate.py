"""The command ``simulate``: a Bedrock endpoint to develop against."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from contextlib import suppress
from time import sleep
from typing import TYPE_CHECKING

import click

from ._console import printable, remarks, results
from ._json import JsonObject

if TYPE_CHECKING:
    from ..testing import SeenRequest

_DEFAULT_PORT = 8080
_POLL_S = 0.2

_EPILOG = f"""
\b
Examples:
  bedrock-attrib simulate                            on port {_DEFAULT_PORT}
  bedrock-attrib simulate --port 0                   on any free port
  bedrock-attrib simulate --text "Yes." --output-tokens 3
"""


@click.command(epilog=_EPILOG, short_help="Simulate Bedrock on this machine.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=_DEFAULT_PORT,
    show_default=True,
    help="Port of 127.0.0.1; 0 for any free one.",
)
@click.option("--text", metavar="TEXT", help="Text of every answer.")
@click.option(
    "--input-tokens",
    type=click.IntRange(0),
    default=12,
    show_default=True,
    metavar="N",
    help="Input tokens of every answer.",
)
@click.option(
    "--output-tokens",
    type=click.IntRange(0),
    default=8,
    show_default=True,
    metavar="N",
    help="Output tokens of every answer.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write one JSON object with the environment, then one per request.",
)
def simulate(
    *, port: int, text: str | None, input_tokens: int, output_tokens: int, as_json: bool
) -> None:
    """Simulate a Bedrock endpoint on this machine until Ctrl-C.

    Prints the environment variables with which boto3 uses it, and then a line for each
    request. No AWS account, no network, no costs.
    """
    # Not at the top: help and other commands do not need the endpoint.
    from ..testing import Reply, bedrock_simulator, tokens  # noqa: PLC0415

    usage = tokens(input_tokens=input_tokens, output_tokens=output_tokens)
    reply = Reply(usage=usage) if text is None else Reply(text=text, usage=usage)
    with bedrock_simulator(port=port) as simulator, suppress(KeyboardInterrupt):
        simulator.reply(reply)
        show = _show_json if as_json else _show
        show(simulator.environment)
        while True:
            while simulator.requests:
                show(simulator.requests.pop(0))
            sleep(_POLL_S)


def _show(seen: SeenRequest | Mapping[str, str]) -> None:
    if isinstance(seen, Mapping):
        for name, value in seen.items():
            results().print(f"export {name}={shlex.quote(value)}", soft_wrap=True)
        hint = "Run these lines in the shell of your application. Ctrl-C to end."
        remarks().print(hint, soft_wrap=True)
        return
    operation = seen.operation or "unknown operation"
    remarks().print(printable(f"{operation} {seen.model_id}"), soft_wrap=True)


def _show_json(seen: SeenRequest | Mapping[str, str]) -> None:
    if isinstance(seen, Mapping):
        found: JsonObject = {"environment": dict(seen)}
    else:
        found = {
            "operation": seen.operation,
            "model_id": seen.model_id,
            "body_bytes": seen.body_bytes,
        }
    results().print(json.dumps(found), soft_wrap=True)
