"""What the clients of OpenAI and Anthropic get from the simulator."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from waiting import HANG_S

from bedrock_attrib.testing import (
    Fault,
    FaultKind,
    Reply,
    Simulator,
    ToolUse,
    tokens,
)

GPT = "openai.gpt-5.6-luna"
CLAUDE = "anthropic.claude-sonnet-5"
USAGE = tokens(input_tokens=7, output_tokens=3, cache_read_tokens=2)
WEATHER = ToolUse("weather", {"city": "Oslo"}, id="call_1")


def ask(simulator: Simulator, path: str, **fields: Any) -> tuple[str, bytes]:
    """Content type and body of an answer."""
    request = urllib.request.Request(
        simulator.endpoint_url + path, json.dumps(fields).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=HANG_S) as response:
        return response.headers["Content-Type"], response.read()


def asked(simulator: Simulator, path: str, **fields: Any) -> dict[str, Any]:
    """A plain answer."""
    kind, body = ask(simulator, path, **fields)
    assert kind == "application/json"
    answer: dict[str, Any] = json.loads(body)
    return answer


def streamed(simulator: Simulator, path: str, **fields: Any) -> list[Any]:
    """The data of a stream's events; ``[DONE]`` as it is."""
    kind, body = ask(simulator, path, stream=True, **fields)
    assert kind == "text/event-stream"
    lines = body.decode().splitlines()
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    return [text if text == "[DONE]" else json.loads(text) for text in data]


@pytest.mark.parametrize("front", ["/openai/v1", "/v1"])
def test_chat_completions(simulator: Simulator, front: str) -> None:
    """A chat completion counts cached tokens inside the prompt, and tells its tier."""
    simulator.reply(Reply(text="Sunny.", usage=USAGE, service_tier="flex"))
    answer = asked(simulator, f"{front}/chat/completions", model=GPT)
    assert answer["model"] == GPT
    assert answer["choices"][0]["message"]["content"] == "Sunny."
    assert answer["usage"]["prompt_tokens"] == 9
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert answer["service_tier"] == "flex"
    (seen,) = simulator.requests
    assert (seen.operation, seen.model_id) == ("ChatCompletions", GPT)


def test_a_stream_of_chat_completions(simulator: Simulator) -> None:
    """Chunks end with a reason; their usage comes apart, if the request asks for it."""
    simulator.reply(Reply(text="Sunny.", usage=USAGE, chunks=2))
    path = "/v1/chat/completions"
    plain = streamed(simulator, path, model=GPT)
    asking = {"stream_options": {"include_usage": True}}
    told = streamed(simulator, path, model=GPT, **asking)
    assert [c["choices"][0]["delta"].get("content") for c in plain[:-1]] == [
        "",
        "Sun",
        "ny.",
        None,
    ]
    assert [chunk.get("usage") for chunk in plain[:-1]] == [None] * 4
    assert (plain[-1], told[-1]) == ("[DONE]", "[DONE]")
    assert told[-2]["choices"] == []
    assert told[-2]["usage"]["total_tokens"] == 12


def test_a_stream_that_knows_no_usage(simulator: Simulator) -> None:
    """What the reply leaves out is not told, asked for or not."""
    simulator.reply(Reply(text="Sunny.", usage=None))
    asking = {"stream_options": {"include_usage": True}}
    chunks = streamed(simulator, "/v1/chat/completions", model=GPT, **asking)
    assert [c for c in chunks if "usage" in c] == []
    assert asked(simulator, "/v1/responses", model=GPT)["usage"] is None


def test_responses(simulator: Simulator) -> None:
    """A response holds text and calls of tools, and counts as OpenAI does."""
    simulator.reply(Reply(text="Let me see.", usage=USAGE, tool_uses=(WEATHER,)))
    answer = asked(simulator, "/openai/v1/responses", model=GPT)
    message, call = answer["output"]
    assert message["content"][0]["text"] == "Let me see."
    assert (call["call_id"], call["name"], call["arguments"]) == (
        "call_1",
        "weather",
        '{"city": "Oslo"}',
    )
    assert answer["usage"] == {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 2},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 12,
    }


