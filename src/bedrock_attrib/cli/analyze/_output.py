"""Output of analyses: intervals, names, spans and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from itertools import zip_longest

from ..._model.formatting import counted, digits, money
from ..._model.model_names import short_model
from ...reports import ExcludedCalls, Interval, Repricing, WastedSpend
from .._console import printable, results, shortened
from .._price_table import print_block
from .._tables import new_list

_NONE = "(none)"
_MODELS = frozenset({"model", "requested_model"})


def interval_text(interval: Interval | None, currency: str, times: int = 1) -> str:
    """Format *interval*, multiplied by *times*; an open end is a question mark."""
    if interval is None:
        return "too few calls"
    low, high = interval.low, interval.high
    left = "?" if low is None else money(low * times, currency)
    right = "?" if high is None else money(high * times, currency)
    return f"{left} to {right}{' (rough)' if interval.is_rough else ''}"


def named(
    keys: Iterable[str | None], by: Iterable[str] = (), *, is_short: bool = False
) -> tuple[str, ...]:
    """Format values of dimensions; a missing one is ``(none)``.

    Args:
        keys: The values.
        by: Names of the dimensions.
        is_short: Whether to leave vendor and release out of model ids.
    """
    names = [*by] if is_short else []
    return tuple(
        _NONE
        if key is None
        else shortened(short_model(key) if name in _MODELS else key)
        for key, name in zip_longest(keys, names)
    )


def span(since: datetime | None, until: datetime | None) -> str:
    """Format a span within a sentence."""
    if since is None or until is None:
        return "no calls"
    return f"from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M %Z}"


def heading_span(since: datetime | None, until: datetime | None) -> str:
    """Format a span at the beginning of a sentence."""
    if since is None or until is None:
        return "No calls"
    return f"Calls {span(since, until)}"


def print_excluded(excluded: Sequence[ExcludedCalls], currency: str) -> None:
    """Print the calls that could not be compared, and why."""
    if not excluded:
        return
    items = [
        f"{counted(each.calls, 'call')} to {printable(each.model)}, "
        f"{money(each.cost, currency)}: {printable(each.reason)}"
        for each in excluded
    ]
    results().print()
    print_block(new_list("Excluded from the figures above", items))


def print_assumptions(assumptions: Iterable[str]) -> None:
    """Print the assumptions of an analysis."""
    results().print()
    print_block(new_list("Assumptions", assumptions))


def as_json(value: object) -> object:
    """Turn *value* into JSON: exact amounts as text, times in ISO form."""
    if is_dataclass(value):
        known = {each.name: getattr(value, each.name) for each in fields(value)}
        return {name: as_json(each) for name, each in known.items()} | _derived(value)
    if isinstance(value, Mapping):
        return {str(as_json(key)): as_json(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_json(each) for each in value]
    return _scalar_json(value)


def _scalar_json(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return digits(value)
    return value.isoformat() if isinstance(value, (datetime, date)) else value


def _derived(value: object) -> dict[str, object]:
    if isinstance(value, Repricing):
        saved = {"saved": value.saved, "saved_share": value.saved_share}
        return {name: as_json(each) for name, each in saved.items()}
    return {"cost": as_json(value.cost)} if isinstance(value, WastedSpend) else {}
