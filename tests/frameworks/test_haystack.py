"""haystack: generators and embedders are metered once, with their tags."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from frameworks import ANSWER, QUESTION, SONNET, refused_once, seen

from bedrock_attrib import CallRecord, attribution
from bedrock_attrib.testing import Reply, Simulator, tokens

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")
generators = pytest.importorskip(
    "haystack_integrations.components.generators.amazon_bedrock",
    reason="amazon-bedrock-haystack is missing",
)
embedders = pytest.importorskip(
    "haystack_integrations.components.embedders.amazon_bedrock"
)
haystack = pytest.importorskip("haystack")
ChatMessage = pytest.importorskip("haystack.dataclasses").ChatMessage
Tool = pytest.importorskip("haystack.tools").Tool

WEATHER_TOOL = Tool(
    name="weather",
    description="Tell the weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
    function=lambda city: f"rain in {city}",
)


def generator(**settings: Any) -> Any:
    """The generator as an application makes it."""
    return generators.AmazonBedrockChatGenerator(model=SONNET, **settings)


def test_plain(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """One run of a pipeline is one record."""
    pipeline = haystack.Pipeline()
    pipeline.add_component("llm", generator())
    with attribution(team="search") as spend:
        result = pipeline.run({"llm": {"messages": [ChatMessage.from_user(QUESTION)]}})
    assert result["llm"]["replies"][0].text == ANSWER
    assert seen(everything) == [("Converse", "priced", {"team": "search"})]
    assert spend.calls == 1


def test_stream(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """A stream is one record."""
    chunks: list[str] = []
    llm = generator(streaming_callback=lambda chunk: chunks.append(chunk.content))
    with attribution(team="search"):
        llm.run([ChatMessage.from_user(QUESTION)])
    assert "".join(chunks) == ANSWER
    assert seen(everything) == [("ConverseStream", "priced", {"team": "search"})]


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_tools(
    asks_tool: Simulator, everything: list[CallRecord], *, streaming: bool
) -> None:
    """A tool that is asked for arrives whole, and is metered once."""
    callback = (lambda chunk: None) if streaming else None
    llm = generator(tools=[WEATHER_TOOL], streaming_callback=callback)
    with attribution(team="search"):
        result = llm.run([ChatMessage.from_user(QUESTION)])
    (call,) = result["replies"][0].tool_calls
    assert (call.tool_name, call.arguments) == ("weather", {"city": "Oslo"})
    operation = "ConverseStream" if streaming else "Converse"
    assert seen(everything) == [(operation, "priced", {"team": "search"})]


def test_embedder(endpoint: Simulator, everything: list[CallRecord]) -> None:
    """An embedding is one record, priced by its input."""
    endpoint.reply(Reply(usage=tokens(input_tokens=7)))
    embedder = embedders.AmazonBedrockTextEmbedder(model="amazon.titan-embed-text-v2:0")
    with attribution(team="search") as spend:
        embedder.run("one")
    assert [(r.operation, r.usage) for r in everything] == [
        ("InvokeModel", tokens(input_tokens=7))
    ]
    assert (spend.calls, spend.unpriced_calls) == (1, 0)


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_async(
    endpoint: Simulator, everything: list[CallRecord], *, streaming: bool
) -> None:
    """Async runs, which go through aiobotocore, are metered once each."""
    pytest.importorskip(
        "bedrock_attrib._instrument.async_streams",
        reason="no async door in this version",
    )

    async def hear(chunk: object) -> None:
        """Take a piece of the answer."""

    async def ask(team: str) -> None:
        llm = generator()
        callback = hear if streaming else None
        with attribution(team=team):
            await llm.run_async(
                [ChatMessage.from_user(QUESTION)], streaming_callback=callback
            )

    async def main() -> None:
        await asyncio.gather(*(ask(f"team-{number}") for number in range(5)))

    asyncio.run(main())
    operation = "ConverseStream" if streaming else "Converse"
    assert sorted(seen(everything), key=str) == [
        (operation, "priced", {"team": f"team-{number}"}) for number in range(5)
    ]


def test_a_refusal_is_not_retried(
    endpoint: Simulator, everything: list[CallRecord]
) -> None:
    """It reaches the application, and nothing more is sent."""
    with attribution(limit_calls=0):
        refused_once(
            lambda: generator().run([ChatMessage.from_user(QUESTION)]), everything
        )
    assert endpoint.requests == []
