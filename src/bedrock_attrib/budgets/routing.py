"""Routing: to a cheaper model that the user named, once a budget is nearly spent."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._model.call_start import CallStart
from .._model.model_id import ModelRef, parse_model_id
from .._runtime.contained_errors import logger
from .actions import Action
from .plan import Match
from .stores import AccountState

# Their parameters are the same for every model; bodies of InvokeModel are not.
_ANY_MODEL = frozenset({"Converse", "ConverseStream"})


class Routing:
    """Finds the model that budgets route a call to."""

    def __init__(
        self, known: Callable[[Sequence[tuple[str, int]]], list[AccountState]]
    ) -> None:
        """Decide by what *known* says of accounts, each with its first bucket."""
        self._known = known
        self._refused: set[tuple[str, str]] = set()

    def model_for(self, start: CallStart, matches: Sequence[Match]) -> str | None:
        """Return the model to call instead; None for the one that was asked for."""
        for match in matches:
            routes = [
                action for action in match.limit.actions if action.kind == "route"
            ]
            if not routes:
                continue
            span = match.limit.window.at(start.started_at.timestamp())
            state = self._known([(match.account, span.first)])[0]
            used, limit = state.spent + state.held, match.limit.stated + state.granted
            for action in reversed(routes):  # the last one that is reached
                if used >= limit * action.at and self._may_route(start, action):
                    return action.to
        return None

    def _may_route(self, start: CallStart, action: Action) -> bool:
        """Return whether the caller allows for the place of the other model."""
        asked, other = start.model, parse_model_id(action.to or "")
        if start.operation not in _ANY_MODEL and asked.vendor != other.vendor:
            return False
        if _place(asked) == _place(other) or other.scope in action.scopes:
            return True
        key = (asked.requested, other.requested)
        if key not in self._refused and len(self._refused) < _MOST_LOGGED:
            self._refused.add(key)
            logger.warning(
                "calls to %s are not routed to %s, which is served elsewhere: name "
                "its scope in scopes of the action, or a model of the same scope",
                asked.requested,
                other.requested,
            )
        return False


_MOST_LOGGED = 100


def _place(model: ModelRef) -> tuple[str | None, str | None]:
    return model.scope, model.geography
