"""Request ids and hashes in as few bytes as possible."""

from __future__ import annotations

import re

_is_uuid = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_UUID_BYTES = 16
_NOT_A_UUID = b"\0"


def pack_request_id(request_id: str) -> bytes:
    """Return a request id as bytes; most are UUIDs and take 16."""
    if _is_uuid(request_id):
        return bytes.fromhex(request_id.replace("-", ""))
    text = request_id.encode("utf-8", "replace")
    # Text that would be read as a UUID is marked.
    if len(text) == _UUID_BYTES or text.startswith(_NOT_A_UUID):
        return _NOT_A_UUID + text
    return text


def unpack_request_id(packed: bytes) -> str:
    """Return the request id that `pack_request_id` packed."""
    packed = bytes(packed)
    if len(packed) != _UUID_BYTES:
        return packed.removeprefix(_NOT_A_UUID).decode("utf-8", "replace")
    text = packed.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_is_own_hash = re.compile(r"[0-9a-f]{32}").fullmatch
_FOREIGN_HASH = bytes(17)


def pack_hash(request_hash: str) -> bytes:
    """Return a request hash as bytes; those of the library take 16."""
    if _is_own_hash(request_hash):
        return bytes.fromhex(request_hash)
    # Hashes of others are stored as text behind a prefix longer than a hash of ours.
    return _FOREIGN_HASH + request_hash.encode("utf-8", "replace")


def unpack_hash(packed: bytes) -> str:
    """Return the hash that `pack_hash` packed."""
    packed = bytes(packed)
    if packed.startswith(_FOREIGN_HASH):
        return packed.removeprefix(_FOREIGN_HASH).decode("utf-8", "replace")
    return packed.hex()
