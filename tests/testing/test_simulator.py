"""How the simulator is scripted and what it remembers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from bedrock_attrib import ConfigError
from bedrock_attrib.testing import (
    Reply,
    Simulator,
    ToolUse,
    bedrock_simulator,
    tokens,
)

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "amazon.nova-lite-v1:0"
HELLO = [{"role": "user", "content": [{"text": "Hello"}]}]
THREE_ATTEMPTS = Config(retries={"total_max_attempts": 3, "mode": "standard"})


def said(client: BaseClient, model_id: str = CLAUDE) -> str:
    """Text of a Converse answer."""
    answer = client.converse(modelId=model_id, messages=HELLO)
    return str(answer["output"]["message"]["content"][0]["text"])


def test_the_endpoint_is_on_the_loopback_interface(simulator: Simulator) -> None:
    """Nobody beyond this machine reaches the port."""
    url = urlsplit(simulator.endpoint_url)

    assert (url.scheme, url.hostname) == ("http", "127.0.0.1")


def test_converse_answers_without_any_script(client: BaseClient) -> None:
    """A new simulator answers Converse with a text and its usage."""
    answer = client.converse(modelId=CLAUDE, messages=HELLO)

    del answer["ResponseMetadata"]
    assert answer == {
        "output": {
            "message": {
                "role": "assistant",
                "content": [{"text": "Hello from this machine."}],
            }
        },
        "stopReason": "end_turn",
        "usage": {"inputTokens": 12, "outputTokens": 8, "totalTokens": 20},
        "metrics": {"latencyMs": 0},
    }


def test_answers_are_numbered(client: BaseClient) -> None:
    """Request ids are the same in every run."""
    ids = [
        client.converse(modelId=CLAUDE, messages=HELLO)["ResponseMetadata"]["RequestId"]
        for _ in range(2)
    ]

    assert ids == [
        "00000000-0000-0000-0000-000000000001",
        "00000000-0000-0000-0000-000000000002",
    ]


def test_the_latest_reply_that_fits_holds(
    simulator: Simulator, client: BaseClient
) -> None:
    """Replies are told apart by operation and model, and newer ones win."""
    simulator.reply(Reply(text="any"))
    simulator.reply(Reply(text="nova"), model_id=NOVA)
    simulator.reply(Reply(text="stream"), operation="ConverseStream")

    assert said(client) == "any"
    assert said(client, NOVA) == "nova"

    simulator.reply(Reply(text="newer"))

    assert said(client, NOVA) == "newer"


def test_a_reply_holds_as_often_as_told(
    simulator: Simulator, client: BaseClient
) -> None:
    """After its times the reply before it holds again."""
    simulator.reply(Reply(text="always"))
    simulator.reply(Reply(text="twice"), times=2)

    assert [said(client) for _ in range(3)] == ["twice", "twice", "always"]


def test_times_below_one_is_refused(simulator: Simulator) -> None:
    """A reply that never holds is a mistake."""
    with pytest.raises(ConfigError, match="times is 0; expected 1 or more, or None"):
        simulator.reply(Reply(), times=0)


def test_a_retry_succeeds_after_a_scripted_error(simulator: Simulator) -> None:
    """A client that retries gets the answer that follows the errors."""
    simulator.reply(Reply(error="ServiceUnavailableException"), times=2)
    client = simulator.client(config=THREE_ATTEMPTS)

    answer = client.converse(modelId=CLAUDE, messages=HELLO)

    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(simulator.requests) == 3


def test_requests_are_seen_without_their_text(
    simulator: Simulator, client: BaseClient
) -> None:
    """What was asked is told by operation, model, headers and length."""
    client.converse(modelId=CLAUDE, messages=HELLO)

    seen = simulator.requests[0]
    assert (seen.operation, seen.model_id) == ("Converse", CLAUDE)
    assert seen.body_bytes == 64
    assert seen.body is None
    assert seen.headers["content-type"] == "application/json"
    assert "authorization" not in seen.headers


def test_bodies_are_kept_where_asked_for() -> None:
    """A test may look at what its application sends."""
    with bedrock_simulator(keep_bodies=True) as simulator:
        simulator.client().invoke_model(modelId=CLAUDE, body=b'{"max_tokens": 9}')

        assert simulator.requests[0].body == b'{"max_tokens": 9}'


def test_a_model_may_be_named_by_its_arn(
    simulator: Simulator, client: BaseClient
) -> None:
    """An ARN in the path is read back as the caller wrote it."""
    arn = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{CLAUDE}"
    simulator.reply(Reply(text="found"), model_id=arn)

    assert said(client, arn) == "found"


def test_an_unknown_path_is_an_unknown_operation(simulator: Simulator) -> None:
    """An operation that is not simulated is refused, and seen without a name."""
    client = simulator.client("bedrock")

    with pytest.raises(ClientError, match="UnknownOperationException"):
        client.list_foundation_models()

    assert simulator.requests[0].operation == ""


def test_a_known_path_with_another_method_is_unknown(simulator: Simulator) -> None:
    """A model is asked by POST only."""
    with urllib3.PoolManager() as pool:
        answer = pool.request("GET", f"{simulator.endpoint_url}/model/a/converse")

    assert answer.status == 404


def test_served_tier_latency_mode_and_router_are_told(
    simulator: Simulator, client: BaseClient, needs: Callable[[str, str], None]
) -> None:
    """Converse says in its fields what served the call."""
    needs("ConverseResponse", "serviceTier")
    arn = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    simulator.reply(
        Reply(service_tier="flex", latency_mode="optimized", invoked_model=arn)
    )

    answer = client.converse(modelId=CLAUDE, messages=HELLO)
    stream = client.converse_stream(modelId=CLAUDE, messages=HELLO)["stream"]
    metadata = list(stream)[-1]["metadata"]

    for told in (answer, metadata):
        assert told["serviceTier"] == {"type": "flex"}
        assert told["performanceConfig"] == {"latency": "optimized"}
        assert told["trace"] == {"promptRouter": {"invokedModelId": arn}}


def test_invoke_model_tells_tier_and_latency_mode_in_headers(
    simulator: Simulator, client: BaseClient, needs: Callable[[str, str], None]
) -> None:
    """A plain answer and a stream have the same two headers."""
    needs("InvokeModelResponse", "serviceTier")
    simulator.reply(Reply(service_tier="priority", latency_mode="standard"))

    answer = client.invoke_model(modelId=CLAUDE, body=b"{}")
    stream = client.invoke_model_with_response_stream(modelId=CLAUDE, body=b"{}")

    for told in (answer, stream):
        assert told["serviceTier"] == "priority"
        assert told["performanceConfigLatency"] == "standard"
        with closing(told["body"]) as body:
            list(body)


def test_cache_tokens_of_converse_are_told_by_lifetime(
    simulator: Simulator, client: BaseClient, needs: Callable[[str, str], None]
) -> None:
    """Input excludes the cache, the longest lifetime comes first, the total has all."""
    needs("TokenUsage", "cacheDetails")
    usage = tokens(
        input_tokens=1,
        output_tokens=2,
        cache_read_tokens=30,
        cache_write_5m_tokens=400,
        cache_write_1h_tokens=5000,
    )
    simulator.reply(Reply(usage=usage))

    answer = client.converse(modelId=CLAUDE, messages=HELLO)

    assert answer["usage"] == {
        "inputTokens": 1,
        "outputTokens": 2,
        "totalTokens": 5433,
        "cacheReadInputTokens": 30,
        "cacheWriteInputTokens": 5400,
        "cacheDetails": [
            {"ttl": "1h", "inputTokens": 5000},
            {"ttl": "5m", "inputTokens": 400},
        ],
    }


ROME = {"city": "Rome"}
WEATHER = ToolUse("weather", ROME, id="mine")


def test_converse_asks_for_tools_after_the_text(
    simulator: Simulator, client: BaseClient
) -> None:
    """A tool without an id gets one made from its position."""
    simulator.reply(Reply(text="Let me see.", tool_uses=(WEATHER, ToolUse("clock"))))

    answer = client.converse(modelId=CLAUDE, messages=HELLO)

    assert answer["stopReason"] == "tool_use"
    assert answer["output"]["message"]["content"] == [
        {"text": "Let me see."},
        {
            "toolUse": {
                "toolUseId": "mine",
                "name": "weather",
                "input": {"city": "Rome"},
            }
        },
        {"toolUse": {"toolUseId": "tooluse_1", "name": "clock", "input": {}}},
    ]


def test_a_stream_sends_arguments_of_tools_in_parts(
    simulator: Simulator, client: BaseClient
) -> None:
    """Without a text the first block is the tool's, and its parts make up the JSON."""
    simulator.reply(Reply(text="", tool_uses=(WEATHER,)))

    stream = client.converse_stream(modelId=CLAUDE, messages=HELLO)["stream"]
    events = list(stream)

    assert events[:-1] == [
        {"messageStart": {"role": "assistant"}},
        {
            "contentBlockStart": {
                "start": {"toolUse": {"toolUseId": "mine", "name": "weather"}},
                "contentBlockIndex": 0,
            }
        },
        {
            "contentBlockDelta": {
                "delta": {"toolUse": {"input": '{"city":'}},
                "contentBlockIndex": 0,
            }
        },
        {
            "contentBlockDelta": {
                "delta": {"toolUse": {"input": ' "Rome"}'}},
                "contentBlockIndex": 0,
            }
        },
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "tool_use"}},
    ]


