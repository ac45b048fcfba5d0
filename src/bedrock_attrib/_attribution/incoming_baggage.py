"""Tags received as W3C baggage, limited to the keys that the settings allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.baggage import get_all

from .._model.tags import NO_TAGS, Tags
from .._runtime.bounded_cache import BoundedCache
from .._runtime.contained_errors import ContainedErrors
from ..errors import ConfigError
from . import MAX_VALUE_LENGTH, check_tags

_MOST_KNOWN = 4096

_Checked = tuple[Tags, tuple[str, ...]]
"""Accepted tags, and the keys whose value was rejected."""

_NOTHING: _Checked = (NO_TAGS, ())


class BaggageTags:
    """Reader of tags from baggage, which is untrusted input.

    Only the listed keys are read, and their values are checked like any tag. A value
    that fails the check is left out and counted as a fault; nothing raises.
    """

    def __init__(self, keys: Sequence[str], faults: ContainedErrors) -> None:
        """Accept *keys*, which must be checked."""
        self._keys = tuple(keys)
        self._faults = faults
        # By received values.
        self._known: BoundedCache[tuple[str | None, ...], _Checked]
        self._known = BoundedCache(_MOST_KNOWN)

    def read(self, carried: Mapping[str, object]) -> Tags:
        """Return the tags of a call that starts now.

        Args:
            carried: Baggage carried with the context; `NO_TAGS` for none.
        """
        try:
            tags, rejected = self._look_up(carried)
        except Exception as fault:
            self._faults.note("baggage_in", fault)
            return NO_TAGS
        for key in rejected:
            self._faults.note(f"baggage_in {key}", _REFUSED)
        return tags

    def _look_up(self, carried: Mapping[str, object]) -> _Checked:
        baggage = baggage_in_force(carried)
        if not baggage:
            return _NOTHING
        values = tuple([_without_properties(baggage.get(key)) for key in self._keys])
        known = self._known.get(values)
        if known is None:
            known = self._known[values] = self._check(values)
        return known

    def _check(self, values: Sequence[str | None]) -> _Checked:
        tags: dict[str, str] = {}
        rejected = []
        for key, value in zip(self._keys, values, strict=True):
            if value is None:
                continue
            try:
                check_tags({key: value})
            except ConfigError:
                rejected.append(key)
            else:
                tags[key] = value
        return Tags(tags), tuple(rejected)


class CarriedBaggage(dict[str, object]):
    """Baggage carried with a function, which replaces that of the running thread.

    Attributes:
        runners: Baggage of the thread that runs the function.
    """

    def __init__(
        self, carried: Mapping[str, object], runners: Mapping[str, object]
    ) -> None:
        """Carry *carried* to where *runners* is in force."""
        super().__init__(carried)
        self.runners = runners


def baggage_in_force(carried: Mapping[str, object]) -> Mapping[str, object]:
    """Return the baggage in force here.

    Carried baggage, even if empty, replaces that of the thread that runs the
    function; entries that the function itself has set since are added.

    Args:
        carried: Baggage carried with the context; `NO_TAGS` for none.
    """
    here = get_all()
    if carried is NO_TAGS:
        return here
    runners = carried.runners if isinstance(carried, CarriedBaggage) else here
    own = {key: value for key, value in here.items() if runners.get(key) != value}
    return {**carried, **own} if own else carried


_REFUSED = ConfigError("a baggage entry is not a valid tag")
_NO_TAG = ";"


def _without_properties(value: object) -> str | None:
    """Return a value without the properties that W3C allows behind a semicolon.

    No tag contains a semicolon, so nothing else is cut. A value that cannot be a tag
    becomes a short invalid text: results are cached, and input may be large.
    """
    if value is None:
        return None
    if type(value) is str and ";" not in value:
        text = value
    else:
        text = str.__str__(value) if isinstance(value, str) else ""
        text = text.partition(";")[0].rstrip()
    return text if 0 < len(text) <= MAX_VALUE_LENGTH else _NO_TAG
