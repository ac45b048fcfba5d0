"""Model identification of price list lines."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..._model.model_id import parse_model_id
from ._models import MODELS
from ._names import IMAGE_SERVICES, OTHER_IDS
from ._sku import Reason, Sku, UnmappedError
from ._usage_types import UsageType

_EDITION = re.compile(r"\s*\([^()]*\bBedrock\b[^()]*\)\s*$")
_OPTIMIZED = re.compile(r"\s+latency[ -]optimized$", re.IGNORECASE)
_DIRECTION = re.compile(r"-(?:input|output)$")
_ID = re.compile(r"[a-z0-9]+\.[a-z0-9][a-z0-9.:-]*")
_PLATFORM = "amazon bedrock"
_LONGEST_NAME = 200


def _fold(name: str) -> str:
    return " ".join(name.casefold().split())


def _by_name() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for known in MODELS:
        for name in known.names.split("|"):
            found[_fold(name)] = (*found.get(_fold(name), ()), known.model_id)
    return found


_IDS_BY_NAME: Mapping[str, tuple[str, ...]] = _by_name()
_ID_BY_STEM: Mapping[str, str] = {
    stem: known.model_id for known in MODELS for stem in known.stems.split("|") if stem
}
_VENDORS = frozenset(known.model_id.partition(".")[0] for known in MODELS)


def identify(sku: Sku, usage: UsageType) -> str:
    """Return the base model id of *sku*.

    Raises:
        UnmappedError: If no name is in the table, or names belong to different models.
    """
    name = _OPTIMIZED.sub("", _name_of(sku, usage))
    if name != _name_of(sku, usage) and usage.latency_mode != "optimized":
        raise UnmappedError(Reason.DISAGREES, "latency optimized, by the name alone")
    if usage.model_id:
        return _check_name(usage.model_id, name)
    by_stem = _id_of_stem(usage)
    if not name:
        return _checked_stem(by_stem, usage)
    ids = _ids_of_name(name)
    if usage.is_id and by_stem:
        # Such a usage type holds AWS's own id, in any spelling of the name.
        return _checked(by_stem, ids or (by_stem,), name)
    if not ids:
        raise UnmappedError(Reason.UNKNOWN_MODEL, name)
    if by_stem:
        return _checked(by_stem, ids, name)
    if len(ids) > 1:
        raise UnmappedError(Reason.UNKNOWN_MODEL, f"{name}: {' or '.join(ids)}")
    return ids[0]


def _name_of(sku: Sku, usage: UsageType) -> str:
    """Return the display name; empty where the line has none."""
    if sku.model:
        return sku.model.strip()[:_LONGEST_NAME]
    if usage.stem or _fold(sku.service_name) == _PLATFORM:
        # Older Amazon models: the attribute is a stem and a direction.
        return _DIRECTION.sub("", sku.titan_model.strip())
    return _EDITION.sub("", sku.service_name[:_LONGEST_NAME]).strip()


def _check_name(model_id: str, name: str) -> str:
    if name and name != IMAGE_SERVICES and model_id not in _ids_of_name(name):
        raise UnmappedError(Reason.TWO_MODELS, f"{name} and {model_id}")
    return model_id


def _checked_stem(model_id: str, usage: UsageType) -> str:
    if not model_id:
        raise UnmappedError(Reason.UNKNOWN_MODEL, usage.stem or "(no name)")
    return model_id


def _checked(model_id: str, ids: tuple[str, ...], name: str) -> str:
    if model_id not in ids:
        raise UnmappedError(Reason.TWO_MODELS, f"{name} and {model_id}")
    return model_id


def _ids_of_name(name: str) -> tuple[str, ...]:
    found = _IDS_BY_NAME.get(_fold(name), ())
    as_id = OTHER_IDS.get(name, name)
    return found or ((as_id,) if _is_id(as_id) else ())


def _id_of_stem(usage: UsageType) -> str:
    """Return the model that the stem names, or empty text."""
    known = _ID_BY_STEM.get(usage.stem) or OTHER_IDS.get(usage.stem)
    if known:
        return known
    return usage.stem if usage.is_id and _is_id(usage.stem) else ""


def _is_id(text: str) -> bool:
    if not _ID.fullmatch(text) or text.partition(".")[0] not in _VENDORS:
        return False
    return parse_model_id(text).model_id == text
