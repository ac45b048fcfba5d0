"""What the program is told, in its environment."""

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
"""Names the process that is to tell its calls even if it made none."""


def environment_of(wanted: Launch, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the program.

    Raises:
        ConfigError: If the settings that it will find there are wrong.
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
        price_table_of(config)  # read here so that a wrong file is told here
    return environment


def _tags_before(environment: Mapping[str, str]) -> dict[str, str]:
    """Tags of the settings, which those of the options are added to."""
    return dict(Config.load(environ=environment).tags)


def _pairs(tags: Mapping[str, str]) -> str:
    """*tags* as the variable has them, which knows fewer keys than a file does."""
    for key, value in tags.items():
        if "=" in key or (key, value) != (key.strip(), value.strip()):
            raise ConfigError(
                f"tag {key!r} with value {value!r} cannot be passed on along with "
                f"--tag: the program's environment has tags as pairs such as "
                f"team=search, with no = in a key and no space around it; rename it, "
                f"or set the tags of --tag where it is set"
            )
    return ",".join(f"{key}={value}" for key, value in tags.items())


def _path_with_autostart(before: str | None) -> str:
    ours = str(_AUTOSTART)
    others = before.split(os.pathsep) if before else []
    return os.pathsep.join([ours, *(path for path in others if path != ours)])
