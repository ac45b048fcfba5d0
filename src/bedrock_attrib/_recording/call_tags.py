"""Tags of a call that starts: its context's, those from baggage, and default ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .._attribution import AttributionContext, with_changes
from .._model.tags import NO_TAGS, Tags
from .._runtime.bounded_cache import BoundedCache
from .._runtime.contained_errors import ContainedErrors

if TYPE_CHECKING:
    from .._attribution.incoming_baggage import BaggageTags
    from .._config import Config

_MOST_TAG_SETS = 4096


class CallTags:
    """Merges the tags of a call, and remembers what it merged.

    Attributes:
        is_needed: Whether there are any tags besides those of a context.
        baggage_out: Keys of the tags that may be sent on as W3C baggage.
    """

    def __init__(self, config: Config | None, faults: ContainedErrors) -> None:
        """Take default tags and admitted baggage keys from *config*."""
        self._default = Tags(config.tags) if config is not None else NO_TAGS
        self._baggage = (
            _baggage_tags(config.baggage_in, faults)
            if config is not None and config.baggage_in
            else None
        )
        self.is_needed = bool(self._default) or self._baggage is not None
        self.baggage_out = config.baggage_out if config is not None else ()
        self._merged: BoundedCache[tuple[Tags, frozenset[str], Tags], Tags]
        self._merged = BoundedCache(_MOST_TAG_SETS)

    def of(self, context: AttributionContext) -> Tags:
        """Return the tags of a call that starts now, in *context*.

        Its own win over those that came as baggage, and these over the default ones.
        """
        came = NO_TAGS if self._baggage is None else self._baggage.read(context.baggage)
        if not self._default and not came:
            return context.tags
        key = (context.tags, context.removed, came)
        merged = self._merged.get(key)
        if merged is None:
            changes = {**came, **dict.fromkeys(context.removed), **context.tags}
            merged = self._merged[key] = with_changes(self._default, changes)
        return merged


def _baggage_tags(keys: Sequence[str], faults: ContainedErrors) -> BaggageTags:
    # Baggage takes some milliseconds to import, for those who let it in.
    from .._attribution.incoming_baggage import BaggageTags  # noqa: PLC0415

    return BaggageTags(keys, faults)
