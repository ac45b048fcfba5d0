"""Let the reference show ``Example:`` of a docstring as code, as ``Examples:`` is."""

from __future__ import annotations

import re
from typing import Any

import griffe

_HEADING = re.compile(r"^Example:$", re.MULTILINE)


class ExampleSections(griffe.Extension):
    """Rename the heading; griffe knows the plural only."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: Any) -> None:
        """Look at the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = _HEADING.sub("Examples:", obj.docstring.value)