def test_converse_without_usage_says_nothing(
    simulator: Simulator, client: BaseClient
) -> None:
    """Neither the answer nor the last event mentions a count."""
    simulator.reply(Reply(usage=None))

    answer = client.converse(modelId=CLAUDE, messages=HELLO)
    stream = client.converse_stream(modelId=CLAUDE, messages=HELLO)["stream"]

    assert "usage" not in answer
    assert list(stream)[-1] == {"metadata": {"metrics": {"latencyMs": 0}}}


def test_extra_fields_replace_what_was_there(
    simulator: Simulator, client: BaseClient
) -> None:
    """A test can make an answer contradict itself, as some real ones do."""
    odd = {"inputTokens": 9, "outputTokens": 9, "totalTokens": 1}
    simulator.reply(Reply(extra={"usage": odd}))

    answer = client.converse(modelId=CLAUDE, messages=HELLO)
    stream = client.converse_stream(modelId=CLAUDE, messages=HELLO)["stream"]

    assert answer["usage"] == odd
    assert list(stream)[-1]["metadata"]["usage"] == odd


def test_body_headers_and_frames_may_be_set_to_the_byte(
    simulator: Simulator, client: BaseClient
) -> None:
    """What the reply holds is what goes over the wire."""
    simulator.reply(
        Reply(
            body=b"not json",
            headers={"X-AMZN-Bedrock-Input-Token-Count": "many", "X-Mine": "yes"},
        )
    )
    simulator.reply(Reply(frames=()), operation="ConverseStream")

    answer = client.invoke_model(modelId=CLAUDE, body=b"{}")
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    stream = client.converse_stream(modelId=CLAUDE, messages=HELLO)["stream"]

    assert answer["body"].read() == b"not json"
    assert headers["x-amzn-bedrock-input-token-count"] == "many"
    assert headers["x-mine"] == "yes"
    assert list(stream) == []


