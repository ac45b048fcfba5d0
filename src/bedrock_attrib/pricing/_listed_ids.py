"""Listed ids: the id under which a table has the prices of a model."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

# The endings of Bedrock's model ids: release date, version and revision, as in
# anthropic.claude-3-haiku-20240307-v1:0, openai.gpt-oss-20b-1:0, cohere.embed-v4:0.
_ENDINGS = re.compile(
    r"(?P<name>.+?)"
    r"(?:-(?P<date>\d{8}|\d{4}-\d{2}-\d{2}))?"
    r"(?:-v(?P<version>\d+)|-(?P<bare_version>\d+)(?=:))?"
    r"(?::(?P<revision>\d+))?"
)
_FIRST_VERSION = "1"


class ListedId(NamedTuple):
    """Id under which a table has the prices of a model.

    Attributes:
        model_id: Base model id.
        doubt: Why the prices may be another model's; empty when they are its own.
    """

    model_id: str
    doubt: str = ""


class _Parts(NamedTuple):
    name: str
    date: str
    version: str
    revision: str


def find_listed_id(
    model_id: str, known: Collection[str], aliases: Mapping[str, str]
) -> ListedId | None:
    """Find the listed id of the model that *model_id* names.

    AWS serves some models under several ids: one for each endpoint, and with or without
    the version. An id that lacks a date, version or revision is that of the only listed
    model with the same name; an id that states another version is another model.

    Args:
        model_id: Base model id without prices of its own, and without profile prefix
            and context suffix.
        known: Ids that have prices.
        aliases: Ids that have prices by other ids of the same models.

    Returns:
        The id, or None if no model, or more than one, is meant.

    Example:
        >>> find_listed_id("qwen.qwen3-32b", ["qwen.qwen3-32b-v1:0"], {})
        ListedId(model_id='qwen.qwen3-32b-v1:0', doubt='')
    """
    if model_id in aliases:
        return ListedId(aliases[model_id])
    asked = _parts_of(model_id)
    found = [each for each in known if _is_same_model(asked, _parts_of(each))]
    if len(found) != 1:
        return None
    listed = _parts_of(found[0])
    if not asked.date or listed.date:
        return ListedId(found[0])
    return ListedId(
        found[0],
        f"{model_id!r} is not in the price table; priced as {found[0]!r}, which has "
        "no date",
    )


def name_of(model_id: str) -> str:
    """Return *model_id* without date, version and revision."""
    return _parts_of(model_id).name


def _parts_of(model_id: str) -> _Parts:
    found = _ENDINGS.fullmatch(model_id)
    if found is None:
        return _Parts(model_id, "", "", "")
    version = found["version"] or found["bare_version"] or ""
    return _Parts(found["name"], found["date"] or "", version, found["revision"] or "")


def _is_same_model(one: _Parts, other: _Parts) -> bool:
    if one.name != other.name:
        return False
    # An id without a version means the first one.
    if (one.version or _FIRST_VERSION) != (other.version or _FIRST_VERSION):
        return False
    pairs = ((one.date, other.date), (one.revision, other.revision))
    return all(mine == theirs or not (mine and theirs) for mine, theirs in pairs)
