"""Subjects: what a budget can be matched by, and kept apart by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .._model.model_id import ModelRef
from .._model.tags import Tags
from ..errors import ConfigError

_TAG = "tag:"
# Property of a call by name. None where the call does not have it.
_PROPERTIES: Mapping[str, Callable[[ModelRef, str, str], str | None]] = {
    "model": lambda model, _region, _operation: model.model_id or model.requested,
    "vendor": lambda model, _region, _operation: model.vendor,
    "scope": lambda model, _region, _operation: model.scope,
    "region": lambda _model, region, _operation: region,
    "operation": lambda _model, _region, operation: operation,
}


def check_subject_name(where: str, name: object) -> None:
    """Check a name of a tag or a property.

    Raises:
        ConfigError: If it is empty or no text.
    """
    if not isinstance(name, str) or not name.removeprefix(_TAG):
        raise ConfigError(
            f"{where} names {name!r}; expected a tag, or one of "
            f"{', '.join(_PROPERTIES)}"
        )


def values_of(
    name: str, tags: Tags, model: ModelRef, region: str, operation: str
) -> tuple[str, ...]:
    """Return what a pattern for *name* is compared with; the first names the subject.

    A model is known by its base id and by what the caller wrote.
    """
    read = _PROPERTIES.get(name)
    if read is None:
        value = tags.get(name.removeprefix(_TAG))
    else:
        value = read(model, region, operation)
    if value is None:
        return ()
    return (value, model.requested) if name == "model" else (value,)
