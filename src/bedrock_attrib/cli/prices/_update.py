"""The command ``prices update``: fresh prices from AWS's public offer files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..._config import Config
from ..._default_recorder import price_file_of
from ..._model.formatting import counted
from .._console import remarks
from .._json import JsonObject
from .._output_files import refuse_input_as_output
from .._price_table import json_option, print_block, print_json
from ._diff import changes_json, changes_table

if TYPE_CHECKING:
    from ...pricing.price_updates import PriceUpdate

_FAILED = 1

_EPILOG = """
\b
Examples:
  bedrock-attrib prices update
  bedrock-attrib prices update --region us-east-1 --region eu-central-1 -o aws.json
  bedrock-attrib prices update --from offers/ --output aws.json

Proxies and certificates are those of HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE. Exit code
1 means that the prices could not be fetched; the price file is then as before.
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Price file to write, .json (default: the setting price_file, else a file in "
    "the user's cache folder).",
)
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Read the offer files in DIR, and use no network.",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="REGION",
    help="Only this region; may be repeated (default: all).",
)
@click.option(
    "--url",
    metavar="URL",
    help="Server with the same files, such as a mirror (default: AWS's).",
)
@json_option
@click.pass_context
def update(
    ctx: click.Context,
    *,
    output: Path | None,
    folder: Path | None,
    regions: tuple[str, ...],
    url: str | None,
    as_json: bool,
) -> None:
    """Update prices from AWS's public price list.

    No account is needed. Only what has changed is downloaded, and a broken download is
    resumed. The setting price_file makes programs use the file.
    """
    if folder is not None and url is not None:
        raise click.UsageError("--from and --url exclude each other")
    path = output or _price_file()
    if path.suffix.lower() != ".json":
        raise click.UsageError(f"{path}: expected a name that ends in .json")
    refuse_input_as_output(path)
    # The network's modules take 20 ms to import.
    from ...pricing.price_updates import PriceUpdateError  # noqa: PLC0415

    try:
        done = _update(path, folder, regions, url)
    except PriceUpdateError as error:
        remarks().print(f"Error: {error}", soft_wrap=True, markup=False)
        ctx.exit(_FAILED)
    if as_json:
        print_json(_as_json(done))
    else:
        _print(done, is_used=_is_used(path))


def _price_file() -> Path:
    from ...pricing.price_updates import default_price_file  # noqa: PLC0415 - as above

    return price_file_of(Config.load()) or default_price_file()


def _is_used(path: Path) -> bool:
    used = price_file_of(Config.load())
    return used is not None and used.absolute() == path.absolute()


def _update(
    path: Path, folder: Path | None, regions: Sequence[str], url: str | None
) -> PriceUpdate:
    from ...pricing.price_updates import (  # noqa: PLC0415 - as above
        BASE_URL,
        PriceUpdateError,
        update_from_aws,
        update_from_folder,
    )

    today = datetime.now(UTC).date()
    if folder is not None:
        return update_from_folder(path, folder, today=today, regions=regions)
    done = update_from_aws(path, today=today, regions=regions, base_url=url or BASE_URL)
    if done is None:  # pragma: no cover -- it waits for others
        raise PriceUpdateError(f"{path}: is being updated by another process")
    return done


def _print(done: PriceUpdate, *, is_used: bool) -> None:
    if done.changes:
        print_block(changes_table(done.changes))
    out = remarks()
    if done.found is not None:
        lists = ", ".join(f"{offer} of {day}" for offer, day in done.found.published)
        out.print(f"Price lists: {lists}.", soft_wrap=True)
    if done.fetched or done.unchanged:
        came = counted(done.fetched, "file")
        out.print(f"{came} downloaded, {done.unchanged:,} unchanged.", soft_wrap=True)
    unmapped = 0 if done.found is None else done.found.unmapped
    out.print(
        f"{counted(len(done.changes), 'price')} changed; "
        f"{counted(unmapped, 'line')} not understood.",
        soft_wrap=True,
    )
    if not done.is_written:
        out.print(f"{done.path} is up to date.", soft_wrap=True)
        return
    out.print(
        f"{counted(done.prices, 'price')} written to {done.path}.", soft_wrap=True
    )
    if not is_used:
        out.print(
            f"To use it, set BEDROCK_ATTRIB_PRICE_FILE={done.path}", soft_wrap=True
        )


def _as_json(done: PriceUpdate) -> JsonObject:
    return {
        "file": str(done.path),
        "written": done.is_written,
        "prices": done.prices,
        "lists": [
            {"offer": offer, "published": day.isoformat()}
            for offer, day in (done.found.published if done.found else ())
        ],
        "downloaded": done.fetched,
        "unchanged": done.unchanged,
        "lines": done.found.lines if done.found else 0,
        "unmapped": done.found.unmapped if done.found else 0,
        "changes": changes_json(done.changes),
    }
