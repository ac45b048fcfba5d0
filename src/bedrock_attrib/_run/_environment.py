"""Environment of the program: settings, tags, and the way in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .._config import Config
from .._default_recorder import price_table_of
from ..errors import ConfigError
from ._options import PREFIX, Launch

_AUTOSTART = Path(__file__).with_name("autostart")
SUMMARY_OF = "_BEDROCK_ATTRIB_SUMMARY_OF"
"""Variable with the id of the process whose summary is written even without calls."""


def environment_of(wanted: Launch, environ: Mapping[str, str]) -> dict[str, str]:
    """Make the environment of the program.

    Raises:
        ConfigError: If the settings in it are invalid.
    """
    environment = {**environ, **wanted.settings}
    tags = _tags_before(environment) | wanted.tags
    if wanted.tags:
        environment[f"{PREFIX}TAGS"] = _pairs(tags)
    environment["PYTHONPATH"] = _path_with_autostart(environment.get("PYTHONPATH"))
    environment.pop(SUMMARY_OF, None)
    if wanted.wants_summary:
        environment[SUMMARY_OF] = str(os.getpid())
    config = Config.load(environ=environment)
    if config.prices is not None or config.price_overrides is not None:
        price_table_of(config)  # so that an invalid file is an error here
    return environment


def _tags_before(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of the settings, to which those of options are added."""
    return dict(Config.load(environ=environment).tags)


def _pairs(tags: Mapping[str, str]) -> str:
    """Format *tags* for the variable, which allows fewer keys than a file."""
    for key, value in tags.items():
        if "=" in key or (key, value) != (key.strip(), value.strip()):
            raise ConfigError(
                f"tag {key!r} with value {value!r} cannot be combined with --tag: tags "
                f"in the environment are pairs such as team=search, without = in a "
                f"key and without spaces around it; rename it, or set the tags of "
                f"--tag in the same place"
            )
    return ",".join(f"{key}={value}" for key, value in tags.items())


def _path_with_autostart(before: str | None) -> str:
    ours = str(_AUTOSTART)
    others = before.split(os.pathsep) if before else []
    return os.pathsep.join([ours, *(path for path in others if path != ours)])
