"""Teams that a middleware accepts from a header."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .._attribution import check_tags
from ..errors import ConfigError

# A free value would be a new series of metrics, and an invalid one an error.
UNKNOWN_TEAM = "other"


def checked_teams(teams: Collection[str], tags: Mapping[str, str]) -> frozenset[str]:
    """Return *teams* as a set, after a check of everything that becomes a tag.

    Raises:
        ConfigError: If a team or one of *tags* is not allowed.
    """
    if isinstance(teams, str):
        raise ConfigError(f"teams is the text {teams!r}; expected a list of texts")
    check_tags(tags)
    for team in teams:
        check_tags({"team": team})
    return frozenset(teams)
