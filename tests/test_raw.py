"""A body tells of its bytes however they are read, and behaves as botocore's own."""

from __future__ import annotations

import copy
import io
import pickle
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import urllib3
from botocore.client import BaseClient
from botocore.exceptions import IncompleteReadError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from streams import MODEL, WRITES, body_of

from bedrock_attrib import Recorder, instrument
from bedrock_attrib._model.record import Outcome
from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    ListSink,
    Reply,
    Simulator,
    bedrock_simulator,
    tokens,
)

pytestmark = pytest.mark.drops_streams


# Others take what is underneath a body by its private name, and that is looked at here.
# ruff: noqa: SLF001


@pytest.fixture
def simulator(module_simulator: Simulator) -> Simulator:
    """The endpoint, whose bodies alone say how long what is cached lives."""
    module_simulator.reply(Reply(usage=WRITES))
    return module_simulator


def lines_one_by_one(body: Any) -> bytes:
    """readline() until nothing comes."""
    return b"".join(iter(body.readline, b""))


def whole_by_minus_one(body: Any) -> bytes:
    """read(-1)."""
    return bytes(body.read(-1))


def nothing_at_first(body: Any) -> bytes:
    """read(0), then read()."""
    assert body.read(0) == b""
    return bytes(body.read())


def next_piece(body: Any) -> bytes:
    """next(body) until it stops."""
    pieces = []
    while True:
        try:
            pieces.append(next(body))
        except StopIteration:
            return b"".join(pieces)


def raw_at_once(body: Any) -> bytes:
    """`with body as raw`, read()."""
    with body as raw:
        return bytes(raw.read())


def raw_in_pieces(body: Any) -> bytes:
    """`with body as raw`, read(amt=7)."""
    with body as raw:
        return b"".join(iter(lambda: raw.read(amt=7), b""))


def raw_stream(body: Any) -> bytes:
    """`with body as raw`, stream(7)."""
    with body as raw:
        return b"".join(raw.stream(7))


def raw_lines(body: Any) -> bytes:
    """`with body as raw`, for line in raw."""
    with body as raw:
        return b"".join(raw)


def raw_readlines(body: Any) -> bytes:
    """`with body as raw`, readlines()."""
    with body as raw:
        return b"".join(raw.readlines())


def raw_next(body: Any) -> bytes:
    """`with body as raw`, next(raw)."""
    with body as raw:
        return bytes(next(raw))


def raw_into(body: Any) -> bytes:
    """`with body as raw`, readinto(buffer)."""
    found, buffer = b"", bytearray(16)
    with body as raw:
        while amount := raw.readinto(buffer):
            found += buffer[:amount]
    return found


def raw_read1(body: Any) -> bytes:
    """`with body as raw`, read1(16)."""
    with body as raw:
        return b"".join(iter(lambda: raw.read1(16), b""))


def raw_as_its_own_block(body: Any) -> bytes:
    """`with body as outer, outer as raw`."""
    with body as outer, outer as raw:
        return bytes(raw.read())


def buffered(body: Any) -> bytes:
    """A reader of `io` around what is underneath."""
    with body as raw:
        return io.BufferedReader(raw).read()


def another_body(body: Any) -> bytes:
    """A body around what is underneath, as OpenLLMetry and OpenInference make it."""
    other = StreamingBody(body._raw_stream, body._content_length)
    del body
    return bytes(other.read())


WAYS = (
    lines_one_by_one,
    whole_by_minus_one,
    nothing_at_first,
    next_piece,
    raw_at_once,
    raw_in_pieces,
    raw_stream,
    raw_lines,
    raw_readlines,
    raw_next,
    raw_into,
    raw_read1,
    raw_as_its_own_block,
    buffered,
    another_body,
)


_ID = re.compile(rb'"id":"[^"]+"')  # no two answers have the same


@pytest.mark.parametrize("read", WAYS, ids=lambda read: read.__name__)
def test_every_way_of_reading(
    simulator: Simulator,
    client: BaseClient,
    sink: ListSink,
    read: Callable[[Any], bytes],
) -> None:
    """The caller gets the very bytes, and the record what stands in them."""
    found = [read(body_of(each)) for each in (simulator.client(), client)]
    plain, metered = (_ID.sub(b"", body) for body in found)
    assert len(plain) > 100
    assert metered == plain
    (record,) = sink.records
    assert record.usage == WRITES
    assert record.outcome is Outcome.OK


def test_a_body_is_botocores_own(client: BaseClient) -> None:
    """Its class is not even exchanged, and what is underneath says what it is."""
    body = body_of(client)
    assert type(body) is StreamingBody
    assert repr(body).startswith("<botocore.response.StreamingBody")
    assert body.readable()
    assert body.tell() == 0
    assert isinstance(body._raw_stream, urllib3.HTTPResponse)
    assert isinstance(body._raw_stream, io.IOBase)
    assert repr(body._raw_stream).startswith("<urllib3.response.HTTPResponse")
    assert set(dir(urllib3.HTTPResponse)) <= set(dir(body._raw_stream))
    body._raw_stream.note = "mine"
    assert body._raw_stream.note == "mine"
    body.set_socket_timeout(5)
    assert body.read(3) == b'{"i'
    assert body.tell() == 3
    assert not hasattr(body, "no_such_thing")
    assert not hasattr(body._raw_stream, "no_such_thing")
    body.close()


