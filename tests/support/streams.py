"""Openers and readers of streams and bodies, for tests of sync clients.

A reader is given a stream or body and ends it in its own way.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import urllib3
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient

from bedrock_attrib import Recorder, instrument
from bedrock_attrib._config import Config
from bedrock_attrib.testing import ListSink, bedrock_simulator, tokens
from bedrock_attrib.testing._event_stream import encode_event

MODEL = "anthropic.claude-sonnet-4-20250514-v1:0"
MESSAGES = [{"role": "user", "content": [{"text": "Hello"}]}]
USAGE = tokens(input_tokens=100, output_tokens=50, cache_read_tokens=20)
# The answer's headers do not say for how long the cache is kept, so its body is read.
WRITES = tokens(
    input_tokens=10,
    output_tokens=5,
    cache_write_5m_tokens=30,
    cache_write_1h_tokens=70,
)

# Openers.


def converse_stream(client: BaseClient) -> Any:
    """Open a stream of Converse events."""
    return client.converse_stream(modelId=MODEL, messages=MESSAGES)["stream"]


def invoke_stream(client: BaseClient) -> Any:
    """Open a stream of model chunks."""
    answer = client.invoke_model_with_response_stream(modelId=MODEL, body=b"{}")
    return answer["body"]


def body_of(client: BaseClient) -> Any:
    """Get an unread body."""
    return client.invoke_model(modelId=MODEL, body=b"{}")["body"]


OPENERS: dict[str, Callable[[BaseClient], Any]] = {
    "ConverseStream": converse_stream,
    "InvokeModelWithResponseStream": invoke_stream,
}


def canned_stream(
    config: Config, *sinks: ListSink, before_read: Callable[[], object] = lambda: None
) -> tuple[BaseClient, Recorder]:
    """Make a metered client whose streams come from memory, and no socket is used.

    Args:
        config: Of the recorder.
        *sinks: Of the recorder.
        before_read: Called by the thread that reads the stream, before its frames come.
    """
    events = [
        ("messageStart", {"role": "assistant"}),
        *[("contentBlockDelta", {"delta": {"text": "word"}})] * 8,
        ("metadata", {"usage": {"inputTokens": 12, "outputTokens": 8}}),
    ]
    frames = b"".join(
        encode_event(name, json.dumps(payload).encode()) for name, payload in events
    )

    class Frames(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            before_read()
            return super().read(size)

    def send(request: Any, **_: object) -> AWSResponse:
        raw = urllib3.HTTPResponse(body=Frames(frames), preload_content=False)
        return AWSResponse(request.url, 200, {}, raw)

    with bedrock_simulator() as simulator:
        client = simulator.client()
    client.meta.events.register("before-send.bedrock-runtime", send)
    recorder = Recorder(sinks=sinks, config=config)
    return instrument(client, recorder=recorder), recorder


# Readers that see the final counts.


def read_all(stream: Any) -> None:
    """Read to the end."""
    for _ in stream:
        pass


def read_twice(stream: Any) -> None:
    """Read to the end, then ask again."""
    assert len(list(stream)) > 3
    assert list(stream) == []


def read_in_runs(stream: Any) -> None:
    """Read one event, then the rest with another iterator."""
    next(iter(stream))
    read_all(stream)


def read_then_close(stream: Any) -> None:
    """Read to the end and close, as `closing` does."""
    with closing(stream):
        read_all(stream)


def read_in_thread(stream: Any) -> None:
    """Read in another thread."""
    thread = threading.Thread(target=read_all, args=(stream,))
    thread.start()
    thread.join()


def stop_at_final_event(stream: Any) -> None:
    """Leave the loop on the event that states the counts."""
    for event in stream:
        chunk = event.get("chunk", {}).get("bytes", b"")
        if "metadata" in event or b"invocationMetrics" in chunk:
            break


# Readers that do not.


def break_early(stream: Any) -> None:
    """Leave the loop after two events."""
    for number, _ in enumerate(stream):
        if number == 1:
            break


def fail_in_loop(stream: Any) -> None:
    """Raise in the loop that reads."""
    with suppress(RuntimeError):
        for _ in stream:
            raise RuntimeError


def close_unread(stream: Any) -> None:
    """Close without reading."""
    stream.close()


def close_twice(stream: Any) -> None:
    """Read an event, close, close again."""
    next(iter(stream))
    stream.close()
    stream.close()


def drop_unread(_stream: Any) -> None:
    """Do nothing with it."""


def start_and_drop(stream: Any) -> None:
    """Make an iterator and never ask it."""
    iter(stream)


def drop_in_cycle(stream: Any) -> None:
    """Leave it to the garbage collection, with a half-read iterator."""
    iterator = iter(stream)
    next(iterator)
    cycle: list[Any] = [iterator, stream]
    cycle.append(cycle)


def bind_to_itself(stream: Any) -> None:
    """Hang something on it that holds it, as OpenLLMetry does."""
    next(iter(stream))
    stream.note = stream.close


# Readers of bodies.


def read_at_once(body: Any) -> None:
    """Read with ``read()``."""
    body.read()


def read_lines(body: Any) -> None:
    """Read with ``iter_lines()``."""
    read_all(body.iter_lines())


def read_into(body: Any) -> None:
    """Read with ``readinto(buffer)``."""
    buffer = bytearray(16)
    while body.readinto(buffer):
        pass
