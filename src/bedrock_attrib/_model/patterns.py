"""Patterns in which ``*`` stands for any text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache


@lru_cache(maxsize=1024)
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)))


def matches(patterns: Iterable[str], value: str) -> bool:
    """Return whether *value* matches one of *patterns*, or the only one.

    Upper and lower case differ. No value matches no pattern.

    As in a shell: ``*`` stands for any text, ``?`` for one character, ``[ab]`` for one
    of those.
    """
    found = (patterns,) if isinstance(patterns, str) else tuple(patterns)
    return bool(found) and _compiled(found).fullmatch(value) is not None
