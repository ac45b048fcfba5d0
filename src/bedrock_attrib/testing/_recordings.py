"""Recorded exchanges with Bedrock, read from files and replayed over sockets."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.client import BaseClient
from botocore.model import Shape, StructureShape

from ..errors import ConfigError
from ._event_stream import split_frames
from ._wire import WireAnswer

RECORDING_HEADER = "x-bedrock-attrib-recording"
_EVENT_STREAM = "application/vnd.amazon.eventstream"
# Headers of the recorded connection, or of an encoding that was removed.
_TRANSPORT_HEADERS = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "date",
        "keep-alive",
        "transfer-encoding",
    }
)
_replayed: ContextVar[str | None] = ContextVar("replayed_recording", default=None)


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded exchange.

    Attributes:
        id: Name of the exchange, unique among those loaded together.
        operation: Operation name as AWS spells it.
        model_id: Model as the caller named it.
        region: Calling region; None if it was not recorded.
        request_headers: Headers of the request.
        request_body: Text of the request; None for an empty one.
        status: HTTP status of the response.
        response_headers: Headers of the response.
        response_body: Bytes of the response, including framing.
        expected: Usage stated by the recording.
    """

    id: str
    operation: str
    model_id: str
    region: str | None
    request_headers: Mapping[str, str] = field(repr=False)
    request_body: str | None = field(repr=False)
    status: int
    response_headers: Mapping[str, str] = field(repr=False)
    response_body: bytes = field(repr=False)
    expected: Mapping[str, object] = field(default_factory=dict, repr=False)


def load_recordings(directory: str | Path) -> list[Recording]:
    """Read every ``*.jsonl`` file of *directory*, by file name and line.

    Raises:
        ConfigError: If there is no such file, a line is not a recorded exchange of
            format 1, or two lines have the same id. The message names file and line.
    """
    # Pydantic is slow to import, so it is imported only to read such files.
    from ._recording_file import read_line  # noqa: PLC0415

    paths = sorted(Path(directory).glob("*.jsonl"))
    if not paths:
        raise ConfigError(
            f"no *.jsonl file in {directory}; expected recorded exchanges"
        )
    found: dict[str, Recording] = {}
    for path, number, text in _lines(paths):
        line = read_line(text, path, number)
        if line.id in found:
            raise ConfigError(f"{path}, line {number}: id {line.id} occurs twice")
        found[line.id] = Recording(
            id=line.id,
            operation=line.operation,
            model_id=line.model_id,
            region=line.region,
            request_headers=line.request.headers,
            request_body=line.request.body,
            status=line.response.status,
            response_headers=line.response.headers,
            response_body=b64decode(line.response.body_base64),
            expected=line.expected,
        )
    return list(found.values())


def _lines(paths: list[Path]) -> Iterator[tuple[Path, int, str]]:
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for number, text in enumerate(lines, start=1):
                if text.strip():
                    yield path, number, text


def recorded_answer(recording: Recording) -> WireAnswer:
    """Return the response of *recording*, byte for byte, frame by frame."""
    headers = {
        name: value
        for name, value in recording.response_headers.items()
        if name.lower() not in _TRANSPORT_HEADERS
    }
    is_stream = any(
        name.lower() == "content-type" and value == _EVENT_STREAM
        for name, value in headers.items()
    )
    body = recording.response_body
    return WireAnswer(
        status=recording.status,
        headers=headers,
        pieces=tuple(split_frames(body)) if is_stream else (body,),
        is_stream=is_stream,
        declared_bytes=len(body),
    )


def replay(recording: Recording, client: BaseClient) -> None:
    """Make the recorded call with *client* and read the whole response.

    The request names its recording in a header, so that a `Simulator` returns the right
    one even if other threads use the same client.

    Args:
        recording: The exchange to repeat.
        client: A boto3 client of ``bedrock-runtime``, instrumented or not.

    Raises:
        botocore.exceptions.ClientError: If the recorded response is an error.
    """
    client.meta.events.register(
        "before-call.bedrock-runtime",
        _name_recording,
        unique_id="bedrock-attrib-replay",
    )
    operation = client.meta.service_model.operation_model(recording.operation)
    params = _params(recording, operation.input_shape)
    method = getattr(client, xform_name(recording.operation))
    token = _replayed.set(recording.id)
    try:
        _READ_WHOLE[recording.operation](method(**params))
    finally:
        _replayed.reset(token)


def _name_recording(params: dict[str, Any], **_: object) -> None:
    recording_id = _replayed.get()
    if recording_id is not None:
        params["headers"][RECORDING_HEADER] = recording_id


def _read_nothing(answer: Mapping[str, Any]) -> None:
    """Do nothing: the client has read *answer* already."""


def _read_body(answer: Mapping[str, Any]) -> None:
    answer["body"].read()


def _read_events(answer: Mapping[str, Any]) -> None:
    for _ in answer["stream"]:
        pass


def _read_chunks(answer: Mapping[str, Any]) -> None:
    for _ in answer["body"]:
        pass


_READ_WHOLE: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "Converse": _read_nothing,
    "ConverseStream": _read_events,
    "InvokeModel": _read_body,
    "InvokeModelWithResponseStream": _read_chunks,
}


def _params(recording: Recording, shape: StructureShape) -> dict[str, object]:
    """Return parameters of the client's method for the recorded request."""
    params: dict[str, object] = {"modelId": recording.model_id}
    headers = {name.lower(): v for name, v in recording.request_headers.items()}
    for name, member in shape.members.items():
        stated = headers.get(member.serialization.get("name", name).lower())
        is_header = member.serialization.get("location") == "header"
        if is_header and member.type_name == "string" and stated is not None:
            params[name] = stated
    if recording.request_body is None:
        return params
    if "payload" in shape.serialization:
        params[shape.serialization["payload"]] = recording.request_body.encode()
        return params
    return params | _structure(json.loads(recording.request_body), shape)


def _structure(value: Mapping[str, object], shape: StructureShape) -> dict[str, object]:
    """Return *value* without members that the client's model lacks."""
    return {
        name: _from_wire(value[name], member)
        for name, member in shape.members.items()
        if name in value
    }


def _from_wire(value: Any, shape: Shape) -> object:  # noqa: ANN401 - any JSON
    """Return *value* as boto3 expects it: bytes instead of base64."""
    if shape.metadata.get("document"):
        return value
    convert = _CONVERTERS.get(shape.type_name)
    return value if convert is None else convert(value, shape)


_CONVERTERS: dict[str, Callable[[Any, Shape], object]] = {
    "blob": lambda value, _: b64decode(value),
    "structure": _structure,
    "list": lambda value, shape: [_from_wire(item, shape.member) for item in value],
    "map": lambda value, shape: {
        key: _from_wire(item, shape.value) for key, item in value.items()
    },
}
