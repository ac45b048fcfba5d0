"""Encoder of ``application/vnd.amazon.eventstream``.

botocore only decodes this format. Layout: Smithy 2.0, "Amazon Event Stream
Specification", checked 2026-11-23. No maintained encoder for Python 3.11 comes
without a large package.
"""

from __future__ import annotations

import json
import struct
from binascii import crc32
from collections.abc import Iterator, Mapping

from ..errors import ConfigError

_PRELUDE = struct.Struct("!II")
_CRC = struct.Struct("!I")
_NAME_LENGTH = struct.Struct("!B")
_TYPE_AND_LENGTH = struct.Struct("!BH")
_PRELUDE_AND_CRC_BYTES = _PRELUDE.size + _CRC.size
_STRING = 7  # Header value type; Bedrock sends no other.
_MAX_NAME_BYTES = 255
_MAX_VALUE_BYTES = 32_767


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Frame one message, prelude and both checksums included.

    Args:
        headers: String headers, written in this order.
        payload: The message's body.

    Raises:
        ConfigError: If a header's name or value is longer than the format allows.
    """
    head = b"".join(_encode_header(name, value) for name, value in headers.items())
    total_bytes = _PRELUDE_AND_CRC_BYTES + len(head) + len(payload) + _CRC.size
    prelude = _PRELUDE.pack(total_bytes, len(head))
    checked = prelude + _CRC.pack(crc32(prelude)) + head + payload
    return checked + _CRC.pack(crc32(checked))


def _encode_header(name: str, value: str) -> bytes:
    name_bytes, value_bytes = name.encode(), value.encode()
    if not 0 < len(name_bytes) <= _MAX_NAME_BYTES:
        raise ConfigError(
            f"event header name of {len(name_bytes)} bytes; expected 1 to "
            f"{_MAX_NAME_BYTES}"
        )
    if len(value_bytes) > _MAX_VALUE_BYTES:
        raise ConfigError(
            f"event header {name!r} holds {len(value_bytes)} bytes; expected at most "
            f"{_MAX_VALUE_BYTES}"
        )
    return b"".join(
        (
            _NAME_LENGTH.pack(len(name_bytes)),
            name_bytes,
            _TYPE_AND_LENGTH.pack(_STRING, len(value_bytes)),
            value_bytes,
        )
    )


def encode_event(event_type: str, payload: bytes) -> bytes:
    """Frame one event as Bedrock does, with a JSON *payload*."""
    return encode_message(
        {
            ":event-type": event_type,
            ":content-type": "application/json",
            ":message-type": "event",
        },
        payload,
    )


def encode_exception(exception_type: str, message: str) -> bytes:
    """Frame an exception event, the error that ends a stream.

    Args:
        exception_type: Member name in AWS's model, such as ``throttlingException``.
        message: Text of the error.
    """
    return encode_message(
        {
            ":exception-type": exception_type,
            ":content-type": "application/json",
            ":message-type": "exception",
        },
        json.dumps({"message": message}).encode(),
    )


def spoil_checksum(frame: bytes) -> bytes:
    """Return *frame* with a wrong message checksum."""
    return frame[:-1] + bytes([frame[-1] ^ 0xFF])


def split_frames(stream: bytes) -> Iterator[bytes]:
    """Split *stream* into messages; an incomplete message comes last."""
    start = 0
    while start < len(stream):
        end = _frame_end(stream, start)
        yield stream[start:end]
        start = end


def _frame_end(stream: bytes, start: int) -> int:
    if len(stream) - start < _PRELUDE.size:
        return len(stream)
    total_bytes, _ = _PRELUDE.unpack_from(stream, start)
    if total_bytes < _PRELUDE_AND_CRC_BYTES + _CRC.size:
        return len(stream)
    return int(min(start + total_bytes, len(stream)))
