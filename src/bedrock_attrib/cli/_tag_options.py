"""Option ``--tags`` of commands that are asked about a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from ._ledgers import split_names

Command = TypeVar("Command", bound=Callable[..., Any])


def tags_option(command: Command) -> Command:
    """Give *command* ``tags``, which may be repeated or comma-separated."""
    return click.option(
        "--tags",
        multiple=True,
        callback=_tags,
        metavar="PAIRS",
        help="Tags of the call, for example team=search,app=web; may be repeated.",
    )(command)


def _tags(
    _ctx: click.Context, _param: click.Parameter, texts: Sequence[str]
) -> Mapping[str, str]:
    pairs = [part.partition("=") for part in split_names(texts)]
    for key, equals, value in pairs:
        if not equals or not key or not value:
            raise click.BadParameter(
                f"{key!r} is not a tag; expected pairs such as team=search"
            )
    return {key: value for key, _, value in pairs}
