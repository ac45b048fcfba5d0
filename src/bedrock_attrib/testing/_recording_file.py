"""What a line of a file of recorded exchanges must look like.

Pydantic takes long to import, so only `load_recordings` imports this module.
"""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ..errors import ConfigError


def _strict_base64(text: str) -> str:
    """Refuse what Pydantic's own type for base64 would skip over."""
    b64decode(text, validate=True)
    return text


class RecordedRequest(BaseModel):
    """The request half of a line; what else it has is of no use here."""

    headers: dict[str, str]
    body: str | None = None


class RecordedResponse(BaseModel):
    """The response half of a line."""

    status: int = Field(ge=100, le=599)
    headers: dict[str, str]
    body_base64: Annotated[str, AfterValidator(_strict_base64)]


class RecordedLine(BaseModel):
    """One exchange, format 1."""

    # Pydantic before 2.10 keeps names with ``model_`` for itself.
    model_config = ConfigDict(protected_namespaces=())

    format: Literal[1]
    id: str = Field(min_length=1)
    operation: Literal[
        "Converse", "ConverseStream", "InvokeModel", "InvokeModelWithResponseStream"
    ]
    model_id: str = Field(min_length=1)
    region: str | None = None
    request: RecordedRequest
    response: RecordedResponse
    expected: dict[str, object] = Field(default_factory=dict)


def read_line(text: str, path: Path, number: int) -> RecordedLine:
    """Check line *number* of *path*.

    Raises:
        ConfigError: If it is not such a line. The message quotes nothing of it, as
            it may hold somebody's prompt.
    """
    place = f"{path}, line {number}"
    try:
        line = RecordedLine.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the line"
        raise ConfigError(f"{place}: {field}: {first['msg']}") from None
    if line.operation in {"Converse", "ConverseStream"} and not _is_object(line):
        raise ConfigError(f"{place}: request.body: expected a JSON object")
    return line


def _is_object(line: RecordedLine) -> bool:
    try:
        return isinstance(json.loads(line.request.body or ""), dict)
    except ValueError:
        return False
