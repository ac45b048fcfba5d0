"""Plans: budgets prepared for the path of a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .._model.model_id import ModelRef
from .._model.patterns import matches
from .._model.tags import Tags
from ..errors import ConfigError
from .actions import Action
from .budget import Budget
from .measures import Measure, to_quanta
from .subjects import values_of
from .windows import Window

NO_VALUE = ""
"""Value of a name that a call does not have."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one budget.

    Attributes:
        budget: The budget.
        measure: What it limits.
        window: Finds the borders of its window.
        stated: The limit as stated, in quanta.
        refuse_at: Amount from which on calls are refused; None where they never are.
        unknown: What to reserve for a call without a bound; None to refuse it.
        actions: Actions other than to refuse.
        counts_only: Whether calls are only counted.
        may_miss_store: Whether calls go on while the store is not reached.
        asks: Number that limits have in common which ask the same of a call. An
            integer, as the hash of an enum member takes longer.
        needs_look: Whether there is something to do besides to reserve.
    """

    budget: Budget
    measure: Measure
    window: Window
    stated: int
    refuse_at: int | None
    unknown: int | None
    actions: tuple[Action, ...]
    counts_only: bool
    may_miss_store: bool
    asks: int
    needs_look: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A limit that holds for a call, with the account that it is counted on."""

    limit: Limit
    key: str | None
    account: str


def limits_of(budgets: Sequence[Budget]) -> tuple[Limit, ...]:
    """Prepare *budgets*.

    Raises:
        ConfigError: If two of them have one name.
    """
    names = [budget.name for budget in budgets]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two budgets are named {name!r}; expected each once")
    return tuple(
        _limit(budget, measure, limit)
        for budget in budgets
        for measure, limit in budget.limits.items()
    )


def _limit(budget: Budget, measure: Measure, limit: Decimal) -> Limit:
    actions = [each for each in budget.actions if isinstance(each, Action)]
    refusals = [action.at for action in actions if action.kind == "refuse"]
    at = min(refusals, default=Decimal(1))
    counts_only = budget.mode == "observe"
    others = tuple(action for action in actions if action.kind != "refuse")
    return Limit(
        budget=budget,
        measure=measure,
        window=budget.span(),
        stated=to_quanta(measure, limit),
        # Rounded down: a limit is not passed by a part of a quantum.
        refuse_at=None if counts_only else _part(measure, limit, at),
        unknown=_unknown(budget, measure),
        actions=others,
        counts_only=counts_only,
        may_miss_store=counts_only or budget.when_unavailable == "open",
        asks=2 * list(Measure).index(measure) + (budget.mode == "estimate"),
        needs_look=counts_only or bool(others),
    )


def _part(measure: Measure, limit: Decimal, part: Decimal) -> int:
    return int(Decimal(to_quanta(measure, limit)) * part)


def _unknown(budget: Budget, measure: Measure) -> int | None:
    """Return what to reserve for a call without a bound.

    The least amount where it is allowed, so that it is refused once nothing is left.
    """
    if budget.when_unknown == "refuse":
        return None
    if budget.when_unknown == "allow":
        return 1
    return to_quanta(measure, Decimal(budget.when_unknown))


def matches_of(
    limits: Sequence[Limit], tags: Tags, model: ModelRef, region: str, operation: str
) -> tuple[Match, ...]:
    """Return the limits that hold for a call, with their accounts."""
    found: list[Match] = []
    for limit in limits:
        budget = limit.budget
        if not all(
            any(
                matches(patterns, value)
                for value in values_of(name, tags, model, region, operation)
            )
            for name, patterns in budget.match.items()
        ):
            continue
        values = [
            next(iter(values_of(name, tags, model, region, operation)), NO_VALUE)
            for name in budget.each or ()
        ]
        key = ",".join(values) if budget.each else None
        account = base_account(limit)
        found.append(Match(limit, key, account if key is None else f"{account}|{key}"))
    return tuple(found)


def base_account(limit: Limit) -> str:
    """Return the account of a limit that keeps no values apart."""
    return f"{limit.budget.name}|{limit.measure}"


def parse_account(account: str) -> tuple[str, str, str | None]:
    """Return name of the budget, measure and key of an account."""
    name, measure, *key = account.split("|", 2)
    return name, measure, key[0] if key else None
