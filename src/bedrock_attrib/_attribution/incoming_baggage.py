"""Which tags came in as W3C baggage, of those that the settings let in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.baggage import get_all

from .._model.record import NO_TAGS, Tags
from .._runtime.contained_errors import Faults
from ..errors import ConfigError
from . import LONGEST_VALUE, check_tags

_MOST_KNOWN = 4096

Found = tuple[Tags, tuple[str, ...]]
"""What came as tags, and the keys of what did not pass."""

_NOTHING: Found = (NO_TAGS, ())


class BaggageTags:
    """The tags of a call that strangers may have written.

    Only what is listed is looked at, and checked as every tag is. What does not pass
    is left out, counted as a fault, and never raises.
    """

    def __init__(self, keys: Sequence[str], faults: Faults) -> None:
        """Let in *keys*, which have been checked."""
        self._keys = tuple(keys)
        self._faults = faults
        self._known: dict[tuple[str | None, ...], Found] = {}  # by values as they came

    def read(self, carried: Mapping[str, object]) -> Tags:
        """The tags of a call that starts now.

        Args:
            carried: What the scope says was carried along; `NO_TAGS` for nothing.
        """
        try:
            tags, refused = self._look_up(carried)
        except Exception as fault:
            self._faults.note("baggage_in", fault)
            return NO_TAGS
        for key in refused:
            self._faults.note(f"baggage_in {key}", _REFUSED)
        return tags

    def _look_up(self, carried: Mapping[str, object]) -> Found:
        baggage = baggage_in_force(carried)
        if not baggage:
            return _NOTHING
        values = tuple([_as_came(baggage.get(key)) for key in self._keys])
        known = self._known.get(values)
        if known is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            known = self._known[values] = self._check(values)
        return known

    def _check(self, values: Sequence[str | None]) -> Found:
        tags: dict[str, str] = {}
        refused = []
        for key, value in zip(self._keys, values, strict=True):
            if value is None:
                continue
            try:
                check_tags({key: value})
            except ConfigError:
                refused.append(key)
            else:
                tags[key] = value
        return Tags(tags), tuple(refused)


class CarriedBaggage(dict[str, object]):
    """Baggage that a function was given along, in the place of its runner's.

    Attributes:
        runners: The baggage of whoever runs the function.
    """

    def __init__(
        self, carried: Mapping[str, object], runners: Mapping[str, object]
    ) -> None:
        """Give *carried* along to where *runners* are in force."""
        super().__init__(carried)
        self.runners = runners


def baggage_in_force(carried: Mapping[str, object]) -> Mapping[str, object]:
    """The baggage here and now.

    Where some was carried along, even if it is nothing, that of whoever runs the
    function does not count; what the function itself has set since does.

    Args:
        carried: What the scope says was carried along; `NO_TAGS` for nothing.
    """
    here = get_all()
    if carried is NO_TAGS:
        return here
    runners = carried.runners if isinstance(carried, CarriedBaggage) else here
    own = {key: value for key, value in here.items() if runners.get(key) != value}
    return {**carried, **own} if own else carried


_REFUSED = ConfigError("baggage that is no tag")
_NO_TAG = ";"


def _as_came(value: object) -> str | None:
    """A value without the properties that W3C baggage may have behind a semicolon.

    No tag holds a semicolon, so nothing else is cut. What can't be a tag becomes a text
    that is none either, as strangers may send much, and this is remembered.
    """
    if value is None:
        return None
    if type(value) is str and ";" not in value:
        text = value
    else:
        text = str.__str__(value) if isinstance(value, str) else ""
        text = text.partition(";")[0].rstrip()
    return text if 0 < len(text) <= LONGEST_VALUE else _NO_TAG