def test_a_stream_of_responses(simulator: Simulator) -> None:
    """Events are numbered, and the last repeats the whole response."""
    simulator.reply(Reply(text="Hm.", usage=USAGE, tool_uses=(WEATHER,), chunks=1))
    events = streamed(simulator, "/v1/responses", model=GPT)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert events[-1]["response"]["usage"]["total_tokens"] == 12


def test_a_stream_of_responses_without_text(simulator: Simulator) -> None:
    """A response may hold calls of tools alone."""
    simulator.reply(Reply(text="", tool_uses=(WEATHER,)))
    events = streamed(simulator, "/v1/responses", model=GPT)
    assert [item["type"] for item in events[-1]["response"]["output"]] == [
        "function_call"
    ]
    assert events[2]["output_index"] == 0


@pytest.mark.parametrize("front", ["/anthropic/v1", "/v1"])
def test_messages(simulator: Simulator, front: str) -> None:
    """A message counts cached tokens apart, plain and streamed."""
    simulator.reply(Reply(text="Sunny.", usage=USAGE))
    answer = asked(simulator, f"{front}/messages", model=CLAUDE)
    events = streamed(simulator, f"{front}/messages", model=CLAUDE)
    assert answer["usage"] == {
        "input_tokens": 7,
        "cache_read_input_tokens": 2,
        "output_tokens": 3,
    }
    assert events[0]["type"] == "message_start"
    assert events[-2]["usage"] == {"output_tokens": 3}


def test_an_error(simulator: Simulator) -> None:
    """Errors come in these interfaces' words."""
    simulator.reply(Reply(error="ThrottlingException", error_message="Slow down."))
    with pytest.raises(urllib.error.HTTPError) as raised:
        ask(simulator, "/v1/chat/completions", model=GPT)
    assert raised.value.code == 429
    assert json.loads(raised.value.read())["error"]["message"] == "Slow down."
    raised.value.close()


def test_an_error_inside_a_stream(simulator: Simulator) -> None:
    """A stream may end in an error."""
    fault = Fault(FaultKind.EXCEPTION_EVENT, after=1, error="overloaded")
    simulator.reply(Reply(fault=fault))
    events = streamed(simulator, "/v1/messages", model=CLAUDE)
    assert [event["type"] for event in events] == ["message_start", "error"]
    assert events[1]["error"]["code"] == "overloaded"


def test_no_checksum_to_spoil(simulator: Simulator) -> None:
    """What only event streams have, others can't lose."""
    simulator.reply(Reply(fault=Fault(FaultKind.BAD_CHECKSUM)))
    events = streamed(simulator, "/v1/messages", model=CLAUDE)
    assert events[-1]["type"] == "message_stop"


def test_very_bytes(simulator: Simulator) -> None:
    """Body and frames may be given as they go over the wire."""
    simulator.reply(Reply(body=b"{}", frames=(b"data: {}\n\n",)))
    assert ask(simulator, "/v1/responses", model=GPT)[1] == b"{}"
    assert streamed(simulator, "/v1/responses", model=GPT) == [{}]


def test_extra_fields(simulator: Simulator) -> None:
    """Extra fields go into the body, or the last event."""
    simulator.reply(Reply(extra={"project": "abc"}))
    assert asked(simulator, "/v1/responses", model=GPT)["project"] == "abc"
    assert streamed(simulator, "/v1/responses", model=GPT)[-1]["project"] == "abc"


def test_environment(simulator: Simulator) -> None:
    """The variables name the endpoint for boto3."""
    assert simulator.environment == {
        "AWS_ACCESS_KEY_ID": "simulated",
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_BEDROCK": simulator.endpoint_url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": simulator.endpoint_url,
    }
