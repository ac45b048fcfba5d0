"""Actions: what happens when a part of a limit is reached."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..errors import ConfigError

_KINDS = ("log", "refuse", "route", "slow")
_PERCENT = re.compile(r"\s*([0-9.]+)\s*%\s*")
_KEYS = frozenset({"at", "do", "to", "scopes", "delay_s"})


@dataclass(frozen=True, slots=True)
class Action:
    """What happens from a part of a limit on.

    Attributes:
        at: Part of the limit that is spent and reserved, such as 0.8.
        kind: ``log``, ``refuse``, ``route``, ``slow`` or ``call``.
        to: Model to route to.
        scopes: Scopes that the model may have besides that of the one asked for.
        delay_s: Seconds by which a call is slowed down.
        call: Function to call, with the status of the budget.
    """

    at: Decimal
    kind: str
    to: str | None = None
    scopes: tuple[str, ...] = ()
    delay_s: float = 0.0
    call: Callable[[Any], object] | None = None


def parse_actions(actions: object) -> tuple[Action, ...]:
    """Return actions in the order of their thresholds.

    Raises:
        ConfigError: If one is not as documented for `Budget`.
    """
    if not isinstance(actions, Sequence) or isinstance(actions, str):
        raise ConfigError(f"actions is {actions!r}; expected a list")
    found = [each if isinstance(each, Action) else _action(each) for each in actions]
    return tuple(sorted(found, key=lambda action: action.at))


def _action(content: object) -> Action:
    if not isinstance(content, Mapping) or not _KEYS.issuperset(content):
        raise ConfigError(
            f"actions has {content!r}; expected a table with {', '.join(sorted(_KEYS))}"
        )
    at, do = _part(content.get("at")), content.get("do")
    if callable(do):
        return Action(at, "call", call=do)
    if do not in _KINDS:
        raise ConfigError(
            f"actions has do = {do!r}; expected {', '.join(_KINDS)} or a function"
        )
    if do == "route":
        return _route(at, content)
    delay_s = content.get("delay_s", 0)
    is_number = isinstance(delay_s, (int, float)) and not isinstance(delay_s, bool)
    if do == "slow" and not (is_number and 0 < delay_s <= _LONGEST_DELAY_S):
        raise ConfigError(
            f"actions has delay_s = {delay_s!r}; expected seconds up to "
            f"{_LONGEST_DELAY_S}"
        )
    return Action(at, str(do), delay_s=float(delay_s))


_LONGEST_DELAY_S = 60


def _route(at: Decimal, content: Mapping[str, object]) -> Action:
    to, scopes = content.get("to"), content.get("scopes", ())
    if not isinstance(to, str) or not to:
        raise ConfigError(f"actions has to = {to!r}; expected the id of a model")
    if not isinstance(scopes, Sequence) or isinstance(scopes, str):
        raise ConfigError(f"actions has scopes = {scopes!r}; expected a list")
    return Action(at, "route", to=to, scopes=tuple(map(str, scopes)))


def _part(at: object) -> Decimal:
    """Return a part of a limit: ``"80%"``, or 0.8."""
    found = _PERCENT.fullmatch(at) if isinstance(at, str) else None
    try:
        part = Decimal(found[1]) / 100 if found else Decimal(str(at))
    except InvalidOperation:
        part = Decimal("NaN")
    if not part.is_finite() or not 0 < part <= _MOST_PARTS:
        raise ConfigError(
            f"actions has at = {at!r}; expected a part of the limit such as '80%' or "
            f"0.8; '120%' for a limit that allows for a burst"
        )
    return part


_MOST_PARTS = 10
