"""anthropic's client for Bedrock, which uses httpx: metered by its event hooks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from frameworks import ANSWER, QUESTION, SONNET, refused_once, seen

from bedrock_attrib import CallRecord, attribution
from bedrock_attrib.httpx import instrument
from bedrock_attrib.testing import Reply, Simulator

anthropic = pytest.importorskip("anthropic", reason="anthropic is missing")

ASKED: dict[str, Any] = {
    "model": SONNET,
    "max_tokens": 100,
    "messages": [{"role": "user", "content": QUESTION}],
}
TOOLS = [
    {
        "name": "weather",
        "description": "Tell the weather of a city.",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]
PLAIN, STREAM = "InvokeModel", "InvokeModelWithResponseStream"


def client(endpoint: Simulator) -> Any:
    """The client as an application makes it, but for one call of ours."""
    return anthropic.AnthropicBedrock(
        aws_region="us-east-1",
        base_url=endpoint.endpoint_url,
        max_retries=0,
        http_client=instrument(anthropic.DefaultHttpxClient()),
    )


def test_plain(endpoint: Simulator, records: list[CallRecord]) -> None:
    """One question is one record."""
    with attribution(team="search") as spend, client(endpoint) as bedrock:
        assert bedrock.messages.create(**ASKED).content[0].text == ANSWER
    assert seen(records) == [(PLAIN, "priced", {"team": "search"})]
    assert spend.calls == 1
    assert records[0].region == "us-east-1"


def test_stream(endpoint: Simulator, records: list[CallRecord]) -> None:
    """A stream is one record, with the tags of the block that began it."""
    bedrock = client(endpoint)
    with attribution(team="search"):
        manager = bedrock.messages.stream(**ASKED)
        stream = manager.__enter__()
    assert "".join(stream.text_stream) == ANSWER
    manager.__exit__(None, None, None)
    bedrock.close()
    assert seen(records) == [(STREAM, "priced", {"team": "search"})]


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_tools(
    asks_tool: Simulator, records: list[CallRecord], *, streaming: bool
) -> None:
    """A tool that is asked for arrives whole, and is metered once."""
    with attribution(team="search"), client(asks_tool) as bedrock:
        if streaming:
            with bedrock.messages.stream(**ASKED, tools=TOOLS) as stream:
                message = stream.get_final_message()
        else:
            message = bedrock.messages.create(**ASKED, tools=TOOLS)
    (block,) = message.content
    assert (block.name, block.input) == ("weather", {"city": "Oslo"})
    operation = STREAM if streaming else PLAIN
    assert seen(records) == [(operation, "priced", {"team": "search"})]


def test_async(endpoint: Simulator, records: list[CallRecord]) -> None:
    """Calls at once keep their tags apart, streamed or not."""

    async def ask(bedrock: Any, team: str) -> None:
        with attribution(team=team):
            await bedrock.messages.create(**ASKED)
            async with bedrock.messages.stream(**ASKED) as stream:
                assert [text async for text in stream.text_stream]

    async def main() -> None:
        async with anthropic.AsyncAnthropicBedrock(
            aws_region="us-east-1",
            base_url=endpoint.endpoint_url,
            http_client=instrument(anthropic.DefaultAsyncHttpxClient()),
        ) as bedrock:
            await asyncio.gather(*(ask(bedrock, f"team-{n}") for n in range(5)))

    asyncio.run(main())
    assert sorted(seen(records), key=str) == [
        (operation, "priced", {"team": f"team-{number}"})
        for operation in (PLAIN, STREAM)
        for number in range(5)
    ]


def test_a_retry_is_a_record_of_its_own(
    endpoint: Simulator, records: list[CallRecord]
) -> None:
    """What anthropic tries again is a call that failed, and one that did not."""
    endpoint.reply(Reply(error="ThrottlingException"), times=1)
    with client(endpoint) as bedrock:
        bedrock.with_options(max_retries=1).messages.create(**ASKED)
    assert [(r.outcome, r.error, r.price_status) for r in records] == [
        ("error", "ThrottlingException", "free"),
        ("ok", None, "priced"),
    ]


def test_mantle(endpoint: Simulator, records: list[CallRecord]) -> None:
    """Anthropic's own interface, as the mantle endpoint serves it, is metered too."""
    http_client = instrument(
        anthropic.DefaultHttpxClient(),
        endpoint_url=endpoint.endpoint_url,
        region="us-east-1",
    )
    with (
        attribution(team="search"),
        anthropic.Anthropic(
            api_key="simulated",
            base_url=f"{endpoint.endpoint_url}/anthropic",
            http_client=http_client,
        ) as mantle,
    ):
        asked = ASKED | {"model": "anthropic.claude-sonnet-5"}
        mantle.messages.create(**asked)
        with mantle.messages.stream(**asked) as stream:
            assert stream.get_final_text() == ANSWER
    assert seen(records) == [("Messages", "priced", {"team": "search"})] * 2


def test_a_refusal_is_not_retried(
    endpoint: Simulator, records: list[CallRecord]
) -> None:
    """It reaches the application, and nothing more is sent."""
    with attribution(limit_calls=0), client(endpoint) as bedrock:
        refused_once(lambda: bedrock.messages.create(**ASKED), records)
    assert endpoint.requests == []
