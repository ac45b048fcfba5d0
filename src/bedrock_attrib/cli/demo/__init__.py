"""The command ``demo``: watch spend on Bedrock grow, without an AWS account."""

from __future__ import annotations

from pathlib import Path

import click

from .._numbers import Within
from ._prometheus import DEFAULT_PORT

_LONGEST_S = 30.0

_EPILOG = f"""
\b
Examples:
  bedrock-attrib demo                             watch it for 12 seconds
  bedrock-attrib demo --duration 30
  bedrock-attrib demo --json | jq .by_team
  bedrock-attrib demo --prometheus {DEFAULT_PORT} --keep    look at it in Prometheus
  bedrock-attrib demo --recordings recordings/    bill recorded exchanges
  bedrock-attrib demo --ledger demo.db            keep the calls, for reports
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--duration",
    type=Within(1, _LONGEST_S),
    default=12.0,
    show_default=True,
    metavar="SECONDS",
    help="How long it takes, from 1 to 30 seconds. The figures stay the same.",
)
@click.option(
    "--prometheus",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Serve the metrics for Prometheus on this port of 127.0.0.1; 0 for any.",
)
@click.option(
    "--keep", is_flag=True, help="With --prometheus: go on serving until Ctrl-C."
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
    help="Keep every call in a ledger, for `bedrock-attrib report`.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Write the closing report as JSON."
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
    """Watch three teams' spend on Bedrock grow, on this machine alone.

    Real boto3 clients, metered by bedrock_attrib, call a Bedrock endpoint on the
    loopback interface: no AWS account, no network. A terminal shows a live table, a
    pipe gets a line each second; then comes a report whose figures are the same each
    time. Ctrl-C ends it early, with a report of what was done.
    """
    if keep and port is None:
        raise click.UsageError("--keep needs --prometheus PORT")
    if recordings is not None and port is not None:
        raise click.UsageError("--recordings takes no --prometheus")
    # Not at the top: neither help nor other commands wait for the SDK and the endpoint.
    from ._recordings import run_recordings  # noqa: PLC0415
    from ._show import Settings, run_demo  # noqa: PLC0415

    if recordings is not None:
        ctx.exit(run_recordings(recordings, ledger=ledger, as_json=as_json))
    settings = Settings(
        duration_s=duration, port=port, keep=keep, ledger=ledger, as_json=as_json
    )
    ctx.exit(run_demo(settings))
