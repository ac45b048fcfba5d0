"""A pytest plugin: a module that downloads a file when it is imported gets none."""

from __future__ import annotations

from types import SimpleNamespace

import httpx


def _get(url: str, **_settings: object) -> SimpleNamespace:
    del url
    return SimpleNamespace(content=b"")


httpx.get = _get  # type: ignore[assignment]  # in the suite's own process only
