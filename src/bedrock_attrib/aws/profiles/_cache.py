"""Cache file of resolved profiles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ..._runtime.atomic_file import write_atomically
from ..._runtime.contained_errors import logger

Members = Mapping[str, tuple[str, ...]]
"""ARNs of foundation models by the ARN of the profile."""

_VERSION = 1


class ProfileCache:
    """Members of profiles in a file that only its owner can read.

    Profiles never change, so nothing in it expires. Several processes may share it: a
    write preserves the entries of others; of two concurrent writes the later one wins.
    A problem with the file is logged once, and the profiles are looked up.
    """

    def __init__(self, path: Path, *, most: int) -> None:
        """Use *path* for at most *most* profiles."""
        self._path = path
        self._most = most
        self._warned: set[str] = set()

    def read(self) -> dict[str, tuple[str, ...]]:
        """Return the content of the file; empty if it cannot be read."""
        try:
            return _checked(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            self._warn("read", error)
            return {}

    def write(self, members: Members) -> None:
        """Add *members* to the file, atomically."""
        profiles = list({**self.read(), **members}.items())[-self._most :]
        document = {"version": _VERSION, "profiles": dict(profiles)}
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = json.dumps(document, indent=1)
            write_atomically(self._path, text, mode=0o600)
        except OSError as error:
            self._warn("write", error)

    def _warn(self, what: str, error: Exception) -> None:
        if what not in self._warned:
            self._warned.add(what)
            logger.warning(
                "cannot %s the cache of inference profiles %s (%s); profiles are "
                "looked up as without it",
                what,
                self._path,
                type(error).__name__,
            )


def _checked(document: object) -> dict[str, tuple[str, ...]]:
    """Return members by profile; raise ValueError for another format."""
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise ValueError("not a cache of this version")
    profiles = document.get("profiles")
    if not isinstance(profiles, dict):
        raise ValueError("no profiles")  # noqa: TRY004 -- one kind of error is enough
    return {arn: _texts(members) for arn, members in profiles.items()}


def _texts(members: object) -> tuple[str, ...]:
    if not isinstance(members, list):
        raise ValueError("members are not a list")  # noqa: TRY004 -- as above
    if not all(isinstance(member, str) for member in members):
        raise ValueError("a member is not a string")
    return tuple(members)