def test_the_request_id_may_be_set(simulator: Simulator, client: BaseClient) -> None:
    """A reply's own request id takes the place of the number."""
    simulator.reply(Reply(headers={"x-amzn-RequestId": "mine"}))

    answer = client.converse(modelId=CLAUDE, messages=HELLO)

    assert answer["ResponseMetadata"]["RequestId"] == "mine"


def test_token_headers_may_be_left_out(
    simulator: Simulator, client: BaseClient
) -> None:
    """The body still counts."""
    simulator.reply(Reply(token_headers=False))

    answer = client.invoke_model(modelId=CLAUDE, body=b"{}")

    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert [name for name in headers if "token-count" in name] == []
    assert b'"input_tokens":12' in answer["body"].read()


def test_a_connection_is_used_again(simulator: Simulator) -> None:
    """Plain answers, errors and whole streams leave the connection open."""
    simulator.reply(Reply(error="ValidationException"), times=1)
    ask = {"body": b"{}", "retries": False}
    base = f"{simulator.endpoint_url}/model/{NOVA}"
    with urllib3.PoolManager(maxsize=1) as pool:
        for path in ("/invoke", "/converse", "/converse-stream", "/invoke"):
            pool.request("POST", base + path, **ask)
        connections = pool.connection_from_url(base).num_connections

    assert connections == 1


def test_64_threads_are_answered(simulator: Simulator) -> None:
    """Each of many clients at once gets its own answer."""
    client = simulator.client()

    def text_for(number: int) -> str:
        simulator.reply(Reply(text=f"{number}"), model_id=f"a.{number}")
        return said(client, f"a.{number}")

    with ThreadPoolExecutor(64) as pool:
        texts = list(pool.map(text_for, range(256)))

    assert texts == [str(number) for number in range(256)]
    assert len(simulator.requests) == 256


def test_closing_is_final(client: BaseClient, simulator: Simulator) -> None:
    """An open, idle connection does not hold it up, and closing twice is fine."""
    said(client)
    simulator.close()
    simulator.close()

    with pytest.raises(EndpointConnectionError):
        said(client)
