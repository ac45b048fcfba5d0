"""The command ``demo``: growing spend on Bedrock, without an AWS account."""

from __future__ import annotations

from pathlib import Path

import click

from .._numbers import Within
from ._prometheus import DEFAULT_PORT

_LONGEST_S = 30.0

_EPILOG = f"""
\b
Examples:
  bedrock-attrib demo                             run for 12 seconds
  bedrock-attrib demo --duration 30
  bedrock-attrib demo --json | jq .by_team
  bedrock-attrib demo --prometheus {DEFAULT_PORT} --keep    serve metrics for Prometheus
  bedrock-attrib demo --recordings recordings/    bill recorded exchanges
  bedrock-attrib demo --ledger demo.db            store the calls, for reports
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--duration",
    type=Within(1, _LONGEST_S),
    default=12.0,
    show_default=True,
    metavar="SECONDS",
    help="Duration, 1 to 30 seconds; the figures are always the same.",
)
@click.option(
    "--prometheus",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve metrics for Prometheus on this port of 127.0.0.1; 0 for any free one.",
)
@click.option(
    "--keep", is_flag=True, help="With --prometheus: keep serving until Ctrl-C."
)
@click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    metavar="DIRECTORY",
    help="Bill the recorded exchanges in DIRECTORY/*.jsonl instead.",
)
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Store the calls in this ledger (default: a temporary one).",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write the reports as JSON to stdout.",
)
@click.pass_context
def demo(
    ctx: click.Context,
    *,
    duration: float,
    port: int | None,
    keep: bool,
    recordings: Path | None,
    ledger: Path | None,
    as_json: bool,
) -> None:
    """Watch three teams' spend on Bedrock grow.

    Real boto3 clients, metered by bedrock_attrib, call a Bedrock endpoint on the
    loopback interface: no AWS account, no network. A terminal shows a live table, a
    pipe gets one line per second. The demo ends with reports whose figures are the same
    each time. Ctrl-C ends it early, with reports of the calls so far.
    """
    if keep and port is None:
        raise click.UsageError("--keep needs --prometheus PORT")
    if recordings is not None and port is not None:
        raise click.UsageError("--recordings and --prometheus exclude each other")
    # Not at the top: help and other commands do not need the SDK and the endpoint.
    from ._recordings import run_recordings  # noqa: PLC0415
    from ._session import Settings, run_demo  # noqa: PLC0415

    if recordings is not None:
        ctx.exit(run_recordings(recordings, ledger=ledger, as_json=as_json))
    settings = Settings(
        duration_s=duration, port=port, keep=keep, ledger=ledger, as_json=as_json
    )
    ctx.exit(run_demo(settings))
