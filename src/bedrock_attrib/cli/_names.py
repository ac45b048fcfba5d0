"""Names of models in tables."""

from __future__ import annotations

import re

# Release date and first version of a model id, as AWS writes them.
_RELEASE = re.compile(r"(-\d{8})?(-v1)?(:0)?$|-1:0$")


def short_model(model: str) -> str:
    """Shorten a model id to its name without vendor and release, an ARN to its end."""
    if model.startswith("arn:"):
        return f"…/{model.rpartition('/')[2]}"
    return _RELEASE.sub("", model.partition(".")[2] or model)
