"""Budgets: what is limited, for whom, and what happens at the limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from ..errors import ConfigError
from .actions import Action, parse_actions
from .measures import Measure
from .subjects import check_subject_name
from .windows import Window, parse_window

_MODES = ("strict", "estimate", "observe")
_UNAVAILABLE = ("open", "closed")


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on what calls may spend over a window of time.

    Attributes:
        name: Name of the budget, unique among those of one recorder.
        limit_usd: Most that may be spent, in USD at the prices of the price table, as
            text, `Decimal` or whole number.
        limit_tokens: Most tokens of any kind, cached ones included.
        limit_calls: Most calls that may be sent, failed ones included.
        window: ``hour``, ``day``, ``week``, ``month``, ``total``, or a rolling one
            such as ``rolling 24h``.
        zone: Time zone in which days, weeks and months begin.
        match: Calls that count: patterns, or lists of patterns, by the name of a tag
            or by ``model``, ``vendor``, ``region``, ``scope`` or ``operation``
            (``tag:model`` for a tag of such a name). ``*`` stands for any text. Without
            any, all calls count.
        each: Name, or names, whose every value gets the whole limit for itself; calls
            without a value share one.
        mode: ``strict`` reserves the most that a call may cost, and never passes the
            limit; ``estimate`` reserves what calls like it have cost; ``observe`` only
            counts, and reports what it would have refused.
        when_unknown: What to do with a call whose cost has no bound, or no estimate:
            ``refuse``, ``allow``, or an amount to reserve.
        when_unavailable: What to do while the store cannot be reached: ``closed``
            refuses calls, ``open`` lets them pass and counts them later.
        actions: What happens at parts of the limit, as mappings with ``at`` (such as
            ``"80%"``) and ``do``: ``log``, ``refuse``, ``route`` (with ``to``, a
            model), ``slow`` (with ``delay_s``), or a function that takes a status.
            Without a ``refuse``, calls are refused at 100 %.
    """

    name: str
    _: KW_ONLY
    limit_usd: Decimal | str | int | None = None
    limit_tokens: int | None = None
    limit_calls: int | None = None
    window: str = "day"
    zone: str = "UTC"
    match: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    each: str | Sequence[str] | None = None
    mode: str = "strict"
    when_unknown: str | Decimal | int = "refuse"
    when_unavailable: str = "closed"
    actions: Sequence[Mapping[str, Any] | Action] = ()

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: If one is not as documented; names the budget and the field.
        """
        try:
            self._check()
        except ConfigError as error:
            raise ConfigError(f"budget {self.name!r}: {error}") from error

    def _check(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or not name.strip() or "|" in name:
            raise ConfigError("name is empty or contains '|'; expected a short text")
        _set(self, "limit_usd", _amount("limit_usd", self.limit_usd))
        for limit in ("limit_tokens", "limit_calls"):
            _set(self, limit, _whole(limit, getattr(self, limit)))
        if not self.limits:
            raise ConfigError(
                "no limit; expected limit_usd, limit_tokens or limit_calls"
            )
        parse_window(self.window, self.zone)
        _set(self, "match", _patterns(self.match))
        _set(self, "each", _names(self.each))
        _one_of("mode", self.mode, _MODES)
        if self.when_unknown not in {"refuse", "allow"}:
            _set(self, "when_unknown", _amount("when_unknown", self.when_unknown))
        _one_of("when_unavailable", self.when_unavailable, _UNAVAILABLE)
        _set(self, "actions", parse_actions(self.actions))

    @property
    def limits(self) -> dict[Measure, Decimal]:
        """The limits that are set, by measure."""
        stated = {
            Measure.USD: self.limit_usd,
            Measure.TOKENS: self.limit_tokens,
            Measure.CALLS: self.limit_calls,
        }
        return {
            measure: Decimal(limit)
            for measure, limit in stated.items()
            if limit is not None
        }

    def span(self) -> Window:
        """Return the window as what finds its borders."""
        return parse_window(self.window, self.zone)


def budget_of(content: Mapping[str, object]) -> Budget:
    """Return the budget that a table of a TOML file describes.

    Raises:
        ConfigError: If a key is unknown, or a value is not as documented.
    """
    fields = {name: value for name, value in content.items() if name != "name"}
    known = set(Budget.__dataclass_fields__) - {"name", "_"}
    for name in fields:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(
                f"budget {content.get('name')!r}: no such key {name!r}; {meant}"
                f"expected name, {', '.join(sorted(known))}"
            )
    make: Callable[..., Budget] = Budget
    return make(content.get("name", ""), **fields)


def _set(budget: Budget, name: str, value: object) -> None:
    object.__setattr__(budget, name, value)  # as a frozen dataclass does itself


def _amount(name: str, value: object) -> Decimal | None:
    if value is None:
        return None
    if isinstance(value, float):
        # TOML has no decimal numbers; the shortest text is what was written.
        value = repr(value)
    if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal("NaN")
        if amount.is_finite() and amount >= 0:
            return amount
    raise ConfigError(
        f"{name} is {value!r}; expected a non-negative amount, such as '12.50'"
    )


def _whole(name: str, value: object) -> int | None:
    if value is None or (type(value) is int and value >= 0):
        return value
    raise ConfigError(f"{name} is {value!r}; expected a non-negative integer")


def _one_of(name: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise ConfigError(f"{name} is {value!r}; expected {' or '.join(known)}")


def _patterns(match: object) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(match, Mapping):
        raise ConfigError(
            f"match is {match!r}; expected patterns by name, such as "
            f"{{'team': 'search*'}}"
        )
    found: dict[str, tuple[str, ...]] = {}
    for name, patterns in match.items():
        check_subject_name("match", name)
        texts = (patterns,) if isinstance(patterns, str) else patterns
        if not isinstance(texts, Sequence) or not all(
            isinstance(text, str) and text for text in texts
        ):
            raise ConfigError(
                f"match has {patterns!r} for {name}; expected a pattern such as "
                f"'search*', or a list of them"
            )
        found[name] = tuple(texts)
    return MappingProxyType(found)


def _names(each: object) -> tuple[str, ...]:
    if each is None:
        return ()
    names = (each,) if isinstance(each, str) else each
    if not isinstance(names, Sequence) or len(set(names)) < len(names):
        raise ConfigError(f"each is {each!r}; expected a name, or a list of them")
    for name in names:
        check_subject_name("each", name)
    return tuple(names)
