"""Default place of the price file that updates write."""

from __future__ import annotations

import os
from pathlib import Path

from ...errors import ConfigError


def default_price_file() -> Path:
    """Return the price file of this user, in the folder for caches.

    Raises:
        ConfigError: If the user has no home folder.
    """
    cache = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(cache) if cache else Path.home() / ".cache"
    except RuntimeError as error:
        raise ConfigError(
            "there is no home folder for the price file; name one by the setting "
            "price_file"
        ) from error
    return folder / "bedrock-attrib" / "prices.json"