@pytest.mark.parametrize("copied", [pickle.dumps, copy.deepcopy])
def test_what_cannot_be_copied_says_so_as_without_us(
    simulator: Simulator, client: BaseClient, copied: Callable[[Any], object]
) -> None:
    """Pickling and deep copying a body fail with the same type of error."""
    errors = []
    for each in (simulator.client(), client):
        body = body_of(each)
        with pytest.raises(TypeError) as caught:
            copied(body)
        errors.append(str(caught.value))
        body.close()
    assert errors[0] == errors[1]


def test_a_timeout_while_reading(
    simulator: Simulator, recorder: Recorder, sink: ListSink
) -> None:
    """A body that falls silent raises botocore's error, which the record names."""
    fault = Fault(FaultKind.STALL, after=1)
    simulator.reply(Reply(usage=WRITES, fault=fault), times=1)
    body = body_of(instrument(simulator.client(), recorder=recorder))
    body.set_socket_timeout(0.3)
    with pytest.raises(ReadTimeoutError):
        body.read()
    (record,) = sink.records
    assert (record.outcome, record.error) == (Outcome.ERROR, "ReadTimeoutError")
    body.close()


@pytest.mark.parametrize("read", [raw_stream, raw_lines])
def test_a_timeout_between_raw_pieces(
    simulator: Simulator,
    recorder: Recorder,
    sink: ListSink,
    read: Callable[[Any], bytes],
) -> None:
    """What breaks underneath breaks the call."""
    fault = Fault(FaultKind.STALL, after=1)
    simulator.reply(Reply(usage=WRITES, fault=fault), times=1)
    body = body_of(instrument(simulator.client(), recorder=recorder))
    body.set_socket_timeout(0.3)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        read(body)
    (record,) = sink.records
    assert (record.outcome, record.error) == (Outcome.ERROR, "ReadTimeoutError")


def test_a_cut_between_raw_pieces(
    simulator: Simulator, client: BaseClient, sink: ListSink
) -> None:
    """Some versions of urllib3 let pieces end early without an error; we name one."""
    fault = Fault(FaultKind.CUT, after=1)
    simulator.reply(Reply(usage=WRITES, fault=fault), times=1)
    with suppress(urllib3.exceptions.ProtocolError):
        raw_stream(body_of(client))
    (record,) = sink.records
    assert record.outcome is Outcome.ERROR
    assert record.error in {"IncompleteReadError", "ResponseStreamingError"}


def test_pieces_that_are_left(client: BaseClient, sink: ListSink) -> None:
    """Who stops between two pieces may go on another way."""
    body = body_of(client)
    with body as raw:
        pieces = raw.stream(7)
        assert len(next(pieces)) == 7
        pieces.close()
        assert sink.records == []
        raw.read()
    assert [record.usage for record in sink.records] == [WRITES]


# Answers that come from no connection: those of a Stubber.


def stubbed(recorder: Recorder, body: Any, length: int | None = None) -> Any:
    """The body of an answer that a Stubber gives."""
    with bedrock_simulator() as simulator:
        client = instrument(simulator.client(), recorder=recorder)
        answer: dict[str, Any] = {"body": body, "contentType": "application/json"}
        if length is not None:
            headers = {"content-length": str(length)}
            answer["ResponseMetadata"] = {"HTTPHeaders": headers}
        with Stubber(client) as stubber:
            stubber.add_response("invoke_model", answer)
            return client.invoke_model(modelId=MODEL, body=b"{}")["body"]


CLAUDE = b'{"usage":{"input_tokens":10,"output_tokens":5}}'


def test_a_stubbed_body(recorder: Recorder, sink: ListSink) -> None:
    """A body of somebody's test tells what stands in it."""
    body = stubbed(recorder, StreamingBody(io.BytesIO(CLAUDE), len(CLAUDE)))
    assert body.read() == CLAUDE
    (record,) = sink.records
    assert record.usage == tokens(input_tokens=10, output_tokens=5)


class _Chunked(io.BytesIO):
    """Underneath a body that came in chunks."""

    def read_chunked(self, amt: int | None = None) -> Iterator[bytes]:
        """Yield them."""
        yield from iter(lambda: self.read(amt), b"")


def test_chunks_underneath(recorder: Recorder, sink: ListSink) -> None:
    """Who asks for the chunks as they were sent is seen as well."""
    body = stubbed(recorder, StreamingBody(_Chunked(CLAUDE), None))
    with body as raw:
        assert b"".join(raw.read_chunked(7)) == CLAUDE
    (record,) = sink.records
    assert record.usage == tokens(input_tokens=10, output_tokens=5)


def test_lines_underneath_come_to_an_end(recorder: Recorder, sink: ListSink) -> None:
    """`next()` of what is underneath stops where it stops without us."""
    body = stubbed(recorder, StreamingBody(io.BytesIO(CLAUDE), None))
    with body as raw:
        assert next(raw) == CLAUDE
        with pytest.raises(StopIteration):
            next(raw)
    assert len(sink.records) == 1


def test_a_stand_in_for_a_body(recorder: Recorder, sink: ListSink) -> None:
    """What is no body of botocore's is left alone, and nothing is made up."""
    body = stubbed(recorder, io.BytesIO(CLAUDE))
    assert type(body) is io.BytesIO
    assert body.read() == CLAUDE
    (record,) = sink.records
    assert record.usage is None
    assert record.price_reason == "answered without AWS"
    assert recorder.faults.counts() == {}


def test_a_body_shorter_than_promised(recorder: Recorder, sink: ListSink) -> None:
    """botocore notices that a body is too short, and the record names its error."""
    body = stubbed(recorder, StreamingBody(io.BytesIO(CLAUDE), 99), length=99)
    with pytest.raises(IncompleteReadError):
        body.read()
    (record,) = sink.records
    assert (record.outcome, record.error) == (Outcome.ERROR, "IncompleteReadError")
