"""Format of files with recorded exchanges.

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
    """Reject characters that Pydantic's base64 type ignores."""
    b64decode(text, validate=True)
    return text


class RecordedRequest(BaseModel):
    """The request of a line; other fields are ignored."""

    headers: dict[str, str]
    body: str | None = None


class RecordedResponse(BaseModel):
    """The response of a line."""

    status: int = Field(ge=100, le=599)
    headers: dict[str, str]
    body_base64: Annotated[str, AfterValidator(_strict_base64)]


class RecordedLine(BaseModel):
    """One exchange, format 1."""

    # Pydantic before 2.10 reserves names with ``model_``.
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
        ConfigError: If the format is wrong. The message quotes nothing of the line,
            which may contain a prompt.
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
