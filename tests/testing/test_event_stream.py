"""Frames that botocore's own decoder reads back."""

from __future__ import annotations

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_attrib import ConfigError
from bedrock_attrib.testing._event_stream import (
    encode_event,
    encode_exception,
    encode_message,
    split_frames,
    spoil_checksum,
)

names = st.text(min_size=1, max_size=60).filter(lambda name: len(name.encode()) < 256)
headers = st.dictionaries(names, st.text(max_size=200), max_size=8)
messages = st.tuples(headers, st.binary(max_size=2000))


def decoded(stream: bytes) -> list[tuple[dict[str, str], bytes]]:
    """Headers and payload of each message of *stream*, as botocore reads them."""
    buffer = EventStreamBuffer()
    buffer.add_data(stream)
    return [(message.headers, message.payload) for message in buffer]


def test_a_message_has_the_bytes_of_the_published_example() -> None:
    """A small JSON message, as in the test vectors that AWS's SDKs share."""
    expected = bytes.fromhex(
        "0000003d 00000020 07fd8396"  # 61 bytes, 32 of them headers; checksum
        "0c 636f6e74656e742d74797065"  # content-type
        "07 0010 6170706c69636174696f6e2f6a736f6e"  # a string: application/json
        "7b27666f6f273a27626172277d 8d9c08b1"  # {'foo':'bar'}; checksum
    )

    assert expected == encode_message(
        {"content-type": "application/json"}, b"{'foo':'bar'}"
    )


@settings(deadline=None)  # The machine may be busy.
@given(st.lists(messages, max_size=5))
def test_whatever_is_encoded_is_decoded(
    written: list[tuple[dict[str, str], bytes]],
) -> None:
    """The decoder of botocore reads back the headers and payloads that were written."""
    stream = b"".join(encode_message(*message) for message in written)

    assert written == decoded(stream)


@settings(deadline=None)  # The machine may be busy.
@given(st.lists(messages, max_size=5), st.binary(max_size=30))
def test_frames_are_split_where_they_were_joined(
    written: list[tuple[dict[str, str], bytes]], rest: bytes
) -> None:
    """Nothing is lost or moved, and a broken rest stays at the end."""
    frames = [encode_message(*message) for message in written]

    pieces = list(split_frames(b"".join(frames) + rest))

    assert frames == pieces[: len(frames)]
    assert rest == b"".join(pieces[len(frames) :])


@pytest.mark.parametrize("rest", [b"\x00", b"\x00\x00\x00\x05\x00\x00\x00\x00more"])
def test_what_is_no_message_stays_in_one_piece(rest: bytes) -> None:
    """Too few bytes for a length, or a length too small for a message."""
    assert list(split_frames(rest)) == [rest]


def test_an_event_says_its_type() -> None:
    """An event has the three headers that Bedrock sends, in its order."""
    expected = [
        (
            {
                ":event-type": "chunk",
                ":content-type": "application/json",
                ":message-type": "event",
            },
            b"{}",
        )
    ]

    assert expected == decoded(encode_event("chunk", b"{}"))


def test_an_exception_event_is_an_error_to_botocore() -> None:
    """An exception event carries its type in a header and its text as JSON."""
    expected = [
        (
            {
                ":exception-type": "throttlingException",
                ":content-type": "application/json",
                ":message-type": "exception",
            },
            b'{"message": "Too fast"}',
        )
    ]

    assert expected == decoded(encode_exception("throttlingException", "Too fast"))


def test_a_spoilt_checksum_is_noticed() -> None:
    """The decoder of botocore refuses a frame whose message checksum is wrong."""
    with pytest.raises(ChecksumMismatch):
        decoded(spoil_checksum(encode_event("chunk", b"{}")))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("", "x", "event header name of 0 bytes; expected 1 to 255"),
        ("n" * 256, "x", "event header name of 256 bytes; expected 1 to 255"),
        ("n", "x" * 32_768, "event header 'n' holds 32768 bytes; expected at most"),
    ],
)
def test_a_header_beyond_the_format_is_refused(
    name: str, value: str, said: str
) -> None:
    """Lengths that do not fit into their fields are an error that says so."""
    with pytest.raises(ConfigError, match=said):
        encode_message({name: value}, b"")
